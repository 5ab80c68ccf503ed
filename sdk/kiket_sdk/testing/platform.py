"""A platform on this machine, for tests of handlers that call it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class PlatformCall:
    """One request that the platform received; `path` has its query, `body` is decoded JSON."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any


@dataclass
class FakePlatform:
    """Remember every call and keep secrets; answer everything else with 204.

    `answers` decides for a "METHOD /path" what else it is answered with: status and JSON.
    """

    url: str = ""
    calls: list[PlatformCall] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def bodies(self, path: str) -> list[Any]:
        """Return what was sent to a path, in the order of the calls."""
        return [call.body for call in self.calls if call.path == path]

    def answer(self, call: PlatformCall) -> tuple[int, Any]:
        """Remember a call and return the status and JSON of its answer."""
        self.calls.append(call)
        chosen = self.answers.get(f"{call.method} {call.path}")
        if chosen is not None:
            return chosen
        _, is_secret, key = call.path.partition("/secrets")
        return self._secret_answer(call, unquote(key[1:])) if is_secret else (204, None)

    def _secret_answer(self, call: PlatformCall, key: str) -> tuple[int, Any]:
        if call.method == "POST":
            key = call.body["secret"]["key"]
            if key in self.secrets:
                return 422, {"error": f"The secret {key!r} exists; update it with PATCH."}
        elif not key:
            return 200, [_dated(name) for name in self.secrets]
        elif key not in self.secrets:
            return 404, {"error": f"There is no secret {key!r}."}
        if call.method == "GET":
            return 200, _dated(key) | {"value": self.secrets[key]}
        if call.method == "DELETE":
            del self.secrets[key]
            return 204, None
        self.secrets[key] = call.body["secret"]["value"]
        return (201 if call.method == "POST" else 200), _dated(key)


def _dated(key: str) -> dict[str, str]:
    moment = "2026-01-05T08:00:00Z"
    return {"key": key, "created_at": moment, "updated_at": moment}


@contextmanager
def fake_platform() -> Iterator[FakePlatform]:
    """Serve a platform on a free port of this machine."""
    platform = FakePlatform()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Connection, platform)) as server:
        platform.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()


class _Connection(BaseHTTPRequestHandler):
    """Take one request off the socket and send its answer."""

    def __init__(self, platform: FakePlatform, *given: Any) -> None:
        self._platform = platform
        super().__init__(*given)

    def _answer(self) -> None:
        raw_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw_body) if raw_body else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, document = self._platform.answer(
            PlatformCall(self.command, self.path, headers, body)
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if document is not None:
            self.wfile.write(json.dumps(document).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 (http.server's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Say nothing."""
