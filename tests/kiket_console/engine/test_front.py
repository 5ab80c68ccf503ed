from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import json
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.front import front_config
from kiket_console.engine.front_request import FrontRequest
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.headers import HOP
from kiket_console.engine.link import Answer
from kiket_console.engine.refusals import Refusals
from kiket_console.engine.room import Room
from kiket_console.model import State
from kiket_core._guarded_protocol import GuardedProtocol
from kiket_core.guard import Limits, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.kiket_console.engine.conftest import RawAnswer

    from kiket_console.engine.orchestrator.gateway import Visit
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.room import Claim
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

    RawWorker = Callable[[str, RawAnswer], AbstractAsyncContextManager[None]]

PATIENCE_S = 120
KIB = 1024


@pytest.fixture
async def gateway(crew: Any, recorder: Recorder) -> AsyncIterator[Gateway]:
    forwarder = Forwarder(timeout_s=PATIENCE_S)
    yield Gateway(crew, recorder, forwarder)
    await forwarder.close()


@pytest.fixture
def limits() -> Limits:
    return Limits()


class Modules:
    """Modules that answer with what they were asked, after `broken` not at all."""

    timeout_s = 5.0

    def __init__(self) -> None:
        self.room = Room()
        self.claims: list[Claim] = []

    async def way(self, visit: Visit) -> Answer:
        """Let no WebSocket through."""
        return await self.take(visit)

    def took(self, *_: object) -> None:
        """Take down nothing."""

    def ended(self, *_: object) -> None:
        """Take down nothing."""

    async def take(self, visit: Visit) -> Answer:
        """Answer a request."""
        if visit.module == "broken":
            raise RuntimeError("a secret detail")
        self.claims.append(self.room.ask(10, lambda: None))
        said = f"{visit.method} {visit.module} {visit.path} {visit.sender} ".encode()
        return Answer(404, (("x-a", "1"),), said + visit.raw_body, self.claims[-1])


@pytest.fixture
def modules() -> Modules:
    return Modules()


@pytest.fixture
def refusals() -> Refusals:
    return Refusals(lambda _: None)


@pytest.fixture
async def port(
    gateway: Gateway, limits: Limits, modules: Modules, refusals: Refusals
) -> AsyncIterator[int]:
    """Return the port of the gateway's server."""
    async with contextlib.AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = front_config(gateway, limits, modules=modules, refusals=refusals, loop="none")
        server = Server(config)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        yield listener.getsockname()[1]
        server.should_exit = True


def post(body: bytes = b"{}", *lines: str, path: str = "/webhooks/issue.created") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost:8700", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


async def converse(port: int, *pieces: bytes) -> bytes:
    """Send bytes over one connection, and return all that comes until it ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()


async def ask(port: int, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send one request on a connection of its own; return status, headers and body."""
    answer = await converse(port, raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def statuses(raw: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", raw)]


def only(reader: Reader) -> Detail:
    [exchange_id] = reader.ids()
    detail = reader.detail(exchange_id)
    assert detail is not None
    return detail


async def echo_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with its own head."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        await reader.readexactly(int(length[1]))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))


async def test_names_keep_their_case_and_order_on_the_wire_and_on_record(
    port: int, crew: Any, raw_worker: RawWorker, reader: Reader
) -> None:
    async with raw_worker(crew.socket_path, echo_head):
        _, _, head = await ask(port, post(b"{}", "X-Odd-CASE: 1", "x-b: caf\xe9", "X-Odd-CASE: 2"))

    lines = head.decode("latin-1").split("\r\n")
    assert lines[0] == "POST /webhooks/issue.created HTTP/1.1"
    assert lines[1:6] == [
        "Host: localhost",
        "Content-Length: 2",
        "X-Odd-CASE: 1",
        "x-b: caf\xe9",
        "X-Odd-CASE: 2",
    ]
    assert "x-forwarded-for: 127.0.0.1" in lines
    assert "x-forwarded-host: localhost:8700" in lines
    kept = only(reader).request.headers
    assert ("Host", "localhost:8700") in kept
    assert [pair for pair in kept if pair[0] == "X-Odd-CASE"] == [
        ("X-Odd-CASE", "1"),
        ("X-Odd-CASE", "2"),
    ]


async def test_a_body_in_chunks_goes_on_with_its_length(
    port: int, fake_worker: Any, reader: Reader
) -> None:
    raw = (
        b"POST /webhooks/issue.created HTTP/1.1\r\nHost: localhost\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    status, _, _ = await ask(port, raw)

    assert status == 200
    [seen] = fake_worker.seen
    assert (seen.raw_body, seen.header("content-length")) == (b"abcde", "5")
    assert "trailer" not in dict(seen.headers)
    assert only(reader).request.body.raw == b"abcde"


async def test_a_request_that_the_gateway_has_forwarded_comes_no_further(
    port: int, fake_worker: Any, reader: Reader
) -> None:
    """A target that leads back here, however: the loop stops where it closes."""
    status, _, body = await ask(port, post(b"{}", f"{HOP}: 1"))

    assert status == 508
    assert "its target leads back here" in json.loads(body)["error"]
    assert fake_worker.seen == []
    assert only(reader).exchange.state is State.REJECTED


async def test_a_worker_that_hands_its_requests_to_the_gateway_again_stops_at_the_first(
    port: int, crew: Any, raw_worker: RawWorker, reader: Reader
) -> None:
    async def proxy(asked: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asked.readuntil(b"\r\n\r\n")
        again = await converse(
            port, head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"{}"
        )
        writer.write(again)
        await writer.drain()

    async with raw_worker(crew.socket_path, proxy):
        status, _, _ = await ask(port, post())

    assert status == 508
    assert [row.state for row in reader.page(reader.ids())] == [State.FORWARDED, State.REJECTED]


@pytest.mark.parametrize(
    "line",
    [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://localhost:3000",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ],
)
async def test_no_web_page_reaches_an_extension(
    port: int, fake_worker: Any, reader: Reader, line: str
) -> None:
    """As a page does with fetch in mode no-cors: any type of content, no preflight."""
    status, headers, _ = await ask(port, post(b"{}", "Content-Type: text/plain", line))

    assert status == 403
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert fake_worker.seen == []
    assert list(reader.ids()) == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.io", "localhost.", "127.1"])
async def test_no_other_name_reaches_an_extension(port: int, fake_worker: Any, host: str) -> None:
    status, _, _ = await ask(port, post().replace(b"localhost:8700", host.encode()))

    assert status == 421
    assert fake_worker.seen == []


async def test_requests_in_one_piece_are_answered_in_their_order(
    port: int, fake_worker: Any, reader: Reader
) -> None:
    raw = b"".join(post(b"%d" % n) for n in range(20)) + post(b"last", "Connection: close")

    answer = await converse(port, raw)

    assert statuses(answer) == [200] * 21
    assert [seen.raw_body for seen in fake_worker.seen][-1] == b"last"
    assert len(reader.ids()) == 21


async def test_a_sender_that_asks_first_is_told_to_go_on(port: int, fake_worker: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head, _, body = post(b"{}", "Expect: 100-continue", "Connection: close").partition(b"\r\n\r\n")
    writer.write(head + b"\r\n\r\n")
    async with asyncio.timeout(PATIENCE_S):
        told = await reader.readuntil(b"\r\n\r\n")
        writer.write(body)
        answer = await reader.read()
    writer.close()

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert statuses(answer) == [200]
    assert "expect" not in dict(fake_worker.seen[0].headers)


async def test_a_head_request_is_answered_without_a_body(port: int) -> None:
    status, headers, body = await ask(port, b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_stays_one(
    port: int, crew: Any, raw_worker: RawWorker, reader: Reader, status: int
) -> None:
    async def answer(asked: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await asked.readuntil(b"{}")
            writer.write(b"HTTP/1.1 %d X\r\nETag: a\r\n\r\n" % status)

    async with raw_worker(crew.socket_path, answer):
        both = await converse(port, post(), post(b"{}", "Connection: close"))

    assert statuses(both) == [status] * 2
    assert b"content-length" not in both.lower()
    assert both.endswith(b"\r\n\r\n")
    assert len(reader.ids()) == 2


async def test_a_sender_that_leaves_before_the_answer_is_recorded_all_the_same(
    port: int, fake_worker: Any, commits: Any, reader: Reader
) -> None:
    fake_worker.go_on.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post())
    await fake_worker.arrived.wait()
    writer.transport.abort()
    fake_worker.go_on.set()

    await commits.until(lambda newest: newest.newest_change >= 3)

    assert only(reader).exchange.status == 200


async def test_a_sender_that_leaves_in_the_middle_of_a_body_leaves_nothing_behind(
    port: int, fake_worker: Any, reader: Reader
) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"x" * 200 * KIB)[: 100 * KIB])
        await writer.drain()
        writer.transport.abort()

    status, _, _ = await ask(port, post())

    assert status == 200
    assert len(reader.ids()) == 1


async def test_what_fails_inside_is_500_with_a_sentence_and_in_the_log(
    port: int,
    crew: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("no")

    monkeypatch.setattr(crew, "extensions", broken)

    status, _, body = await ask(port, post())

    assert status == 500
    assert json.loads(body)["error"] == "The gateway itself failed; its log has the traceback."
    assert "RuntimeError: no" in caplog.text


@pytest.mark.parametrize("limits", [Limits(body_deadline_s=0.1)], ids=["short"])
async def test_a_body_has_all_its_time_from_when_there_is_room_for_it(
    port: int, gateway: Gateway, fake_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender is not the one who was slow."""
    asked, struck = asyncio.Event(), asyncio.Event()
    claims: list[Any] = []
    waiting: list[Any] = []
    real, deadline = Room.ask, GuardedProtocol._on_deadline

    def wait(room: Room, size: int, granted: Callable[[], None]) -> Any:
        claims.append(real(room, size, lambda: None))
        claims[-1].granted = granted
        claims[-1].is_granted = False
        asked.set()
        return claims[-1]

    def strike(protocol: Any, seconds: float) -> None:
        """Have what is measured anew end in an hour, so that no pause of ours is the sender's."""
        deadline(protocol, seconds)
        protocol._limits = Limits(body_deadline_s=3600.0)
        waiting.append(protocol)
        struck.set()

    monkeypatch.setattr(Room, "ask", wait)
    monkeypatch.setattr(GuardedProtocol, "_on_deadline", strike)
    body = b"x" * 200 * KIB
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(body, "Connection: close")[: -100 * KIB])
    await asked.wait()
    await struck.wait()
    claims[0].is_granted = True
    claims[0].granted()
    assert waiting[0]._deadline.when() > asyncio.get_running_loop().time() + 1800
    writer.write(body[-100 * KIB :])
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()

    assert statuses(answer) == [200]
    assert fake_worker.seen[0].raw_body == body


async def test_large_bodies_and_answers_come_through_whole_and_small_ones_pass_them(
    gateway: Gateway,
    crew: Any,
    raw_worker: RawWorker,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """24 at a time, with room for 4: the others are not read until it is their turn."""
    large = bytes(range(256)) * 4 * KIB  # 1 MiB
    most = 0
    came, go_on = asyncio.Event(), asyncio.Event()

    async def turn_round(asked: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await asked.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
            raw_body = await asked.readexactly(length)
            if length == len(large):
                came.set()
                await go_on.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
            writer.write(raw_body)
            await writer.drain()

    class Watched(Room):
        def _grant(self) -> None:
            nonlocal most
            super()._grant()
            most = max(most, self._taken)

    gateway._forwarder._room = Watched(4 * KIB * KIB)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(raw_worker(crew.socket_path, turn_round))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = front_config(gateway, Limits(), loop="none")
        config.load()
        monkeypatch.setattr(config.http_protocol_class, "room", Watched(4 * KIB * KIB))
        server = Server(config)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        port = listener.getsockname()[1]
        sent = [tasks.create_task(ask(port, post(large))) for _ in range(24)]
        await came.wait()
        small = [(await ask(port, post(b"small")))[0] for _ in range(4)]
        go_on.set()
        await asyncio.wait(sent)
        server.should_exit = True

    digest = hashlib.sha256(large).digest()
    for task in sent:
        status, _, body = task.result()
        assert (status, len(body), hashlib.sha256(body).digest()) == (200, len(large), digest)
    assert most <= 4 * KIB * KIB
    kept = [detail for n in reader.ids() if (detail := reader.detail(n)) is not None]
    assert [each.request.body.sha256 for each in kept].count(digest) == 24
    assert small == [200] * 4, "none waited for a large one"


@pytest.mark.parametrize("limits", [Limits(answer_deadline_s=0.2)], ids=["short"])
async def test_a_sender_that_does_not_read_its_large_answer_loses_its_connection(
    port: int, fake_worker: Any, monkeypatch: pytest.MonkeyPatch, gateway: Gateway
) -> None:
    """What the answer takes of the room is free again."""
    fake_worker.chunks = [b"x" * KIB * KIB] * 5
    room = gateway._forwarder._room
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", port))
        await loop.sock_sendall(deaf, post())
        freed = asyncio.Event()
        monkeypatch.setattr(Room, "_give", told(Room._give, freed))
        async with asyncio.timeout(PATIENCE_S):
            await freed.wait()

    assert room._taken == 0


def told(real: Callable[..., None], event: asyncio.Event) -> Callable[..., None]:
    def give(room: Room, claim: Any) -> None:
        real(room, claim)
        event.set()

    return give


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/m/search/a/b?c=%20d", "search /a/b?c=%20d"),
        ("/m/search", "search /"),
        ("/m/caf%C3%A9/%2e%2e/x", "café /%2e%2e/x"),
    ],
)
async def test_what_is_for_a_module_goes_there_whatever_it_asks(
    port: int, modules: Modules, refusals: Refusals, target: str, seen: str
) -> None:
    raw = post(b"{}").replace(b"POST /webhooks/issue.created", f"DELETE {target}".encode())

    status, headers, body = await ask(port, raw)

    assert (status, headers["x-a"]) == (404, "1")
    assert body.decode() == f"DELETE {seen} 127.0.0.1 {{}}"
    assert modules.claims[0].is_granted
    assert modules.room._taken == 0  # what a large answer takes is given back
    assert refusals.total == 0  # the module has answered; nothing was refused here


async def test_a_module_that_breaks_the_gateway_is_answered_for(port: int) -> None:
    status, _, body = await ask(port, post(b"{}", path="/m/broken/x"))

    assert status == 500
    assert b"a secret detail" not in body


async def test_requests_of_a_connection_leave_nothing_for_the_garbage_collector(
    port: int, fake_worker: Any
) -> None:
    """Cycles of references would keep the memory of a request from the next one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            writer.write(post())
            await reader.readuntil(b'{"ok":true}')
        kept = len(_requests())
        writer.close()
        async with asyncio.timeout(PATIENCE_S):
            while _requests():  # noqa: ASYNC110 - nobody tells when one is gone
                await asyncio.sleep(0)
    finally:
        gc.enable()

    assert kept == 1  # the connection's newest


def _requests() -> list[FrontRequest]:
    return [each for each in gc.get_objects() if isinstance(each, FrontRequest)]


async def test_a_server_that_stops_interrupts_what_takes_too_long(
    gateway: Gateway, fake_worker: Any, writer: Writer, reader: Reader
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = front_config(gateway, Limits(), loop="none", timeout_graceful_shutdown=0)
        server = Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await server.wait_started()
            port = listener.getsockname()[1]
            _, sender = await asyncio.open_connection("127.0.0.1", port)
            sender.write(post())
            await fake_worker.arrived.wait()
            fake_worker.arrived.clear()
            fake_worker.go_on.clear()
            sender.write(post())
            await fake_worker.arrived.wait()
            server.should_exit = True
        sender.close()
    writer.close()

    details = [reader.detail(exchange_id) for exchange_id in reader.ids()]
    states = [each.exchange.state for each in details if each is not None]
    assert sorted(states) == [State.FORWARDED, State.INTERRUPTED]
