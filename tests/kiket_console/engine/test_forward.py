from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import forward
from kiket_console.engine.forward import Forwarder, NoAnswerError, NotTakenError
from kiket_console.engine.headers import HOP
from kiket_console.engine.ports import Target

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.model import Headers

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def target(own_places: Path) -> Target:
    return Target("marketing", "marketing#3", str(own_places / "w.sock"))


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    forwarder = Forwarder()
    yield forwarder
    await forwarder.close()


@contextlib.asynccontextmanager
async def raw_worker(target: Target, answer: Raw) -> AsyncIterator[None]:
    """Serve bytes on the target's socket."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(handle, target.socket_path)
    async with server:
        yield


async def test_the_request_arrives_as_it_came(
    forwarder: Forwarder, fake_worker: Any, target: Target
) -> None:
    """Bytes, escapes in path and query, repeated headers, and the order of headers."""
    headers: Headers = (
        ("host", "localhost:8700"),
        ("x-b", "1"),
        ("content-length", "3"),
        ("x-a", "caf\xe9"),
        ("x-b", "2"),
    )

    await forwarder.forward(target, "POST", "/a%2Fb/%7E?x=1&x=%20&y", headers, b"\x00\xff\n")

    [seen] = fake_worker.seen
    assert seen.path == "/a%2Fb/%7E?x=1&x=%20&y"
    assert seen.raw_body == b"\x00\xff\n"
    assert seen.headers == [
        ("host", "localhost"),
        *headers[1:],
        (HOP, "1"),
    ], "the host of the gateway is no host of the worker's"


async def test_the_answer_comes_back_as_it_was_given(
    forwarder: Forwarder, fake_worker: Any, target: Target
) -> None:
    """A compressed body stays compressed, and two cookies stay two."""
    fake_worker.status = 418
    fake_worker.headers = [
        (b"set-cookie", b"a=1"),
        (b"content-encoding", b"gzip"),
        (b"set-cookie", b"b=2"),
    ]
    fake_worker.chunks = [b"\x1f\x8b", b"not really gzip"]

    answer = await forwarder.forward(target, "POST", "/", (), b"")

    assert answer.status == 418
    assert answer.raw_body == b"\x1f\x8bnot really gzip"
    assert [pair for pair in answer.headers if pair[0] not in {"date", "server"}] == [
        ("set-cookie", "a=1"),
        ("content-encoding", "gzip"),
        ("set-cookie", "b=2"),
        ("content-length", "17"),
    ]


async def test_requests_share_a_connection(forwarder: Forwarder, target: Target) -> None:
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_worker(target, answer):
        for _ in range(5):
            await forwarder.forward(target, "POST", "/", (), b"")
        await forwarder.close()

    assert connections == 1


async def test_a_new_start_of_a_worker_gets_connections_of_its_own(
    forwarder: Forwarder, fake_worker: Any, target: Target, own_places: Path
) -> None:
    """The old one still answers what it has; nothing more goes there."""
    fake_worker.go_on.clear()
    newer = Target("marketing", "marketing#4", str(own_places / "new.sock"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")

    async with raw_worker(newer, answer), asyncio.TaskGroup() as tasks:
        old = tasks.create_task(forwarder.forward(target, "POST", "/", (), b""))
        await fake_worker.arrived.wait()
        new = await forwarder.forward(newer, "POST", "/", (), b"")
        fake_worker.go_on.set()

    assert new.raw_body == b"new"
    assert old.result().raw_body == b'{"ok":true}'


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            b"",
            "marketing#3 broke the connection before it answered.",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            "marketing#3 broke the connection after 4 bytes of its answer.",
        ),
    ],
)
async def test_an_answer_that_breaks_off_is_a_sentence(
    forwarder: Forwarder, target: Target, said: bytes, sentence: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)

    async with raw_worker(target, answer):
        with pytest.raises(NoAnswerError) as failed:
            await forwarder.forward(target, "POST", "/", (), b"")

    assert (failed.value.sentence, failed.value.status) == (sentence, 502)


async def test_a_worker_that_answers_something_else_is_a_sentence(
    forwarder: Forwarder, target: Target
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with raw_worker(target, answer):
        with pytest.raises(
            NoAnswerError, match=r"^marketing#3 answered something that is not HTTP\.$"
        ):
            await forwarder.forward(target, "POST", "/", (), b"")


async def test_a_worker_that_takes_too_long_is_told_of_with_504(
    forwarder: Forwarder, fake_worker: Any, target: Target
) -> None:
    fake_worker.go_on.clear()

    with pytest.raises(NoAnswerError) as failed:
        await forwarder.forward(target, "POST", "/", (), b"", timeout_s=0.05)

    assert (failed.value.sentence, failed.value.status) == (
        "marketing#3 did not answer within 0.05 s.",
        504,
    )


@pytest.mark.parametrize("left_behind", [True, False])
async def test_a_socket_without_a_worker_is_told_of(
    forwarder: Forwarder, target: Target, left_behind: bool
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        if left_behind:
            listener.bind(target.socket_path)

    with pytest.raises(NoAnswerError) as failed:
        await forwarder.forward(target, "POST", "/", (), b"")

    assert failed.value.sentence == "marketing#3 did not accept the connection."


async def test_an_answer_over_the_limit_is_dropped_and_its_beginning_is_kept(
    fake_worker: Any, target: Target
) -> None:
    fake_worker.chunks = [b"x" * 65536] * 17
    forwarder = Forwarder(answer_bytes=1024 * 1024)

    with pytest.raises(NoAnswerError) as failed:
        await forwarder.forward(target, "POST", "/", (), b"")

    assert failed.value.sentence == (
        "marketing#3 answered 200 with more than 1 MiB, which is too large; the answer was dropped."
    )
    assert failed.value.beginning is not None
    assert failed.value.beginning.raw_body == b"x" * 65536
    await forwarder.close()


async def test_a_worker_on_a_port_of_loopback_is_asked_there_by_that_name(
    forwarder: Forwarder,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        target = Target("node", "node#1", port=port)
        said = await forwarder.forward(target, "POST", "/", (("Host", "localhost:8700"),), b"")

    assert f"Host: 127.0.0.1:{port}\r\n".encode() in said.raw_body


async def test_a_command_is_busy_until_it_has_answered(forwarder: Forwarder) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await go_on.wait()
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        target = Target("node", "node#1", port=server.sockets[0].getsockname()[1])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forwarder.forward(target, "POST", "/", (), b""))
            await asked.wait()
            assert forwarder.is_busy("node#1")
            assert not forwarder.is_busy("node#2")
            go_on.set()
        assert not forwarder.is_busy("node#1")
        await forwarder.close()


async def test_with_a_worker_that_says_too_much_each_request_has_its_own_connection(
    forwarder: Forwarder, target: Target
) -> None:
    """What it says late would be taken for the answer to the next request."""
    connections = 0

    async def answer_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2)

    async with raw_worker(target, answer_twice):
        for _ in range(5):
            await forwarder.forward(target, "POST", "/", (), b"")
        pool = forwarder._pools["marketing"]
        await forwarder.close()

    assert connections == 5
    assert not pool._keeps_links


async def test_a_port_of_our_own_is_never_a_target() -> None:
    """Else the console's platform or gateway could be reached through it, with its rights."""
    with socket.create_server(("127.0.0.1", 0)) as own:
        own.setblocking(False)
        port = own.getsockname()[1]
        forwarder = Forwarder(own_ports=[port])

        with pytest.raises(NoAnswerError, match="which is the console's own") as failed:
            await forwarder.forward(Target("node", "node#1", port=port), "POST", "/", (), b"")

        assert failed.value.status == 508
        with pytest.raises(BlockingIOError):
            own.accept()


async def test_a_connection_that_waits_while_its_worker_is_replaced_takes_nothing(
    forwarder: Forwarder, fake_worker: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for one of a worker's connections has not been sent, so another may take it."""
    monkeypatch.setattr(forward, "_LINKS", 1)
    fake_worker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(forwarder.forward(target, "POST", "/1", (), b""))
        await fake_worker.arrived.wait()
        second = tasks.create_task(failure(forwarder.forward(target, "POST", "/2", (), b"")))
        await asyncio.sleep(0)
        await forwarder.close()
        refused = await second  # at once, though the first one's answer is still to come
        fake_worker.go_on.set()

    assert first.result().status == 200
    assert isinstance(refused, NotTakenError)
    assert refused.sentence == "marketing#3 was replaced."
    assert [seen.path for seen in fake_worker.seen] == ["/1"]


async def test_what_counts_is_how_long_a_worker_lets_nobody_in(
    forwarder: Forwarder, fake_worker: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many at once each waits for its turn to connect, which is not the worker's fault."""
    connected, turns = forward.Pool._connected, 0
    monkeypatch.setattr(forward, "CONNECT_S", 0.01)

    async def slowly(pool: Any) -> Any:
        nonlocal turns
        turns += 1
        await asyncio.sleep(0.02)
        if fake_worker.status == 503:
            raise TimeoutError
        return await connected(pool)

    async def ask() -> str:
        try:
            return f"{(await forwarder.forward(target, 'POST', '/', (), b'')).status}"
        except NotTakenError as error:
            return error.sentence

    monkeypatch.setattr(forward.Pool, "_connected", slowly)
    assert await asyncio.gather(*(ask() for _ in range(5))) == ["200"] * 5

    await forwarder.close()
    fake_worker.status = 503
    given_up = await asyncio.gather(*(ask() for _ in range(5)))
    assert set(given_up) == {"marketing#3 did not accept a connection within 0.01 s."}
    assert turns == 6, "who waited while nobody was let in does not wait once more"


async def failure(awaited: Awaitable[object]) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as failed:
        await awaited
    return failed.value
