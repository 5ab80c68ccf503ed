"""What is posted to `/m/{module}/…` reaches the module and comes back, whatever becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.found import Found
from tests.kiket_console.engine.orchestrator.parties import Notes, Party

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.headers import HOP, value_of
from kiket_console.engine.orchestrator.gateway import ModuleGateway, Visit
from kiket_console.engine.orchestrator.peers import Peers
from kiket_console.engine.ports import Target
from kiket_console.model import Worker, WorkerState
from kiket_console.module_facts import ModuleEndpoint
from pywatt_sdk._protocol import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kiket_console.engine.link import Answer
    from kiket_console.model import Headers

_WORKER = Worker("search", "module", WorkerState.SERVING, True, "", 0, 0, None, 1, 0, 0)


class House(Found):
    """A gateway to the module `search`."""

    def __init__(self, forwarder: Forwarder) -> None:
        self.module_worker = _WORKER
        self.peers, self.tape = Peers(), Notes()
        self.module = Party("search")
        self.module.endpoints = (ModuleEndpoint("/hello", ("GET", "POST")),)
        self.peers.joined(self.module)
        self.comes: Callable[[], None] = lambda: None
        self.gateway = ModuleGateway(
            self,  # type: ignore[arg-type]  # of the workers it asks what is below
            self.peers,
            self.tape,
            forwarder,
            hold_s=0.05,
            timeout_s=60.0,
            body_bytes=1024,
        )

    def workers(self) -> tuple[Worker, ...]:
        """Return the module and an extension, which is none."""
        return (self.module_worker, replace(_WORKER, name="shop", kind="extension"))

    def serving(self, name: str) -> Target | None:
        """Return the module if it runs."""
        peer = self.peers.newest(name)
        return Target(name, peer.label) if peer else None

    async def wait_serving(self, name: str, timeout_s: float = 10.0) -> Target | None:
        """Let the module come that is awaited."""
        del timeout_s
        self.comes()
        return self.serving(name)

    async def ask(
        self,
        method: str = "GET",
        path: str = "/hello?x=1",
        *headers: tuple[str, str],
        raw_body: bytes = b"",
        module: str = "search",
    ) -> Answer:
        """Ask the module something."""
        return await self.gateway.take(
            Visit(module, method, path, (("host", "x"), *headers), raw_body, "127.0.0.1")
        )


@pytest.fixture
async def house() -> AsyncIterator[House]:
    forwarder = Forwarder(timeout_s=60.0)
    yield House(forwarder)
    await forwarder.close()


@contextlib.asynccontextmanager
async def serving(
    house: House, answer: Callable[[bytes], bytes] | None = None, *, ip: str = "127.0.0.1"
) -> AsyncIterator[list[bytes]]:
    """Serve HTTP as the module does; yield the requests that came."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            came.append(head)
            writer.write(answer(head) if answer else reply(200, b"hello"))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, ip, 0) as server:
        house.module.address = (ip, server.sockets[0].getsockname()[1])
        yield came


def reply(status: int, raw_body: bytes, *lines: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(raw_body)}", "connection: close", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + raw_body


def said(answer: Answer) -> str:
    sentence: str = json.loads(answer.raw_body)["error"]
    return sentence


async def test_a_request_reaches_the_modules_own_server(house: House) -> None:
    async with serving(house) as came:
        answer = await house.ask("POST", "/hello?x=1", ("x-odd", "1"), ("connection", "close"))

    assert (answer.status, answer.raw_body) == (200, b"hello")
    head = came[0].decode().lower()
    assert head.startswith("post /hello?x=1 http/1.1\r\nhost: 127.0.0.1:")
    assert "x-odd: 1" in head
    assert "connection" not in head
    assert "x-forwarded-for: 127.0.0.1" in head
    assert f"x-request-id: {value_of(answer.headers, 'x-request-id')}\r\n" in head
    (frame,) = house.tape.frames
    assert (frame.module, frame.label, frame.channel) == ("search", "search#1", "http")
    assert (frame.method, frame.path, frame.op) == ("POST", "/hello?x=1", "http_request")
    traceparent = value_of(frame.headers, "traceparent")
    assert f"traceparent: {traceparent}\r\n" in head  # what it causes is known by it
    (taken,) = house.tape.replies
    assert taken[1] is not None
    assert (taken[0], taken[1].raw, taken[2]) == (1, b"hello", 200)


@pytest.mark.parametrize(("ip", "host"), [("::1", b"[::1]"), ("127.0.0.2", b"127.0.0.2")])
async def test_a_module_may_serve_on_any_address_of_loopback(
    house: House, ip: str, host: bytes
) -> None:
    try:
        async with serving(house, ip=ip) as came:
            assert (await house.ask()).status == 200
    except OSError:
        pytest.skip(f"this machine has no {ip}")
    assert b"host: " + host + b":" in came[0].lower()


async def test_only_the_head_of_an_answer_comes_when_that_is_asked_for(house: House) -> None:
    """It says how long a body would be, for which nobody waits."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 41\r\n\r\n"
    async with serving(house, lambda _: head):
        answer = await house.ask("HEAD", "/hello")

    assert (answer.status, answer.raw_body) == (200, b"")
    assert value_of(answer.headers, "content-length") == "41"


@pytest.mark.parametrize("origin", ["http://x", "http://evil.example", "null"])
async def test_a_page_that_came_by_way_of_the_gateway_is_the_modules_own(
    house: House, origin: str
) -> None:
    async with serving(house) as came:
        await house.ask("POST", "/hello", ("Origin", origin))
    port = house.module.address[1] if house.module.address else 0
    seen = f"http://127.0.0.1:{port}" if origin == "http://x" else origin
    assert f"\r\nOrigin: {seen}\r\n".encode() in came[0]


async def test_a_senders_own_request_id_stays(house: House) -> None:
    async with serving(house) as came:
        answer = await house.ask("GET", "/hello", ("X-Request-ID", "mine"))

    assert b"X-Request-ID: mine\r\n" in came[0]
    assert value_of(answer.headers, "x-request-id") == "mine"


async def test_a_module_without_an_address_is_asked_over_its_channel(house: House) -> None:
    asked: list[HttpRequest] = []

    def answer_http(request: HttpRequest) -> HttpResponse:
        asked.append(request)
        return HttpResponse(request.request_id, 201, {"X-A": "1", "connection": "x"}, b"made")

    house.module.answer_http = answer_http
    answer = await house.ask(
        "POST", "/hello", ("cookie", "a=1"), ("cookie", "b=2"), ("te", "x"), raw_body=b"{}"
    )

    assert (answer.status, answer.raw_body) == (201, b"made")
    assert dict(answer.headers) | {"x-request-id": ""} == {
        "X-A": "1",
        "content-length": "4",
        "x-request-id": "",
    }
    (request,) = asked
    assert (request.method, request.uri, request.body) == ("POST", "/hello", b"{}")
    assert request.headers["cookie"] == "a=1; b=2"
    assert "te" not in request.headers
    assert house.tape.frames == []  # the session takes it down


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (HttpResponse("r", 99, {}, None), "the status 99"),
        (HttpResponse("r", 200, {"a": "b\r\nset-cookie: x"}, None), "HTTP cannot carry: 'a'"),
        (HttpResponse("r", 200, {"a b": ""}, None), "HTTP cannot carry: 'a b'"),
        (HttpResponse("r", 200, {}, b"x" * 1025), "answered with more than"),
    ],
)
async def test_what_http_cannot_carry_is_no_answer(
    house: House, response: HttpResponse, why: str
) -> None:
    house.module.answer_http = lambda _: response

    answer = await house.ask()

    assert answer.status == 502
    assert why in said(answer)


async def test_a_module_that_is_silent_or_ends_is_answered_for(house: House) -> None:
    house.gateway.timeout_s = 0.2
    silent = await house.ask()
    house.module.has_ended = True
    ended = await house.ask()

    assert (silent.status, said(silent)) == (504, "search#1 did not answer within 0.2 s.")
    assert (ended.status, said(ended)) == (502, "search#1 takes nothing any more.")


async def test_an_address_that_nobody_listens_on_is_said(house: House) -> None:
    async with serving(house):
        pass

    answer = await house.ask()

    assert (answer.status, said(answer)) == (502, "search#1 did not accept the connection.")
    assert house.tape.ended == [(1, "search#1 did not accept the connection.")]


async def test_a_start_that_was_replaced_just_then_is_followed_by_the_next(house: House) -> None:
    async with serving(house):
        pass
    newer = Party("search", starts=2, answer_http=lambda r: HttpResponse(r.request_id, 200, {}))
    forward = house.gateway._forwarder.forward

    async def refused(*given: Any, **more: Any) -> Answer:
        house.peers.joined(newer)
        return await forward(*given, **more)

    house.gateway._forwarder.forward = refused  # type: ignore[method-assign]

    assert (await house.ask()).status == 200
    assert len(newer.sent) == 1


async def test_a_request_waits_for_a_module_that_is_being_started(house: House) -> None:
    house.peers.gone(house.module)
    house.module.answer_http = lambda r: HttpResponse(r.request_id, 200, {})
    house.comes = lambda: house.peers.joined(house.module)

    assert (await house.ask()).status == 200


async def test_a_module_that_does_not_run_is_said(house: House) -> None:
    house.peers.gone(house.module)
    house.module_worker = replace(_WORKER, serving=False, state=WorkerState.STOPPED)

    answer = await house.ask()

    assert answer.status == 503
    assert value_of(answer.headers, "retry-after") == "1"
    assert "search" in said(answer)
    assert house.tape.replies == [(1, None, 503)]  # it is in the traffic all the same


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        ({"module": "shop"}, 404, "No module is called 'shop' here; there is search."),
        ({"path": "/x"}, 404, "search has announced no route /x; it has GET/POST /hello."),
        ({"method": "PUT"}, 405, "search takes no PUT at /hello; it takes GET, POST."),
    ],
)
async def test_what_is_not_there_is_said(
    house: House, given: dict[str, str], status: int, why: str
) -> None:
    answer = await house.ask(**given)  # type: ignore[arg-type]  # only names and texts

    assert (answer.status, said(answer)) == (status, why)


async def test_a_request_does_not_go_round_in_circles(house: House) -> None:
    assert (await house.ask("GET", "/hello", (HOP, "1"))).status == 508


async def test_a_module_that_serves_without_the_version_that_it_announces_is_reached(
    house: House,
) -> None:
    """Rust modules of the macro family do (pywatt wire specification §1.3)."""
    house.module.sdk = ""
    house.module.endpoints = (ModuleEndpoint("/v1/hello", ("GET", "POST")),)

    def answer(head: bytes) -> bytes:
        return reply(404, b"") if b" /v1/" in head else reply(200, b"hello")

    async with serving(house, answer) as came:
        first = await house.ask("GET", "/v1/hello")
        second = await house.ask("POST", "/v1/hello")

    assert [first.status, second.status] == [200, 200]
    assert [head.split()[1] for head in came] == [b"/v1/hello", b"/hello", b"/hello"]


def _names(headers: Headers) -> set[str]:
    return {name.lower() for name, _ in headers}


async def test_an_answer_of_ours_is_no_page_for_browsers(house: House) -> None:
    answer = await house.ask(path="/x")

    assert {"content-type", "x-content-type-options"} <= _names(answer.headers)
