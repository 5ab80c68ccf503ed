"""WebSockets to modules through the gateway: a real front, and a real server behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.found import Found
from tests.kiket_console.engine.orchestrator.parties import Notes, Party
from tests.ports import free_port
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.front import front_config
from kiket_console.engine.orchestrator.gateway import ModuleGateway
from kiket_console.engine.orchestrator.peers import Peers
from kiket_console.engine.ports import Target
from kiket_console.model import Worker, WorkerState
from kiket_console.module_facts import ModuleEndpoint
from kiket_core.guard import Limits, Server
from pywatt_sdk._protocol import HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.server import ServerConnection

NOBODY: Any = None
WORKER = Worker("chat", "module", WorkerState.SERVING, True, "", 0, 0, None, 1, 0, 0)


class House(Found):
    """A gateway to the module `chat`, which echoes at `/chat`."""

    def __init__(self) -> None:
        self.peers, self.tape = Peers(), Notes()
        self.module = Party("chat")
        self.module.endpoints = (ModuleEndpoint("/chat", ("GET",)),)
        self.peers.joined(self.module)
        self.gateway = ModuleGateway(
            self,  # type: ignore[arg-type]  # of the workers it asks what is below
            self.peers,
            self.tape,
            Forwarder(),
            timeout_s=60.0,
        )
        self.port = 0
        self.server: Server = NOBODY
        self.heads: list[dict[str, str]] = []
        self.writers: list[asyncio.StreamWriter] = []

    def workers(self) -> tuple[Worker, ...]:
        """Return the module."""
        return (WORKER,)

    def serving(self, name: str) -> Target | None:
        """Return the module if it runs."""
        peer = self.peers.newest(name)
        return Target(name, peer.label) if peer else None

    async def echo(self, connection: ServerConnection) -> None:
        """Say what is said."""
        assert connection.request is not None
        self.heads.append(
            {name.lower(): value for name, value in connection.request.headers.items()}
        )
        async for message in connection:
            await connection.send(message)

    def url(self, path: str) -> str:
        """Return an address below the gateway."""
        return f"ws://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with contextlib.AsyncExitStack() as stack:
        behind = await stack.enter_async_context(serve(made.echo, "127.0.0.1", 0))
        made.module.address = ("127.0.0.1", next(iter(behind.sockets)).getsockname()[1])
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        config = front_config(
            NOBODY, Limits(idle_s=0.2, header_deadline_s=120), modules=made.gateway, loop="none"
        )
        made.server = Server(config)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(made.server.serve([listener]))
        await made.server.wait_started()
        made.port = listener.getsockname()[1]
        yield made
        for writer in made.writers:
            writer.close()
        made.server.should_exit = True


async def refused(house: House, path: str, **more: Any) -> tuple[int, str]:
    """Return status and sentence with which a WebSocket is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(house.url(path), **more):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}").get("error", "")


async def test_what_is_said_passes_both_ways(house: House) -> None:
    large = b"\x00\xff" * 500_000
    async with connect(house.url("/m/chat/chat?room=1"), max_size=None) as near:
        for message in ("hello", large):
            await near.send(message)
            assert await near.recv() == message
        await asyncio.sleep(0.4)  # longer than an idle connection of HTTP may last
        await near.send("still there")
        assert await near.recv() == "still there"

    (frame,) = house.tape.frames
    assert (frame.method, frame.path, frame.channel) == ("GET", "/chat?room=1", "http")
    assert [(exchange, status) for exchange, _, status in house.tape.replies] == [(1, 101)]
    assert house.heads[0]["host"] == f"127.0.0.1:{house.module.address[1]}"  # type: ignore[index]
    assert "x-request-id" in house.heads[0]


async def test_a_page_of_the_modules_own_may_open_one(house: House) -> None:
    """Such a page came by way of the gateway; the module would else see it as another site's."""
    own = Origin(f"http://127.0.0.1:{house.port}")
    async with connect(house.url("/m/chat/chat"), origin=own):
        pass
    assert house.heads[0]["origin"] == f"http://{house.heads[0]['host']}"
    assert (await refused(house, "/m/chat/chat", origin="http://evil.example"))[0] == 403


async def stream(house: House, *lines: str, path: str = "/m/chat/chat") -> asyncio.StreamReader:
    """Ask for events; return what the answer can be read from."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    head = [f"GET {path} HTTP/1.1", "host: localhost", "accept: text/event-stream", *lines]
    writer.write("\r\n".join([*head, "", ""]).encode())
    house.writers.append(writer)
    return reader


async def test_events_are_passed_on_as_they_come(house: House) -> None:
    goes_on = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nconnection: close\r\n" in head
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await goes_on.wait()
        writer.write(b"data: 2\n\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        house.module.address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        reader = await stream(house)
        async with asyncio.timeout(120):
            assert (await reader.readuntil(b"data: 1\n\n")).startswith(b"HTTP/1.1 200 OK")
            goes_on.set()  # the first was there before the module had said the second
            assert await reader.read() == b"data: 2\n\n"
    assert [(exchange, status) for exchange, _, status in house.tape.replies] == [(1, 200)]


async def test_who_asks_for_events_may_ask_nothing_more_there(house: House) -> None:
    """Else it would speak to the module past the guard."""
    came: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        came.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        house.module.address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        reader = await stream(house)
        async with asyncio.timeout(120):
            await reader.readuntil(b"\r\n\r\n")
            house.writers[-1].write(b"GET /secret HTTP/1.1\r\n\r\n")
            assert await reader.read() == b""
            while len(came) < 2:  # noqa: ASYNC110 - the module hears of the end
                await asyncio.sleep(0)
    assert came[1] == b""


async def test_a_stream_that_is_none_is_an_answer_all_the_same(house: House) -> None:
    house.module.address = None
    house.module.answer_http = lambda asked: HttpResponse(asked.request_id, 200, {}, b"all")

    async with asyncio.timeout(120):
        found = await (await stream(house)).read()
        absent = await (await stream(house, path="/m/nobody/x")).read()

    assert found.startswith(b"HTTP/1.1 200 ")
    assert found.endswith(b"\r\n\r\nall")
    assert absent.startswith(b"HTTP/1.1 404 ")


async def test_the_end_of_one_side_is_that_of_the_other(house: House) -> None:
    async with connect(house.url("/m/chat/chat")) as near:
        await near.send("x")
        await near.recv()
        house.server.should_exit = True  # the gateway ends
        with pytest.raises(ConnectionClosed):
            await near.recv()


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/m/chat/other", 404, "chat has announced no route /other; it has GET /chat."),
        ("/m/nobody/x", 404, "No module is called 'nobody' here; there is chat."),
        ("/webhooks/x", 404, "Only modules take WebSockets; they are below /m/{module}/."),
    ],
)
async def test_one_that_leads_nowhere_is_refused_in_words(
    house: House, path: str, status: int, why: str
) -> None:
    assert await refused(house, path) == (status, why)


async def test_a_page_of_another_origin_opens_none(house: House) -> None:
    assert (await refused(house, "/m/chat/chat", origin="http://evil.example"))[0] == 403


async def test_a_module_without_a_port_takes_none(house: House) -> None:
    house.module.address = None

    assert await refused(house, "/m/chat/chat") == (
        501,
        "chat#1 serves no port, so it takes no WebSockets.",
    )


@pytest.mark.parametrize(
    ("says", "status", "why"),
    [
        (b"HTTP/1.1 403 No\r\n\r\nsecret", 403, "chat#1 takes no WebSocket there: it says 403."),
        (b"HTTP/1.1 200 OK\r\n\r\n", 502, "chat#1 takes no WebSocket there: it says 200."),
        (b"garbage\r\n\r\n", 502, "chat#1 answered something that is not HTTP."),
        (b"x" * 70_000, 502, "chat#1 answered something that is not HTTP."),
        (b"", 502, "chat#1 closed the connection before it answered."),
        (None, 502, "chat#1 did not answer within 0.5 s."),
    ],
)
async def test_a_module_that_does_not_agree_is_said(
    house: House, says: bytes | None, status: int, why: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if says is None:
            await reader.read()  # until the gateway has enough
        else:
            writer.write(says)
        writer.close()

    if says is None:
        house.gateway.timeout_s = 0.5
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        house.module.address = ("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await refused(house, "/m/chat/chat") == (status, why)


async def test_a_port_that_nobody_listens_on_is_said(house: House) -> None:
    house.module.address = ("127.0.0.1", free_port())

    assert await refused(house, "/m/chat/chat") == (
        502,
        "chat#1 did not accept the connection.",
    )
    assert house.tape.ended == [(1, "chat#1 did not accept the connection.")]
