"""Fifty secrets, spilled wherever code can spill, are in nothing that the program leaves or shows.

One project uses them for a while; then all that is there is searched for each of their forms.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.acceptance.conftest import running
from tests.faults import spellings

from kiket_console import crash
from kiket_console.client import Client
from kiket_console.exporting import commands, files
from kiket_console.exporting.as_http import as_http
from kiket_console.exporting.reading import recorded
from kiket_console.saved_tests import save_test
from kiket_console.ui.app import ConsoleApp
from kiket_console.wire import IpcMessage
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Engine

COUNT = 50
NAMES = tuple(f"CANARY_{number:02d}" for number in range(COUNT))
OF_MODULE = NAMES[:5]
ROTATED = NAMES[7]
"""Has another value before it; that one is not to be seen either."""
BEFORE = "BEFORE"
PATIENCE_S = 90.0

PROJECT = """\
[[extension]]
name = "other"
command = "python other.py"
"""
USERS = f"""\
[[extension]]
path = "shop"
[[module]]
name = "parrot"
entry = "parrot/main.py"
secrets = {list(OF_MODULE)}
"""
SHOP = """\
import logging, os, sys
from kiket_sdk import KiketSDK
from spellings import embedded

sdk = KiketSDK()
log = logging.getLogger("shop")
VALUES = {name: value for name, value in os.environ.items()
          if name.startswith("KIKET_SECRET_CANARY") and not name.endswith("_UNTIL")}
TEXTS = {name: " | ".join(embedded(value)) for name, value in VALUES.items()}
# a text that is escaped again is no form of the secret any more
PLAIN = {name: [each for each in embedded(value) if "\\\\" not in each] + [value]
         for name, value in VALUES.items()}


@sdk.webhook("spill", version="v1")
async def spill(payload, context):
    for name, text in TEXTS.items():
        print("printed", text)
        print("printed", text, file=sys.stderr)
        log.warning("logged %s", text, extra={"told": text})
        raw = f"written {text}\\n".encode()
        for at in range(0, len(raw), 37):  # as it comes, cut anywhere
            os.write(1, raw[at:at + 37])
        try:
            raise ValueError(text)
        except ValueError:
            log.exception("failed")
    await context.endpoints.log_event("seen", forms=PLAIN)
    return {"ok": True, "forms": PLAIN}


@sdk.webhook("fail", version="v1")
async def fail(payload, context):
    raise RuntimeError(" ".join(TEXTS.values()))
"""
PARROT = """\
import logging, sys
from spellings import embedded
from starlette.applications import Starlette
from pywatt_sdk import pywatt_module


@pywatt_module()
async def create_app(app_state):
    @app_state.on_message("spill")
    async def spill(message):
        values = [(await app_state.get_secret(name)).expose_secret() for name in SECRETS]
        texts = [" | ".join(embedded(value)) for value in values]
        for text in texts:
            print("printed", text)
            print("printed", text, file=sys.stderr)
            logging.getLogger("parrot").warning("logged %s", text)
        return {"forms": [[each for each in embedded(value) if "\\\\" not in each] + [value]
                          for value in values], "asked": message}

    return Starlette()
"""
OTHER = """\
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def canaries() -> dict[str, str]:
    """Return values of each kind that secrets have, by name; the same ones each time."""
    chance = random.Random(41)  # noqa: S311 - the same values each time are what is wanted

    def made(kind: int) -> str:
        key = chance.randbytes(15).hex()
        match kind:
            case 1:
                return f"quo'te\"back\\slash{key}"
            case 2:
                return f"p+q/r=s?t&u%v#{key}"
            case 3:
                return f"ключ-漢字-ß{key}"
            case 4:
                lines = [chance.randbytes(24).hex() for _ in range(3)]
                return "\n".join(
                    ["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"]
                )
            case 5:
                parts = [b'{"alg":"ES256"}', b'{"sub":"%b"}' % key.encode(), chance.randbytes(48)]
                texts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
                return ".".join(texts)
            case 6:
                return f"pass phrase with {key}"
            case 7:
                return f"a<b>&c;{key}"
            case 8:
                return base64.b64encode(chance.randbytes(33)).decode()
            case 9:
                return key * 12
        return key

    return {name: made(number % 10) for number, name in enumerate((*NAMES, BEFORE))}


VALUES = canaries()


NEEDLES = tuple(
    (name, form.encode()) for name, value in VALUES.items() for form in spellings.spelled(value)
)


def found_in(haystack: bytes | str) -> set[str]:
    """Return the names of the secrets that are there in any form."""
    raw = haystack.encode("utf-8", "surrogatepass") if isinstance(haystack, str) else haystack
    return {name for name, needle in NEEDLES if needle in raw}


@pytest.fixture
def engine(own_places: Path) -> Iterator[Engine]:
    """Run a project with an extension that has them all, a module with some, and a command."""
    folder = own_places / "shop"
    spelling = Path(spellings.__file__).read_text()
    for name, code in (("shop", SHOP), ("parrot", f"SECRETS = {list(OF_MODULE)}\n{PARROT}")):
        (folder / name).mkdir(parents=True)
        (folder / name / "main.py").write_text(code)
        (folder / name / "spellings.py").write_text(spelling)
    declared = ", ".join(NAMES)
    (folder / "shop" / "extension.yaml").write_text(f"id: shop\nsecrets: [{declared}]\n")
    (folder / "other.py").write_text(OTHER)
    (folder / "kiket.toml").write_text(PROJECT)
    with running(folder, "--session-secrets") as engine:
        yield engine


async def spill(engine: Engine) -> None:
    """Use the secrets, and let code and senders spill them."""
    async with Client(engine.paths) as client:
        await client.secrets.set(ROTATED, VALUES[BEFORE])
        for name in NAMES:
            await client.secrets.set(name, VALUES[name])
        (engine.folder / "kiket.toml").write_text(PROJECT + USERS)
        async with asyncio.timeout(PATIENCE_S):
            async for _ in client.notices():
                if [each.serving for each in await client.workers()] == [True] * 3:
                    break
        asked = json.dumps({name: VALUES[name] for name in NAMES}, ensure_ascii=False).encode()
        for event, status in (("spill", 200), ("fail", 400)):
            told = await client.trigger(event, extension="shop", version="v1", raw_payload=asked)
            assert told.status == status
        said = {"type": "spill", "data": json.loads(asked)}
        message = {"source_module_id": "console", "expects_reply": True, "payload": {"json": said}}
        raw = json.dumps(message).encode()
        assert (await client.modules.send(IpcMessage("parrot", raw, "routed_module_message"))).ok
        entries = {each.name: each for each in (await client.secrets.state()).entries}
        uses = [(use.worker, use.how) for use in entries[OF_MODULE[0]].uses]
        assert uses == [("parrot", "message"), ("shop", "payload"), ("shop", "pipe")]
    texts = [each for value in VALUES.values() for each in spellings.embedded(value)]
    async with httpx.AsyncClient(timeout=30) as stranger:
        for way in ("", "/v/v1"):
            await stranger.post(
                f"{engine.info['gateway_url']}/x/shop{way}/webhooks/spill",
                params={"told": VALUES["CANARY_00"]},
                content="\n".join(texts).encode(),
                headers={
                    "content-type": "text/plain",
                    "authorization": f"Bearer {VALUES['CANARY_10']}",
                    "x-note": VALUES["CANARY_20"],
                },
            )


def found_in_processes(engine: Engine) -> dict[str, set[str]]:
    """Return what the processes' arguments and environments give away."""
    found = {}
    for pid in (engine.process.pid, *engine.descendants()):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                found[f"/proc/{pid}/{name}"] = found_in(Path(f"/proc/{pid}/{name}").read_bytes())
    return found


def found_in_files(place: Path) -> dict[str, set[str]]:
    """Return what the files of all the program's places give away."""
    raw = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    assert sum(map(len, raw.values())) > 500_000, "they were spilled"
    assert any(b"[secret:CANARY_49]" in each for each in raw.values())
    return {str(file.relative_to(place)): found_in(each) for file, each in raw.items()}


async def answers_of(engine: Engine) -> str:
    """Return what the control API says to who asks it anything but to reveal."""
    transport = httpx.AsyncHTTPTransport(uds=str(engine.paths.control_socket))
    async with httpx.AsyncClient(
        timeout=120, transport=transport, base_url="http://localhost"
    ) as client:
        described = (await client.get("/openapi.json")).json()
        plain = [
            path
            for path, ways in described["paths"].items()
            if "get" in ways and "{" not in path and "notices" not in path
        ]
        assert {"/v1/status", "/v1/secrets", "/v1/workers"} <= {*plain}
        answers = [(await client.get(path)).text for path in plain]
        event = {"event": "spill", "extension": "shop", "version": "v1", "dry_run": True}
        sent = {row.name: row.id for row in engine.reader.recent(100) if row.worker == "shop"}
        for path, asked in (
            ("/v1/trigger", event),
            (f"/v1/exchanges/{sent['spill']}/send", {"way": "resigned", "dry_run": True}),
        ):
            previewed = await client.post(path, json=asked)
            assert previewed.status_code == 200, previewed.text
            answers.append(previewed.text)
    return "\n".join(answers)


PLACES = (
    ("1", "spill"),
    ("G", "spill"),
    ("enter", "CANARY_0"),
    ("escape", "spill"),
    ("2", "parrot"),
    ("3", "printed"),
    ("6", "CANARY_1"),
)
"""Keys, and what is to be seen when they have taken effect."""


async def pictures_of(engine: Engine) -> list[str]:
    """Return what the console's places show."""
    pictures = []
    async with Client(engine.paths) as client:
        app = ConsoleApp(engine.paths, theme="kiket-dusk", open_engine=lambda: client)
        async with app.run_test(size=(220, 60)) as pilot, asyncio.timeout(PATIENCE_S):
            for key, shown in PLACES:
                await pilot.press(key)
                while shown not in (picture := app.export_screenshot()):
                    await pilot.pause(0.05)
                pictures.append(picture)
    return pictures


def exports_of(engine: Engine, place: Path) -> dict[str, bytes]:
    """Return all that was recorded, in each form in which it can be taken elsewhere."""
    ids = [each.id for each in engine.reader.recent(10_000)]
    all_of_it = recorded(engine.reader, ids)
    urls = commands.Urls(engine.info["gateway_url"], engine.info["platform_url"])
    made = {each.name: files.made(each.name, all_of_it, urls) for each in files.FORMS}
    made["unredacted"] = b"".join(
        files.made("jsonl", [each], urls, redact=False) for each in all_of_it
    )
    spilled = next(
        each
        for each in all_of_it
        if each.detail.exchange.name == "spill" and each.detail.exchange.status == 200
    )
    made["httpie"] = commands.httpie(as_http(spilled.detail), urls.gateway).text.encode()
    save_test(place, spilled.detail, "spilled", engine.reader)
    return made


async def test_fifty_secrets_are_in_nothing_that_is_left_or_shown(
    engine: Engine, own_places: Path
) -> None:
    await spill(engine)

    leaks = found_in_processes(engine)
    leaks["control API"] = found_in(await answers_of(engine))
    for number, picture in enumerate(await pictures_of(engine)):
        leaks[f"picture {number}"] = found_in(picture)
    frames = [line.frames for line in engine.reader.log_page(engine.reader.log_ids())]
    assert "[secret:CANARY_" in "".join(frames), "locals of exceptions were kept"
    for name, raw in exports_of(engine, own_places / "shop").items():
        leaks[f"export {name}"] = found_in(raw)
    assert engine.stop() == 0
    for name, value in VALUES.items():
        redactor.add(name, value)
    crash.record(ValueError(" ".join(VALUES.values())))
    leaks |= found_in_files(own_places)

    assert {place: names for place, names in leaks.items() if names} == {}
