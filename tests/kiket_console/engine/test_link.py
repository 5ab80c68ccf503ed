from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.headers import request_head
from kiket_console.engine.link import Answer, LinkError, WorkerLink
from kiket_console.engine.room import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LIMIT = 1024 * 1024
ASKED = request_head("POST", "/", (), host="localhost", length=0)
TIMEOUT_S = 10.0


@contextlib.asynccontextmanager
async def linked(path: Path, *answers: bytes) -> AsyncIterator[WorkerLink]:
    """Connect to a worker that gives these bytes for one request each, then ends the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(handle, path)
    async with server:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_unix_connection(lambda: WorkerLink(LIMIT, Room()), str(path))
        yield link
        link.close()


@pytest.fixture
def path(own_places: Path) -> Path:
    return own_places / "w.sock"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n", Answer(204, (("A", "1"),), b"")),
        (
            b"HTTP/1.1 100 Continue\r\nX: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Answer(200, (("Content-Length", "2"),), b"ok"),
        ),
        (
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nTrailer: 1\r\n\r\n"
            ),
            Answer(200, (("Transfer-Encoding", "chunked"),), b"abc"),
        ),
        (
            b"HTTP/1.0 200 OK\r\nA: 1\r\n\r\nuntil the end",
            Answer(200, (("A", "1"),), b"until the end"),
        ),
    ],
)
async def test_every_way_to_end_a_body_is_understood(
    path: Path, said: bytes, answer: Answer
) -> None:
    """None, by length after an interim answer, in chunks with trailers, and by the end itself."""
    async with linked(path, said) as link:
        assert await link.ask(ASKED, b"", TIMEOUT_S) == answer


@pytest.mark.parametrize("closing", [b"", b"Connection: close\r\n"])
async def test_a_connection_is_used_again_unless_it_says_that_it_ends(
    path: Path, closing: bytes
) -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + closing + b"\r\nok"
    async with linked(path, said, said) as link:
        first = await link.ask(ASKED, b"", TIMEOUT_S)
        assert link.usable is not bool(closing)
        if link.usable:
            assert await link.ask(ASKED, b"", TIMEOUT_S) == first


async def test_a_connection_that_ends_before_the_second_answer_is_told_of(path: Path) -> None:
    async with linked(path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"") as link:
        await link.ask(ASKED, b"", TIMEOUT_S)

        with pytest.raises(LinkError, match=r"^broke the connection before it answered\.$"):
            await link.ask(ASKED, b"", TIMEOUT_S)

        with pytest.raises(LinkError, match=r"^closed the connection\.$"):
            await link.ask(ASKED, b"", TIMEOUT_S)


async def test_an_answer_that_nobody_asked_for_is_given_to_nobody(path: Path) -> None:
    """Else the next request would get it."""
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" * 2
    async with linked(path, said) as link:
        answer = await link.ask(ASKED, b"", TIMEOUT_S)

        assert answer.raw_body == b"1"
        assert not link.usable


async def test_giving_up_closes_the_connection(path: Path) -> None:
    async with linked(path, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha") as link:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await link.ask(ASKED, b"", TIMEOUT_S)

        assert not link.usable
