"""A webhook secret is rotated while deliveries come, and none of them is refused.

Three extensions take what the platform sends, which signs for whoever takes it, and what a sender
posts who was told the new secret only when all was done.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.acceptance.conftest import PATIENCE_S, signed

from kiket_console.client import Client
from kiket_console.wire import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.acceptance.conftest import Engine


BODY = {"event": "issue.created", "event_version": "v1", "issue": {"key": "LEAD-1"}}
OLD, NEW = "the-secret-of-yesterday-0123456789", "the-secret-of-tomorrow-9876543210"
CODE = """\
import os
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret=os.environ.get("KIKET_SECRET_HOOK") or "not set yet")

@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    return {"ok": True}
"""
COMMAND = """\
import hashlib, hmac, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRETS = [os.environ[name] for name in ("KIKET_WEBHOOK_SECRET", "KIKET_WEBHOOK_SECRET_PREVIOUS")
           if name in os.environ]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = self.headers["X-Kiket-Signature"]
        # what the platform signs, it signs for this very process
        known = SECRETS[:1] if self.headers["User-Agent"] == "kiket-console" else SECRETS
        made = [hmac.new(each.encode(), body, hashlib.sha256).hexdigest() for each in known]
        self.answer(200 if sent in made else 401)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *told):
        pass


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
PAUSE_S = 0.02
"""From an answer to the next delivery of the same sender."""
SENDERS = ("platform", "stranger")
NAMES = ("command", "code")
PROJECT = "[[extension]]\npath = 'command'\ncommand = 'python server.py'\ndialect = 'k0'\n"


@dataclass
class Traffic:
    """Deliveries that do not end, of two senders to each extension."""

    engine: Engine
    client: Client
    secrets: dict[str, str]
    """What the sender outside signs with, by extension."""
    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """By extension, sender and status."""
    newest: dict[str, int] = field(default_factory=dict)
    """The newest of the platform's deliveries, by extension."""
    is_over: bool = False

    async def of_platform(self, name: str) -> None:
        """Have the platform send events, which it signs."""
        raw = json.dumps(BODY).encode()
        while not self.is_over:
            event = Event("issue.created", "v1", name, raw, dialect="k0")
            result = await self.client.send_event(event)
            self.statuses[name, "platform", result.status or 0] += 1
            self.newest[name] = result.exchange_id
            await asyncio.sleep(PAUSE_S)

    async def of_stranger(self, name: str) -> None:
        """Post what somebody signed who knows the secret."""
        place = urlsplit(self.engine.info["gateway_url"])
        raw = json.dumps(BODY).encode()
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        while not self.is_over:
            signature = signed(raw, secret=self.secrets[name])
            head = [
                f"POST /x/{name}/v/v1/webhooks/issue.created HTTP/1.1",
                f"Host: {place.netloc}",
                "Content-Type: application/json",
                f"Content-Length: {len(raw)}",
                *(f"{key}: {value}" for key, value in signature.items()),
            ]
            writer.write("\r\n".join([*head, "", ""]).encode() + raw)
            answer = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in answer.splitlines()[1:-1])
            await reader.readexactly(int(fields[b"content-length"]))
            self.statuses[name, "stranger", int(answer.split()[1])] += 1
            await asyncio.sleep(PAUSE_S)
        writer.close()

    async def more(self, count: int) -> None:
        """Wait until each sender has had so many more answers."""
        before = self.statuses.copy()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                since = Counter[tuple[str, str]]()
                for (name, who, _), answers in (self.statuses - before).items():
                    since[name, who] += answers
                if all(since[name, who] >= count for name in NAMES for who in SENDERS):
                    return
                await asyncio.sleep(0.01)


@pytest.fixture
def project(own_places: Path) -> Path:
    """Return a folder with code that reads a secret of its own, and a command that is given one."""
    folder = own_places / "shop"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "main.py").write_text(CODE)
    (folder / "code" / "extension.yaml").write_text("id: code\nsecrets: [HOOK]\n")
    (folder / "command").mkdir()
    (folder / "command" / "server.py").write_text(COMMAND)
    (folder / "kiket.toml").write_text(PROJECT)
    return folder


async def serve(client: Client, *names: str) -> None:
    """Wait until these workers serve."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in client.notices():
            if {each.name for each in await client.workers() if each.serving} >= {*names}:
                return


async def test_nothing_is_refused_while_a_webhook_secret_is_rotated(
    project: Path, running: Callable[..., AbstractContextManager[Engine]]
) -> None:
    with running(project, "--session-secrets") as engine:
        async with Client(engine.paths) as client:
            await client.secrets.set("HOOK", OLD)
            (project / "kiket.toml").write_text(PROJECT + "[[extension]]\npath = 'code'\n")
            await serve(client, *NAMES)
            made = await client.secrets.reveal("KIKET_WEBHOOK_SECRET.command")
            traffic = Traffic(engine, client, {"code": OLD, "command": made})
            async with asyncio.TaskGroup() as tasks:
                for name in NAMES:
                    tasks.create_task(traffic.of_platform(name))
                    tasks.create_task(traffic.of_stranger(name))
                await traffic.more(25)
                before = traffic.newest["code"]
                names = ("HOOK", "KIKET_WEBHOOK_SECRET")
                done = await asyncio.gather(
                    *(client.secrets.rotate(name, NEW, timeout_s=60) for name in names)
                )
                await traffic.more(25)
                traffic.secrets = dict.fromkeys(NAMES, NEW)
                await traffic.more(25)
                traffic.is_over = True
            again = await client.replay(before)
            state = await client.secrets.state()

    assert [(each.ok, each.restarted) for each in done] == [(True, ("code",)), (True, NAMES)]
    assert {key: count for key, count in traffic.statuses.items() if key[2] != 200} == {}
    assert traffic.statuses.total() >= 300
    assert again.status == 200, "what brought the former value along brings the new one"
    assert {
        (entry.name, use.worker, use.how, use.version)
        for entry in state.entries
        for use in entry.uses
    } == {
        ("KIKET_WEBHOOK_SECRET", "code", "pipe", 1),
        ("KIKET_WEBHOOK_SECRET", "command", "environment", 1),
        ("HOOK", "code", "pipe", 2),
        ("HOOK", "code", "payload", 2),
    }
