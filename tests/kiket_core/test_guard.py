from __future__ import annotations

import asyncio
import contextlib
import json
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_core import forms
from tests.kiket_core.conftest import wait_until
from tests.kiket_core.forms import SMUGGLED, chunked, get, post, statuses

from kiket_core import _guarded_protocol
from kiket_core.guard import LOOPBACK, Limits, Server, StartupError, guarded, server_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kiket_core.conftest import Serve, Served

LIMITS = Limits(body_bytes=forms.BODY_BYTES, idle_s=0.2)
SHORT = Limits(header_deadline_s=0.3, body_deadline_s=0.3, idle_s=0.3)


def error_of(raw: bytes) -> str:
    """Read the sentence of the last response in `raw`, checking that its length is right."""
    head, _, body = raw[raw.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.split(b"\r\n")
    assert b"connection: close" in head.split(b"\r\n")
    sentence = json.loads(body)["error"]
    assert isinstance(sentence, str)
    return sentence


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let senders take their time to read why they are refused."""
    monkeypatch.setattr(_guarded_protocol, "_LINGER_S", 600)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param({"loop": "asyncio"}, id="asyncio"),
        pytest.param({"loop": "uvloop"}, id="uvloop"),
        pytest.param({"loop": "uvloop", "direct": True}, id="direct"),
    ],
)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Name the settings of a way to serve."""
    settings: dict[str, Any] = request.param
    return settings


@pytest.fixture(scope="module")
def running(serve: Serve, way: dict[str, Any]) -> Iterator[Served]:
    with serve(limits=LIMITS, **way) as served:
        yield served


@pytest.fixture(scope="module")
def running_hasty(serve: Serve, way: dict[str, Any]) -> Iterator[Served]:
    with serve(limits=SHORT, **way) as served:
        yield served


@pytest.fixture
def server(running: Served) -> Served:
    running.forget()
    return running


@pytest.fixture
def hasty(running_hasty: Served) -> Served:
    """Serve with short deadlines."""
    running_hasty.forget()
    return running_hasty


REFUSED = forms.refused()
SERVED = forms.served()


@pytest.mark.parametrize("form", REFUSED)
def test_refuses_and_serves_nothing_that_follows(server: Served, form: str) -> None:
    raw, status = REFUSED[form]
    answer = server.exchange(raw + SMUGGLED)
    assert statuses(answer) == [status]
    assert error_of(answer).endswith(".")
    assert [status for status, _ in server.refusals] == [status]
    assert "/smuggled" not in server.paths
    assert len(server.paths) <= 1


@pytest.mark.parametrize("form", ["declared body over the limit", "10,000 headers", "no host"])
def test_refuses_alike_when_bytes_drip_in(server: Served, form: str) -> None:
    raw, status = REFUSED[form]
    with server.connect() as connection:
        for place in range(0, len(raw), max(1, len(raw) // 50)):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(raw[place : place + max(1, len(raw) // 50)])
        assert statuses(server.rest(connection)) == [status]


@pytest.mark.parametrize("form", SERVED)
def test_serves(server: Served, form: str) -> None:
    answer = server.exchange(SERVED[form])
    assert statuses(answer) == [200]
    assert server.refusals == []


def test_refuses_a_large_header_without_waiting_for_its_end(server: Served) -> None:
    assert statuses(server.exchange(get("/", f"X-A: {'b' * 100_000}")[:-4])) == [431]


def test_says_what_is_wrong_and_what_to_do(server: Served) -> None:
    assert error_of(server.exchange(get(host="evil.example"))) == (
        "The host 'evil.example' is not served here; "
        "use a local address, or add the name to the allowed hosts."
    )
    assert error_of(server.exchange(post("Content-Length: 20001"))) == (
        "The request body is larger than 20000 bytes."
    )
    assert error_of(server.exchange(get("/", "Origin: https://evil.example"))) == (
        "Requests from pages of 'https://evil.example' are refused."
    )


def test_quotes_hostile_text_inert_and_bounded(server: Served) -> None:
    sentence = error_of(server.exchange(get(host="\xe2\x80\xae" + "x" * 5000)))
    assert sentence.isascii() or sentence.replace("…", "").isascii()
    assert len(sentence) < 250


def test_names_no_server_software(server: Served) -> None:
    assert b"server:" not in server.exchange(get()).lower()
    assert b"server:" not in server.exchange(get(host=None)).lower()


def test_sends_no_body_to_head(server: Served) -> None:
    answer = server.exchange(b"HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert statuses(answer) == [421]
    assert answer.endswith(b"\r\n\r\n")


def test_answers_earlier_requests_before_it_refuses(server: Served) -> None:
    """Pipelined: each answer stands in the place of its request, and the bad one ends it."""
    answer = server.exchange(get("/1") + get("/2") + get("/3", host="evil.example") + get("/4"))
    assert statuses(answer) == [200, 200, 421]
    assert server.paths == ["/1", "/2"]


def test_answers_earlier_requests_before_it_refuses_a_body(server: Served) -> None:
    answer = server.exchange(get("/1") + chunked(b"zz\r\n", path="/2") + get("/3"))
    assert statuses(answer) == [200, 400]
    assert server.paths == ["/1"]


def test_keeps_a_request_from_the_app_that_is_malformed_at_once(server: Served) -> None:
    assert statuses(server.exchange(chunked(b"zz\r\n", path="/bad"))) == [400]
    assert statuses(server.exchange(get("/after"))) == [200]
    assert server.paths == ["/after"]


def test_hides_trailers_from_the_app(server: Served) -> None:
    """A trailer comes after the head was judged, so it must not join the headers."""
    trailers = b"X-Kiket-Signature: forged\r\nX-B: c\r\n"
    answer = server.exchange(chunked(b"0\r\n" + trailers + b"\r\n"))
    assert statuses(answer) == [200]
    assert [name for name, _ in server.headers[0]] == [b"host", b"transfer-encoding"]


def test_counts_chunk_extensions_as_body(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(chunked(b""))
        wait_until(lambda: bool(server.paths))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                connection.sendall(b"1;" + b"e" * 1000 + b"\r\nx\r\n")
        assert statuses(server.rest(connection)) == [413]


def test_counts_trailers_as_body(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(chunked(b"0\r\nX-A: "))
        wait_until(lambda: bool(server.paths))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                connection.sendall(b"b" * 1000)
        assert statuses(server.rest(connection)) == [413]


def test_lets_the_sender_of_a_large_body_read_the_refusal(server: Served) -> None:
    """The sender is still writing when the answer goes out: closing at once would reset it."""
    with server.connect() as connection:
        connection.sendall(post("Content-Length: 6000000"))
        for _ in range(60):
            connection.sendall(b"x" * 100_000)
        assert statuses(server.rest(connection)) == [413]


def test_closes_without_a_second_answer_when_the_first_is_out(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(chunked(b"", path="/early"))
        assert statuses(server.answer(connection)) == [200]
        connection.sendall(b"zz\r\n")
        assert server.rest(connection) == b""


def test_closes_an_idle_connection_whose_answer_came_before_its_body(server: Served) -> None:
    with server.connect() as connection:
        connection.sendall(chunked(b"", path="/early"))
        assert statuses(server.answer(connection)) == [200]
        connection.sendall(b"0\r\n\r\n")
        assert server.rest(connection) == b""
    assert server.refusals == []


def test_answers_many_requests_on_one_connection(serve: Serve, way: dict[str, Any]) -> None:
    with serve(**way) as server, server.connect() as connection:
        for _ in range(5):
            connection.sendall(get())
            assert statuses(server.answer(connection)) == [200]


class TestDeadlines:
    @pytest.mark.parametrize(
        "start", [b"", b"\r\n", b"GET", get()[:-2], get("/", "X-A: b")[:-4]], ids=repr
    )
    def test_refuses_headers_that_do_not_arrive(self, hasty: Served, start: bytes) -> None:
        answer = hasty.exchange(start)
        assert statuses(answer) == [408]
        assert error_of(answer) == "The request headers did not arrive within 0.3 seconds."

    def test_is_not_fooled_by_dripping_headers(self, hasty: Served) -> None:
        with hasty.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n")
            answer = drip(hasty, connection, b"X-A: b\r\n")
        assert statuses(answer) == [408]

    def test_is_not_fooled_by_dripping_line_ends(self, hasty: Served) -> None:
        with taken(hasty, get() + b"\r\n") as connection:  # else it is idle until the first drop
            assert statuses(hasty.answer(connection)) == [200]
            assert statuses(drip(hasty, connection, b"\r\n")) == [408]

    @pytest.mark.parametrize(
        "start", [post("Content-Length: 9", body=b"abc"), chunked(b"5\r\nabc")], ids=repr
    )
    def test_refuses_a_body_that_does_not_arrive(self, hasty: Served, start: bytes) -> None:
        with taken(hasty, start) as connection:
            answer = hasty.rest(connection)
        assert statuses(answer) == [408]
        assert error_of(answer) == "The request body did not arrive within 0.3 seconds."

    def test_is_not_fooled_by_a_dripping_body(self, hasty: Served) -> None:
        with taken(hasty, post("Content-Length: 10000")) as connection:
            assert statuses(drip(hasty, connection, b"x")) == [408]

    def test_answers_a_slow_request_before_it_refuses_a_late_one(self, hasty: Served) -> None:
        with taken(hasty, get("/slow") + b"GET /late") as connection:
            wait_until(lambda: bool(hasty.refusals))
            hasty.release.set()
            assert statuses(hasty.rest(connection)) == [200, 408]

    def test_serves_nothing_that_is_completed_too_late(self, hasty: Served) -> None:
        with hasty.connect() as connection:
            connection.sendall(get("/late")[:-2])
            wait_until(lambda: bool(hasty.refusals))
            connection.sendall(b"\r\n" + get("/later"))
            assert statuses(hasty.rest(connection)) == [408]
        assert hasty.paths == []
        with taken(hasty, get("/after")) as connection:
            assert statuses(hasty.rest(connection)) == [200]
        assert hasty.paths == ["/after"]

    def test_does_not_hurry_the_app(self, hasty: Served) -> None:
        with taken(hasty, get("/slow")) as slow:
            assert statuses(hasty.exchange(b"")) == [408]  # a deadline has passed meanwhile
            hasty.release.set()
            assert statuses(hasty.rest(slow)) == [200]

    def test_gives_up_a_sender_that_reads_too_little(self, serve: Serve) -> None:
        """An answer waits in memory; who reads it is given it all."""
        ended = threading.Event()

        async def wordy(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(200):
                body = b"x" * 100_000
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            ended.set()

        with serve(app=wordy, lifespan="off") as served, served.connect() as reading:
            reading.sendall(get("/", "Connection: close"))
            assert len(served.rest(reading)) > 20_000_000
        ended.clear()
        limits = Limits(answer_deadline_s=0.4)
        with (
            serve(limits=limits, app=wordy, lifespan="off") as served,
            served.connect() as still,
        ):
            still.sendall(get())
            assert ended.wait(60), "it reads nothing for longer than it may"
            assert len(served.rest(still)) < 20_000_000

    def test_does_not_blame_the_sender_for_an_app_that_does_not_read(self, serve: Serve) -> None:
        release = asyncio.Event()
        loop: list[asyncio.AbstractEventLoop] = []

        async def unreading(scope: dict[str, Any], receive: Any, send: Any) -> None:
            loop.append(asyncio.get_running_loop())
            await release.wait()
            size = 0
            more = True
            while more:
                message = await receive()
                size += len(message["body"])
                more = message["more_body"]
            body = str(size).encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        patient = Limits(header_deadline_s=2.5, body_deadline_s=2)
        with (
            serve(limits=patient, app=unreading, lifespan="off") as served,
            served.connect() as connection,
        ):
            # More than fits in the buffers of uvicorn: it stops reading until the app does.
            connection.sendall(post("Content-Length: 300000", body=b"x" * 200_000))
            rest = threading.Thread(target=connection.sendall, args=(b"x" * 100_000,))
            rest.start()
            assert statuses(served.exchange(b"")) == [408]  # a deadline has passed meanwhile
            loop[0].call_soon_threadsafe(release.set)
            rest.join()
            assert served.rest(connection).endswith(b"300000")
            assert [sentence for _, sentence in served.refusals] == [
                "The request headers did not arrive within 2.5 seconds."
            ]


def fate_of(connection: socket.socket) -> str:
    """Return whether the server keeps a silent connection, has told it why not, or has hung up."""
    if not select.select([connection], [], [], 0)[0]:
        return "kept"
    try:
        return "told" if connection.recv(1, socket.MSG_PEEK) else "gone"
    except ConnectionResetError:
        return "gone"


class TestConnections:
    MOST = 8

    def test_refuses_one_too_many_and_serves_those_it_has(self, serve: Serve) -> None:
        limits = Limits(connections=self.MOST)
        with serve(limits=limits) as served, contextlib.ExitStack() as stack:
            held = [stack.enter_context(served.connect()) for _ in range(self.MOST)]
            for connection in held:
                connection.sendall(get("/slow"))
            wait_until(lambda: len(served.paths) == self.MOST)
            answer = served.exchange(get())
            assert statuses(answer) == [503]
            assert b"retry-after: 1" in answer
            assert error_of(answer) == "All 8 connections are in use; try again shortly."
            served.release.set()
            for connection in held:
                assert statuses(served.answer(connection)) == [200]

    def test_silent_senders_make_room_for_the_next_one_the_oldest_first(self, serve: Serve) -> None:
        with serve(limits=Limits(connections=2)) as served, contextlib.ExitStack() as stack:
            oldest = stack.enter_context(served.connect())
            oldest.sendall(b"GET / HT")
            wait_until(lambda: statuses(served.exchange(get("/", "Connection: close"))) == [200])
            busy = stack.enter_context(served.connect())
            busy.sendall(get("/slow"))
            wait_until(lambda: "/slow" in served.paths)
            answer = served.exchange(get("/next", "Connection: close"))
            assert statuses(answer) == [200]
            assert statuses(served.rest(oldest)) == [503]
            served.release.set()
            assert statuses(served.answer(busy)) == [200]

    def test_idle_connections_make_room_without_a_word(self, serve: Serve) -> None:
        with serve(limits=Limits(connections=2)) as served, contextlib.ExitStack() as stack:
            idle = [stack.enter_context(served.connect()) for _ in range(2)]
            for connection in idle:
                connection.sendall(get())
                assert statuses(served.answer(connection)) == [200]
            assert statuses(served.exchange(get("/next", "Connection: close"))) == [200]
            [ended], _, _ = select.select(idle, [], [], 20)
            assert served.rest(ended) == b""
            idle.remove(ended)
            idle[0].sendall(get())
            assert statuses(served.answer(idle[0])) == [200]
            assert served.refusals == []

    def test_bounds_even_those_it_refuses(self, serve: Serve) -> None:
        """Silent senders are told, so many at a time; then they go without a word."""
        limits = Limits(connections=self.MOST, header_deadline_s=600)
        told = self.MOST // 4 + 1
        fates = {"kept": self.MOST, "told": told, "gone": 2 * self.MOST - told}
        with serve(limits=limits) as served, contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(served.connect()) for _ in range(3 * self.MOST)]
            wait_until(lambda: Counter(map(fate_of, sockets)) == fates)
            for connection in sockets:
                if fate_of(connection) == "kept":
                    connection.sendall(get("/", "Connection: close"))
                    assert statuses(served.rest(connection)) == [200]
                elif fate_of(connection) == "told":
                    connection.shutdown(socket.SHUT_WR)
                    assert statuses(served.rest(connection)) == [503]

    def test_serves_again_when_one_leaves(self, serve: Serve) -> None:
        with serve(limits=Limits(connections=1)) as served:
            with served.connect() as first:
                first.sendall(get())
                assert statuses(served.answer(first)) == [200]
            wait_until(lambda: statuses(served.exchange(get("/", "Connection: close"))) == [200])

    def test_serves_while_under_attack(self, serve: Serve) -> None:
        """Silent, dripping and oversize senders at once do not keep a valid one waiting."""
        with serve(limits=Limits(connections=200)) as served, contextlib.ExitStack() as stack:
            for number in range(100):
                connection = stack.enter_context(served.connect())
                start = [b"", b"GET / HT", post("Content-Length: 99"), REFUSED["1 MB header"][0]]
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.sendall(start[number % len(start)])
            answers = [served.exchange(get("/", "Connection: close")) for _ in range(20)]
        assert [statuses(answer) for answer in answers] == [[200]] * 20


class TestHosts:
    def test_serves_only_the_hosts_it_is_given(self, serve: Serve) -> None:
        with serve(hosts=["Tunnel.example", "::1"], limits=LIMITS) as served:
            assert statuses(served.exchange(get(host="tunnel.example:443"))) == [200]
            assert statuses(served.exchange(get(host="[::1]"))) == [200]
            assert statuses(served.exchange(get(host="localhost"))) == [421]

    def test_serves_any_host_when_asked_to(self, serve: Serve) -> None:
        with serve(hosts=None, limits=LIMITS) as served:
            assert statuses(served.exchange(get(host="any.example"))) == [200]
            assert statuses(served.exchange(get(host=None))) == [400]
            foreign = get("/", "Origin: https://other.example", host="any.example")
            assert statuses(served.exchange(foreign)) == [403]

    def test_serves_pages_of_other_sites_when_asked_to(self, serve: Serve) -> None:
        with serve(allow_cross_site=True, limits=LIMITS) as served:
            lines = ("Origin: https://other.example", "Sec-Fetch-Site: cross-site")
            assert statuses(served.exchange(get("/", *lines))) == [200]

    def test_knows_the_local_names(self) -> None:
        assert sorted(LOOPBACK) == ["127.0.0.1", "[::1]", "localhost"]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class TestServer:
    async def test_tells_when_it_listens_and_leaves_signals_alone(self) -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = Server(server_config(app, lifespan="off"))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(server.serve(sockets=[listener]))
                await server.wait_started()
                assert server.started
                now = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
                assert now == handlers
                server.should_exit = True

    async def test_says_that_the_app_failed_to_start(self) -> None:
        async def failing(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        server = Server(server_config(failing))
        with pytest.raises(StartupError) as failed:
            await server.serve()
        sentence = "The app failed while starting up; the log of uvicorn.error has its traceback."
        assert str(failed.value) == sentence
        with pytest.raises(StartupError, match=r"^The app failed while starting up"):
            await server.wait_started()

    async def test_says_that_the_address_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = Server(server_config(app, host="127.0.0.1", port=port, lifespan="off"))
            with pytest.raises(
                StartupError, match=rf"^The server cannot listen on 127.0.0.1:{port};"
            ):
                await server.serve()

    def test_configures_uvicorn_for_a_host_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEB_CONCURRENCY", "4")
        config = server_config(app, port=0, timeout_graceful_shutdown=1)
        assert config.workers == 1
        assert config.log_config is None
        assert (config.server_header, config.proxy_headers, config.access_log) == (False,) * 3
        assert config.timeout_graceful_shutdown == 1

    def test_makes_a_class_per_policy(self) -> None:
        assert guarded() is not guarded()


def test_the_pure_modules_do_not_import_uvicorn() -> None:
    program = (
        "import sys, kiket_core, kiket_core.secret, kiket_core.env, kiket_core.frames;"
        "print([name for name in sys.modules if name.split('.')[0] in ('uvicorn', 'httptools')])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert output.stdout.strip() == b"[]"


def test_uvicorn_is_whole_for_who_asks_it_for_more_than_its_server() -> None:
    program = (
        "import sys, kiket_core.guard;"
        "parts = 'click' in sys.modules, 'uvicorn.main' in sys.modules;"
        "import uvicorn, uvicorn.config, uvicorn.server;"
        "same = uvicorn.Config is uvicorn.config.Config, uvicorn.Server is uvicorn.server.Server;"
        "print(*parts, *same, callable(uvicorn.run), type(uvicorn.main).__name__,"
        " uvicorn.__version__ != '', hasattr(uvicorn, 'nothing'))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert output.stdout.split() == b"False False True True True Command True False".split()


def test_what_uvicorn_only_names_is_left_to_who_uses_it() -> None:
    program = (
        "import sys, kiket_core.guard;"
        "named = 'configparser', 'uvicorn._types', 'uvicorn.middleware.wsgi', 'logging.handlers';"
        "left = not any(name in sys.modules for name in named);"
        "import logging.config, uvicorn, uvicorn.config;"
        "from configparser import RawConfigParser;"
        "from uvicorn._types import HTTPScope;"
        "config = uvicorn.Config(lambda environment, start: [b''], interface='wsgi');"
        "config.load();"
        "print(left, RawConfigParser.__module__, HTTPScope.__module__,"
        " callable(config.loaded_app), logging.config.DictConfigurator.__module__)"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert output.stdout.split() == b"True configparser uvicorn._types True logging.config".split()


@contextlib.contextmanager
def taken(served: Served, raw: bytes) -> Iterator[socket.socket]:
    """Send *raw* on a connection of its own until its head is in: a deadline may come first."""
    while True:
        served.forget()
        with served.connect() as connection:
            connection.sendall(raw)
            wait_until(lambda: bool(served.begun or served.refusals))
            if served.begun:
                yield connection
                return


def drip(served: Served, connection: socket.socket, piece: bytes) -> bytes:
    """Send a piece every 50 ms until an answer comes; return it all."""
    while True:
        connection.settimeout(0.05)
        try:
            first = connection.recv(65536)
        except TimeoutError:
            connection.settimeout(120)
            connection.sendall(piece)
            continue
        connection.settimeout(120)
        return first + served.rest(connection)
