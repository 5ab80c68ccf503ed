"""Names, addresses and redirects chosen by whoever sends: none is followed, none becomes a file."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATH, engine, post, statuses, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.lab import Lab

NAMES = {
    "up": "../../etc/passwd",
    "up, encoded": "%2e%2e",
    "slashes, encoded": "..%2f..%2fescape",
    "slashes, encoded twice": "%252e%252e%252fescape",
    "backslashes": "..%5c..%5cescape",
    "NUL": "count.me%00.txt",
    "line end": "count.me%0d%0aX-A:%20b",
    "10 KB": "a" * 7000,
    "one too long": "a" * 129,
    "right to left": "%e2%80%aeissue",
    "not UTF-8": "%ff%fe",
    "space": "count%20me",
    "markup": "[red]x[/red]%5B",
    "escape": "%1b]52;c;x%07",
    "drive": "C:%5Cescape",
    "empty": "",
}


def places(lab: Lab) -> set[Path]:
    """Return every file and folder below the engine's places and the project's.

    The socket of the process that stands by comes when that is ready, whatever is sent.
    """
    return {
        each
        for each in lab.folder.parent.rglob("*")
        if "__pycache__" not in each.parts and not each.match("r/*/*/worker-*w.sock")
    }


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize(
    "template",
    [
        "/webhooks/{}",
        "/v/{}/webhooks/count.me",
        "/x/{}/webhooks/count.me",
        "/x/sample/v/{}/webhooks/count.me",
    ],
)
def test_a_name_that_is_a_trick_is_nothing_here(lab: Lab, template: str, name: str) -> None:
    """No worker sees it, nothing is recorded under it, and no file comes of it."""
    before, calls, rows = places(lab), lab.calls(), lab.rows()
    answer = lab.send(post(path=template.format(name), body=b"{}"))
    assert statuses(answer)[0] in {400, 404}
    assert b"\x1b" not in answer
    assert (lab.calls(), lab.rows()) == (calls, rows)
    assert places(lab) == before


class Trap:
    """A listener that nobody has any reason to ask."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                self.asked.append(connection.recv(1000))

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


OURS = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(extension_id="com.example.ours", allow_unsigned=True)


@sdk.webhook("count.me", version="v1")
async def counted(payload, context):
    await context.endpoints.log_event("seen")
    return {"ok": True}
"""
REDIRECTING = """\
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"location", os.environ["KIKET_TRAP"].encode()), (b"content-length", b"0"),
               (b"refresh", b"0; url=" + os.environ["KIKET_TRAP"].encode())]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
"""
PROJECT = """\
[[extension]]
name = "ours"
path = "ours"

[[extension]]
name = "redirecting"
path = "redirecting"
"""


def test_no_address_is_ever_asked_that_a_payload_or_a_workers_answer_holds(trap: Trap) -> None:
    """Neither by the engine nor by our SDK, which calls where it was configured to call.

    A redirect is passed on as it is.
    """
    addresses = [
        f"http://127.0.0.1:{trap.port}",
        f"http://127.1:{trap.port}",
        f"http://[::ffff:127.0.0.1]:{trap.port}",
        f"http://0x7f000001:{trap.port}",
        f"http://user@127.0.0.1:{trap.port}/path?",
    ]
    files = {"kiket.toml": PROJECT, "ours/main.py": OURS, "redirecting/main.py": REDIRECTING}
    files |= {f"{name}/extension.yaml": f"id: {name}\n" for name in ("ours", "redirecting")}
    with engine(project_files=files, environment={"KIKET_TRAP": addresses[0]}) as lab:
        for address in addresses:
            payload = {
                "event_version": "v1",
                "api": {"base_url": address, "jwks_url": address, "callback": address},
                "callback_url": address,
                "authentication": {"runtime_token": "ey.ey.ey", "jwks": address},
                "telemetry_url": address,
            }
            raw_body = json.dumps(payload).encode()
            lines = (
                f"X-Forwarded-Host: 127.0.0.1:{trap.port}",
                f"Forwarded: host=127.0.0.1:{trap.port}",
                f"X-Original-URL: {address}",
                f"Referer: {address}",
                f"Destination: {address}",
            )
            answer = lab.send(post(*lines, path=f"/x/ours/v/v1{PATH}", body=raw_body))
            assert statuses(answer) == [200], answer
        made = "POST extensions/logs"

        def calls() -> int:
            return [each.exchange.name for each in lab.details("api")].count(made)

        until(lambda: calls() == len(addresses), "all went to the platform")
        answer = lab.send(post(path=f"/x/redirecting{PATH}", body=b"{}"))
        assert statuses(answer) == [307]
        assert f"\nlocation: {addresses[0]}\r".encode() in answer.lower()
    assert trap.asked == []
