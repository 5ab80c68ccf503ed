"""A socket that only processes of our own user can speak to, and not for ever."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import private_socket
from kiket_console.engine.private_socket import LIMITS, OwnPeers, bind_private
from kiket_core.guard import Server, server_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HASTY = type(
    "Hasty",
    (OwnPeers,),
    {
        "policy": OwnPeers.policy._replace(
            limits=LIMITS._replace(header_deadline_s=0.2, body_deadline_s=0.2)
        )
    },
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(params=[OwnPeers])
async def place(own_places: Path, request: pytest.FixtureRequest) -> AsyncIterator[Path]:
    """Return where a server listens; `HASTY` has short deadlines."""
    place = own_places / "c.sock"
    with bind_private(place) as listener:
        listener.listen()
        server = Server(server_config(app, http=request.param, lifespan="off", loop="none"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await server.wait_started()
            yield place
            server.should_exit = True


async def ask(place: Path, raw: bytes) -> bytes:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(place))
    connection.sendall(raw)  # at once: the server's short deadlines are for what does not come
    connection.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    try:
        async with asyncio.timeout(120):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET /v1/status HTTP/1.1\r\nHost: e\r\n",
        b"POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 9\r\n\r\nabc",
    ],
    ids=["silent", "head", "body"],
)
@pytest.mark.parametrize("place", [HASTY], indirect=True)
async def test_a_client_that_says_too_little_is_let_go(place: Path, raw: bytes) -> None:
    assert (await ask(place, raw)).startswith(b"HTTP/1.1 408 ")


async def test_a_client_of_ours_is_served_under_any_name(place: Path) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n"
    assert (await ask(place, raw)).startswith(b"HTTP/1.1 204 ")


async def test_of_another_user_no_byte_is_read_and_the_log_says_who(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(private_socket, "peer_uid", lambda _: os.getuid() + 1)
    try:
        answer = await ask(place, b"GET / HTTP/1.1\r\nHost: engine\r\n\r\n")
    except (ConnectionResetError, BrokenPipeError):
        answer = b""
    assert answer == b""
    assert [record.getMessage() for record in caplog.records] == [
        f"A connection of user {os.getuid() + 1} to the control socket was refused."
    ]
