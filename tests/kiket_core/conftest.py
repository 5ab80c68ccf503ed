from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from kiket_core.guard import DirectRequest, Server, Taker, server_config, serving_directly

_PATIENCE_S = 120


@dataclass
class Served:
    """A guarded server on loopback, and what its app and its guard saw."""

    port: int
    begun: list[bytes] = field(default_factory=list)
    """Targets of heads that have come, though maybe not their bodies."""
    paths: list[str] = field(default_factory=list)
    headers: list[list[tuple[bytes, bytes]]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_S)

    def exchange(self, *chunks: bytes) -> bytes:
        """Send the chunks on one connection; return all that comes until the server closes."""
        with self.connect() as connection:
            for chunk in chunks:
                connection.sendall(chunk)
            return self.rest(connection)

    def answer(self, connection: socket.socket) -> bytes:
        """Return the app's next answer, whole."""
        raw = bytearray()
        while not raw.endswith(b"\r\n\r\nok"):
            piece = connection.recv(65536)
            assert piece, f"the server closed after {bytes(raw)!r}"
            raw += piece
        return bytes(raw)

    def forget(self) -> None:
        """Start afresh, as if nothing had been seen."""
        self.begun.clear()
        self.paths.clear()
        self.headers.clear()
        self.refusals.clear()
        self.release.clear()

    def rest(self, connection: socket.socket) -> bytes:
        """Return all that comes until the server closes."""
        raw = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                raw += piece
        return bytes(raw)

    async def app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.begun.append(scope["raw_path"])
        self.paths.append(scope["path"])
        self.headers.append(scope["headers"])
        if scope["path"] != "/early":
            await _read_body(receive)
        if scope["path"] == "/slow":
            await asyncio.to_thread(self.release.wait, _PATIENCE_S)
        head = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"2")],
        }
        await send(head)
        await send({"type": "http.response.body", "body": b"ok"})

    def taker_of(self, target: bytes) -> Taker | None:
        """Take what the app would answer alike once the body is there."""
        self.begun.append(target)
        return None if target == b"/early" else self.take

    async def take(self, request: DirectRequest) -> None:
        """Do what `app` does."""
        path = request.target.decode()
        self.paths.append(path)
        self.headers.append(request.headers)
        if path == "/slow":
            await asyncio.to_thread(self.release.wait, _PATIENCE_S)
        sending = request.answer(200, [(b"content-length", b"2")], b"ok")
        if sending is not None:
            await sending


def wait_until(condition: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


Serve = Callable[..., contextlib.AbstractContextManager[Served]]


async def _read_body(receive: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message["more_body"]:
            return


@contextlib.contextmanager
def _serve(*, app: Any = None, direct: bool = False, **settings: Any) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(listener.getsockname()[1])
        if direct:
            settings["protocol"] = serving_directly(served.taker_of)
        config = server_config(
            app or served.app,
            on_refusal=lambda status, sentence: served.refusals.append((status, sentence)),
            **settings,
        )
        server = Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield served
        finally:
            served.release.set()
            server.should_exit = True
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Start guarded servers, each in a thread of its own, with `server_config`'s settings.

    With `direct` short requests are taken without the app.
    """
    return _serve
