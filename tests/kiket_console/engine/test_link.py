from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine import link as module
from kiket_console.engine.headers import request_head
from kiket_console.engine.link import (
    Answer,
    BrokenError,
    LinkError,
    SilentError,
    TooLargeError,
    WorkerLink,
)
from kiket_console.engine.room import SMALL_BYTES, Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

LIMIT = 1024 * 1024
ASKED = request_head("POST", "/", (), host="localhost", length=0)
TIMEOUT_S = 120.0


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


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", LinkError, "answered something that is not HTTP."),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", LinkError, "answered something that is not HTTP."),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            LinkError,
            "switched to another protocol instead of answering.",
        ),
        (b"", BrokenError, "broke the connection before it answered."),
        (b"HTTP/1.1 200", BrokenError, "broke the connection after 0 bytes of its answer."),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            BrokenError,
            "broke the connection after 2 bytes of its answer.",
        ),
        (
            b"HTTP/1.1 200 OK\r\nA: " + b"a" * 70_000,
            LinkError,
            "answered with more than 64 KiB of headers.",
        ),
    ],
)
async def test_what_is_no_answer_is_told_in_a_sentence(
    path: Path, said: bytes, error: type[LinkError], sentence: str
) -> None:
    async with linked(path, said) as link:
        with pytest.raises(error) as failed:
            await link.ask(ASKED, b"", TIMEOUT_S)

        assert type(failed.value) is error
        assert str(failed.value) == sentence
        assert not link.usable


async def test_any_number_of_interim_answers_may_come_first(path: Path) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000
    async with linked(path, interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as link:
        answer = await link.ask(ASKED, b"", TIMEOUT_S)

    assert answer == Answer(200, (("Content-Length", "2"),), b"ok")


@contextlib.asynccontextmanager
async def talking(path: Path, says: Talk, room: Room | None = None) -> AsyncIterator[WorkerLink]:
    """Connect to a worker that does what a test says, once a request's head has come."""
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                await reader.readuntil(b"\r\n\r\n")
                await says(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            ended.set()

    async with await asyncio.start_unix_server(handle, path):
        loop = asyncio.get_running_loop()
        made = room or Room()
        _, link = await loop.create_unix_connection(lambda: WorkerLink(LIMIT, made), str(path))
        yield link
        link.close()
        async with asyncio.timeout(TIMEOUT_S):
            await ended.wait()


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_answer_without_an_end_is_cut_off_at_the_limit(path: Path, chunked: bool) -> None:
    """Its beginning is kept for people; the worker finds its connection closed."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        coding = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n")
        while True:
            writer.write(b"8000\r\n%b\r\n" % (b"x" * 0x8000) if chunked else b"x" * 0x8000)
            await writer.drain()
            sent += 0x8000

    async with talking(path, endless) as link:
        with pytest.raises(TooLargeError, match=r"^answered 200 with more than 1 MiB") as failed:
            await link.ask(ASKED, b"", TIMEOUT_S)

    assert failed.value.beginning.raw_body == b"x" * SMALL_BYTES
    assert sent < 2 * LIMIT


async def test_an_answer_that_drips_is_given_up_when_the_time_is_over(path: Path) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with talking(path, drip) as link:
        with pytest.raises(SilentError, match=r"^did not answer within 0\.2 s\.$"):
            await link.ask(ASKED, b"", 0.2)


async def test_each_request_has_its_own_time_whatever_the_one_before_had(path: Path) -> None:
    """A timer is left running from request to request: for the first that is due."""
    asked, said = asyncio.Event(), asyncio.Event()

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await said.wait()
        await reader.read()  # until the connection is given up

    async with talking(path, answer_twice) as link, asyncio.TaskGroup() as tasks:
        await link.ask(ASKED, b"", TIMEOUT_S)
        second = tasks.create_task(link.ask(ASKED, b"", 2 * TIMEOUT_S))
        await asked.wait()
        link._look()  # what was set for the first request
        said.set()
        assert (await second).raw_body == b"ok"

        with pytest.raises(SilentError, match=r"^did not answer within 0\.01 s\.$"):
            await link.ask(ASKED, b"", 0.01)


async def test_a_large_body_goes_out_as_fast_as_the_worker_reads(path: Path) -> None:
    """What waits in the connection is a few pieces, however slowly it is read."""
    body = bytes(range(256)) * 16 * 1024  # 4 MiB
    got = bytearray()
    waiting: list[int] = []

    async def read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while len(got) < len(body):
            await asyncio.sleep(0.001)
            waiting.append(link._transport.get_write_buffer_size())  # type: ignore[union-attr]
            got.extend(await reader.read(65536))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with talking(path, read_slowly) as link:
        answer = await link.ask(ASKED, body, TIMEOUT_S)

        assert answer.status == 204
        assert bytes(got) == body
        assert max(waiting) <= 2 * module._PIECE_BYTES
        assert link.usable


async def test_an_answer_before_the_end_of_a_large_body_is_the_answer(path: Path) -> None:
    """The rest of the body is of no use to anybody, and the connection ends with it."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await over.wait()  # and reads no more

    over = asyncio.Event()
    async with talking(path, refuse) as link:
        answer = await link.ask(ASKED, b"x" * 8 * LIMIT, TIMEOUT_S)

        assert (answer.status, answer.raw_body) == (413, b"no")
        assert not link.usable
        over.set()


async def test_a_large_answer_is_read_on_when_there_is_room_for_it(path: Path) -> None:
    """Until then the worker waits, and that is not counted as its time."""
    room = Room(LIMIT)
    other = room.ask(LIMIT, lambda: None)
    said = b"x" * (LIMIT - 1)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said))
        writer.write(said)
        await writer.drain()

    async with talking(path, answer, room) as link, asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(link.ask(ASKED, b"", TIMEOUT_S))
        while link._claim is None:  # noqa: ASYNC110 - it is what is waited for
            await asyncio.sleep(0)
        link._due_s = asyncio.get_running_loop().time()  # as if its time were over
        link._look()
        early = asked.done()
        read = link._body_size
        other.give_back()
        got = await asked

    assert not early
    assert read < LIMIT // 2
    assert got.raw_body == said
    assert got.room is not None
    got.room.give_back()
    assert room._taken == 0


async def test_an_answer_that_comes_as_it_is_given_up_keeps_no_room(path: Path) -> None:
    room = Room(LIMIT)

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    over = asyncio.Event()
    async with talking(path, wait, room) as link, asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(link.ask(ASKED, b"", TIMEOUT_S))
        await asyncio.sleep(0)
        size = SMALL_BYTES + 1
        link.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        taken = room._taken
        asked.cancel()
        over.set()

    assert taken == size
    assert room._taken == 0
