"""Requests that are taken without an application; what the guard refuses is in `test_guard`."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import StreamingResponse
from tests.kiket_core.conftest import wait_until
from tests.kiket_core.forms import get, post, statuses

from kiket_core.guard import DirectRequest, Taker, serving_directly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_core.conftest import Serve, Served

JSON = (b"content-type", b"application/json")
APP = b"the application"
LAST = "Connection: close"


def with_length(raw_body: bytes) -> list[tuple[bytes, bytes]]:
    return [JSON, (b"content-length", b"%d" % len(raw_body))]


async def answered(request: DirectRequest, status: int, raw_body: bytes, *more: Any) -> None:
    sending = request.answer(status, [*with_length(raw_body), *more], raw_body)
    if sending is not None:
        await sending


class Takers:
    """What the server under test takes, by path."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[bytes] = []
        self.begun = 0

    def taker_of(self, target: bytes) -> Taker | None:
        self.asked.append(target)
        path = target.partition(b"?")[0].decode().strip("/")
        return getattr(self, f"take_{path}", None)

    async def take_echo(self, request: DirectRequest) -> None:
        await answered(request, 200, b"%b %b" % (request.query, request.body))

    async def take_slow(self, request: DirectRequest) -> None:
        await asyncio.to_thread(self.release.wait, 120)
        await answered(request, 200, b"slow")

    async def take_large(self, request: DirectRequest) -> None:
        self.begun += 1
        await answered(request, 200, b"x" * 2**20)

    async def take_broken(self, request: DirectRequest) -> None:
        raise ValueError(request.target.decode())

    async def take_split(self, request: DirectRequest) -> None:
        await answered(request, 200, b"", (b"x-said", b"one\r\nx-smuggled: two"))

    async def take_stream(self, request: DirectRequest) -> None:
        async def pieces() -> Any:
            yield request.scope  # what ASGI has is made for those alone who need it
            yield b"in pieces"

        pieces_of_it = (piece async for piece in pieces() if piece is not None)
        await request.pass_to(StreamingResponse(pieces_of_it, 202))

    async def take_named(self, request: DirectRequest) -> None:
        await answered(request, 200, request.named[b"x-name"])


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    raw_body = b""
    while (message := await receive()).get("more_body"):
        raw_body += message["body"]
    raw_body += message["body"]
    said = b"%b: %b %b %d" % (APP, scope["method"].encode(), scope["raw_path"], len(raw_body))
    head = {"type": "http.response.start", "status": 200, "headers": with_length(said)}
    await send(head)
    await send({"type": "http.response.body", "body": said})


@pytest.fixture
def takers() -> Takers:
    return Takers()


@pytest.fixture
def server(serve: Serve, takers: Takers) -> Iterator[Served]:
    with serve(app=app, protocol=serving_directly(takers.taker_of), date_header=False) as served:
        yield served
        takers.release.set()


def posted(path: str, body: bytes = b"{}", *lines: str) -> bytes:
    return post(f"Content-Length: {len(body)}", *lines, body=body, path=path)


def bodies(raw: bytes) -> list[bytes]:
    """Return the bodies of answers that say how long they are."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(rest[:size])
        raw = rest[size:]
    return found


def test_a_short_post_is_answered_without_the_application(server: Served) -> None:
    assert server.exchange(posted("/echo?a=1", b"{}", LAST)) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n"
        b"connection: close\r\n\r\na=1 {}"
    )


def test_a_body_may_come_in_pieces(server: Served) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = posted("/echo", b"one, two", LAST)
        for piece in (whole[:-8], whole[-8:-5], whole[-5:-2], whole[-2:]):
            connection.sendall(piece)
        assert bodies(server.rest(connection)) == [b" one, two"]


def test_one_connection_carries_both(server: Served) -> None:
    said = {
        posted("/echo"): b" {}",
        posted("/other"): APP + b": POST /other 2",
        posted("/echo", b"[]"): b" []",
        get("/", LAST): APP + b": GET / 0",
    }
    with server.connect() as connection:
        for sent, body in said.items():
            connection.sendall(sent)
            raw = b""
            while not raw.endswith(b"\r\n\r\n" + body):
                piece = connection.recv(65536)
                assert piece, raw
                raw += piece


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        pytest.param(get("/echo", LAST), b"GET /echo 0", id="no POST"),
        pytest.param(posted("/other", b"{}", LAST), b"POST /other 2", id="nobody takes it"),
        pytest.param(
            post("Transfer-Encoding: chunked", LAST, body=b"2\r\n{}\r\n0\r\n\r\n", path="/echo"),
            b"POST /echo 2",
            id="chunked",
        ),
        pytest.param(post(LAST, path="/echo"), b"POST /echo 0", id="no length"),
        pytest.param(posted("/echo", b"x" * 100_000, LAST), b"POST /echo 100000", id="not short"),
    ],
)
def test_all_else_is_the_applications(server: Served, request_: bytes, said: bytes) -> None:
    assert bodies(server.exchange(request_)) == [APP + b": " + said]


def test_who_waits_to_be_told_to_go_on_is_told_so(server: Served) -> None:
    raw = server.exchange(posted("/echo", b"{}", "Expect: 100-continue", LAST))
    assert raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert raw.endswith(APP + b": POST /echo 2")


def test_what_comes_behind_a_request_waits_for_its_answer(server: Served, takers: Takers) -> None:
    with server.connect() as connection:
        connection.sendall(posted("/slow") + posted("/echo") + get("/", LAST))
        takers.release.set()
        raw = server.rest(connection)
    assert bodies(raw) == [b"slow", APP + b": POST /echo 2", APP + b": GET / 0"]


def test_an_old_client_is_answered_once(server: Served) -> None:
    raw = b"POST /echo HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    assert bodies(server.exchange(raw)) == [b" {}"]


def test_of_repeated_headers_the_first_counts(server: Served) -> None:
    raw = server.exchange(posted("/named", b"", "X-Name: one", "X-Name: two", LAST))
    assert bodies(raw) == [b"one"]


def test_a_taker_that_fails_is_answered_for_and_told(
    server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    raw = server.exchange(posted("/broken"), posted("/echo", b"{}", LAST))
    assert statuses(raw) == [500, 200]
    assert bodies(raw)[0] == b'{"error":"The server itself failed"}'
    assert "ValueError: /broken" in caplog.text


def test_no_header_of_an_answer_becomes_two(server: Served) -> None:
    raw = server.exchange(posted("/split", b"{}", LAST))
    assert statuses(raw) == [500]
    assert b"smuggled" not in raw


def test_an_application_may_answer_what_was_taken(server: Served) -> None:
    raw = server.exchange(posted("/stream"), posted("/echo", b"{}", LAST))
    assert statuses(raw) == [202, 200]
    assert b"transfer-encoding: chunked\r\n\r\n9\r\nin pieces\r\n0\r\n\r\n" in raw


def test_an_answer_to_who_has_gone_is_dropped(server: Served, takers: Takers) -> None:
    with server.connect() as connection:
        connection.sendall(posted("/slow"))
        wait_until(lambda: b"/slow" in takers.asked)
    takers.release.set()
    assert bodies(server.exchange(posted("/echo", b"{}", LAST))) == [b" {}"]


def test_a_sender_that_reads_nothing_holds_up_only_itself(server: Served, takers: Takers) -> None:
    with server.connect() as slow:
        slow.sendall(posted("/large"))
        wait_until(lambda: takers.begun == 1)
        slow.sendall(posted("/large"))
        wait_until(lambda: takers.begun == 2)
        slow.sendall(get("/", LAST))
        assert bodies(server.exchange(posted("/echo", b"{}", LAST))) == [b" {}"]
        raw = server.rest(slow)
    assert [len(each) for each in bodies(raw)[:2]] == [2**20, 2**20]


def test_each_request_is_logged_as_uvicorn_logs_it(
    serve: Serve, takers: Takers, caplog: pytest.LogCaptureFixture
) -> None:
    protocol = serving_directly(takers.taker_of)
    with (
        caplog.at_level(logging.INFO, "uvicorn.access"),
        serve(app=app, protocol=protocol, access_log=True) as server,
    ):
        server.exchange(posted("/echo?a=b", b"{}", LAST))
        server.exchange(posted("/other?a=b", b"{}", LAST))
        server.exchange(posted("/echo", b"{}", "X-Forwarded-For: 10.0.0.1", LAST))
    logged = [each for each in caplog.records if each.name == "uvicorn.access"]
    assert [each.getMessage().partition(" - ")[2] for each in logged] == [
        '"POST /echo?a=b HTTP/1.1" 200',
        '"POST /other?a=b HTTP/1.1" 200',
        '"POST /echo HTTP/1.1" 200',
    ]
    assert takers.asked == [b"/echo?a=b", b"/other?a=b"]  # a proxy's is left to who knows proxies
