"""WebSockets through the guard: let in by the rules of every request, then out of its hands."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_core.forms import SMUGGLED, get, statuses
from websockets.exceptions import InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from kiket_core.guard import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_core.conftest import Serve, Served

LIMITS = Limits(connections=3)
SHORT = Limits(header_deadline_s=0.3, body_deadline_s=0.3, idle_s=0.2)
_KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Echo what comes over a WebSocket; answer requests."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
    elif scope["type"] == "http":
        if scope["path"] == "/slow":
            await asyncio.sleep(0.2)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def server(serve: Serve) -> Iterator[Served]:
    with serve(app=echo, limits=LIMITS, allow_websockets=True, lifespan="off") as served:
        yield served


def upgrade(*lines: str, connection: str = "Upgrade", path: str = "/ws") -> bytes:
    head = [f"GET {path} HTTP/1.1", "Host: localhost", f"Connection: {connection}", *lines]
    return ("\r\n".join(head) + f"\r\n{_KEY}\r\n").encode()


def joined(server: Served) -> ClientConnection:
    """Connect, again if a deadline passed before the head was sent."""
    while True:
        with contextlib.suppress(InvalidHandshake):
            return connect(f"ws://127.0.0.1:{server.port}/ws", open_timeout=60)


def test_a_websocket_is_let_in_and_outlives_every_deadline(serve: Serve) -> None:
    with (
        serve(app=echo, limits=SHORT, allow_websockets=True, lifespan="off") as server,
        joined(server) as websocket,
    ):
        for text in ("one", "two"):
            websocket.send(text)
            assert websocket.recv() == text
        with pytest.raises(TimeoutError):
            websocket.recv(timeout=SHORT.header_deadline_s + 0.1)
        websocket.send("three")
        assert websocket.recv() == "three"


def test_a_websocket_may_follow_a_request(serve: Serve) -> None:
    with (
        serve(app=echo, allow_websockets=True, lifespan="off") as server,
        server.connect() as connection,
    ):
        connection.sendall(get("/"))
        server.answer(connection)
        connection.sendall(upgrade("Upgrade: websocket"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 101 ")


REFUSED = {
    "another protocol": (upgrade("Upgrade: h2c"), 400),
    "with a body": (upgrade("Upgrade: websocket", "Content-Length: 1") + b"x", 400),
    "chunked": (upgrade("Upgrade: websocket", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "twice": (upgrade("Upgrade: websocket", "Upgrade: websocket"), 400),
    "another host": (upgrade("Upgrade: websocket").replace(b"localhost", b"evil.example"), 421),
    "another site": (upgrade("Upgrade: websocket", "Origin: http://evil.example"), 403),
    "HTTP/1.0": (upgrade("Upgrade: websocket").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
}


@pytest.mark.parametrize("form", REFUSED)
def test_the_rules_are_those_of_every_request(server: Served, form: str) -> None:
    raw, status = REFUSED[form]
    answer = server.exchange(raw + SMUGGLED)
    assert statuses(answer) == [status]
    assert json.loads(answer[answer.index(b"\r\n\r\n") :])["error"].endswith(".")


def test_an_upgrade_waits_for_no_answer_that_is_owed(server: Served) -> None:
    """Two protocols on one connection at a time would be read differently by two readers."""
    answer = server.exchange(get("/slow") + upgrade("Upgrade: websocket") + SMUGGLED)
    assert statuses(answer) == [200, 400]


def test_without_a_connection_header_it_is_a_request(server: Served) -> None:
    """RFC 9110 §7.8: Upgrade counts only where Connection names it."""
    raw = upgrade("Upgrade: websocket", connection="close")
    assert statuses(server.exchange(raw)) == [200]


def test_websockets_count_as_connections_and_are_not_given_up(server: Served) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(joined(server))
        for _ in range(LIMITS.connections - 1):
            stack.enter_context(joined(server))
        assert statuses(server.exchange(get("/"))) == [503]
        first.send("here")
        assert first.recv() == "here"


def test_a_guard_that_is_not_told_lets_none_in(serve: Serve) -> None:
    with serve() as served:
        assert statuses(served.exchange(upgrade("Upgrade: websocket"))) == [400]
