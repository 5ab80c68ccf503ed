"""A platform for the tests: it answers what the extension asks for and remembers every call."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest


class Platform(ThreadingHTTPServer):
    """Keeps secrets in memory; `calls` are method, path and body in the order they came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.calls: list[tuple[str, str, Any]] = []
        self.secrets: dict[str, str] = {}

    def bodies(self, path: str) -> list[Any]:
        """Return the bodies that were sent to *path*."""
        return [body for _, called, body in self.calls if called == path]


class Answer(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Platform

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append(("POST", self.path, body))
        if self.path.endswith("/secrets"):
            self.server.secrets[body["secret"]["key"]] = body["secret"]["value"]
            self.answer(201, None)
        else:
            self.answer(204, None)

    def do_GET(self) -> None:
        self.server.calls.append(("GET", self.path, None))
        key = self.path.rpartition("/secrets")[2].strip("/")
        if not key:
            moment = "2026-01-05T08:00:00Z"
            self.answer(
                200,
                [
                    {"key": name, "created_at": moment, "updated_at": moment}
                    for name in self.server.secrets
                ],
            )
        elif key in self.server.secrets:
            self.answer(200, {"key": key, "value": self.server.secrets[key]})
        else:
            self.answer(404, {"error": "no such secret"})

    def answer(self, status: int, document: Any) -> None:
        raw_body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if raw_body:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(raw_body)))
        self.end_headers()
        self.wfile.write(raw_body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing."""


SERVER = Platform()
# The extension reads these once, when it is imported.
os.environ["KIKET_BASE_URL"] = f"http://127.0.0.1:{SERVER.server_port}"
os.environ["KIKET_WORKSPACE_TOKEN"] = "wk_test"
os.environ["KIKET_WEBHOOK_SECRET"] = "a-secret-for-the-tests-alone-0001"


@pytest.fixture(scope="session", autouse=True)
def _serving() -> Iterator[None]:
    thread = Thread(target=SERVER.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield
    SERVER.shutdown()
    thread.join()
    SERVER.server_close()


@pytest.fixture
def platform() -> Platform:
    """Return the platform, with no calls and no secrets yet."""
    SERVER.calls.clear()
    SERVER.secrets.clear()
    return SERVER
