"""What a producer answers comes from outside: it is taken with limits, and nothing else of it."""

from __future__ import annotations

import contextlib
import gzip
from typing import TYPE_CHECKING, Any

from kiket_console.producing import sending, signing
from kiket_console.producing.destination import Destination
from kiket_console.producing.message import read
from kiket_console.producing.profiles import LOCAL_KEYS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable

    import pytest

MESSAGE = '{"event_type": "a", "message_channel": "b", "behavior": "instant", "payload": {}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.asynccontextmanager
async def answering(answer: Callable[[Any], Any], heads: list[bytes]) -> AsyncIterator[Any]:
    """Give a way to send a message to what does *answer* on a connection; *heads* come there."""
    import asyncio

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    heads.append(head)
                    length = head.lower().partition(b"content-length: ")[2].split()[0]
                    await reader.readexactly(int(length))
                    await answer(writer)
                    await writer.drain()
        finally:
            writer.close()
            closed.set()

    closed = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    connections = sending.Connections()

    async def send() -> sending.Answer:
        to = Destination(url, "us-east-1", "lambda")
        request = signing.request(read(MESSAGE), to, LOCAL_KEYS)
        return await sending.post(await connections.to(url), request)

    try:
        yield send
    finally:
        await connections.close()
        await closed.wait()
        server.close()


async def test_an_answer_is_not_asked_for_compressed_and_not_blown_up() -> None:
    packed = gzip.compress(b"0" * 8_000_000)

    async def answer(writer: asyncio.StreamWriter) -> None:
        length = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        writer.write(HEAD + length.encode() + packed)

    heads: list[bytes] = []
    async with answering(answer, heads) as send:
        came = await send()

    assert b"accept-encoding: identity" in heads[0].lower()
    assert (came.status, came.raw_body) == (200, b"")


async def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setattr(sending, "IN_ALL_S", 0.2)

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with answering(answer, []) as send:
        came = await send()

    assert came.status is None
    assert came.error == "127.0.0.1 has not answered within 0.2 s."
    assert "may make two" in came.hint


async def test_a_connection_that_breaks_off_may_have_taken_the_message() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with answering(answer, []) as send:
        came = await send()

    assert came.status is None
    assert came.error.startswith("127.0.0.1 broke the connection off: ")
    assert "may make two" in came.hint


async def test_nothing_is_carried_from_one_answer_to_the_next_message() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Set-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}")

    heads: list[bytes] = []
    async with answering(answer, heads) as send:
        await send()
        await send()

    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


async def test_a_redirect_is_not_followed() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    heads: list[bytes] = []
    async with answering(answer, heads) as send:
        came = await send()

    assert (came.status, len(heads)) == (307, 1)
