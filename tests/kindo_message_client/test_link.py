"""What a producer, or what is between, can do to a connection, and what becomes of the message."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from tests.certificates import Certificates, make
from tests.clocks import passing

from kindo_message_client._connection import proxy_to
from kindo_message_client.aio import ProducerClient, Sent
from kindo_message_client.config import ConfigError
from kindo_message_client.errors import AnswerError, RefusedError, SendError, UnreachableError
from kindo_message_client.testing import LOCAL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

Message = dict[str, Any]

ID = b'{"tracking_id":"an-id"}'
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n" + ID
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"tra\r\n12\r\ncking_id":"an-id"}\r\n0\r\nTrailer: x\r\n\r\n'
)


class Scripted:
    """Gives each request on each connection the next of its answers, whatever it is."""

    def __init__(self, answers: list[list[bytes]]) -> None:
        self.answers = answers
        """By connection: what it answers to each request before it closes."""
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers = self.answers[self.connections]
        self.connections += 1
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Serve each connection until *serve* returns or the block ends; the port is yielded."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def scripted(
    *answers: list[bytes], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    script = Scripted(list(answers))
    async with listening(script.serve, tls) as port:
        script.port = port
        yield script


def client_of(
    script: Scripted, scheme: str = "http", *, retries: int = 0, tls: ssl.SSLContext | None = None
) -> ProducerClient:
    url = f"{scheme}://127.0.0.1:{script.port}/"
    return ProducerClient(url, credentials=LOCAL, retries=retries, concurrency=1, tls=tls)


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD,
        CHUNKED,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000 + b"\r\ncontent-length: 23\r\n\r\n" + ID,
    ],
)
async def test_an_answer_can_be_written_in_several_ways(answer: bytes, message: Message) -> None:
    async with scripted([answer, GOOD]) as script, client_of(script) as client:
        assert await client.send(message) == "an-id"
        assert await client.send(message) == "an-id"
        assert script.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + ID,
        b"HTTP/1.0 200 OK\r\nContent-Length: 23\r\n\r\n" + ID,
        GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1),
        GOOD + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        GOOD + b"nonsense",
    ],
)
async def test_a_connection_that_cannot_be_used_again_is_not(
    answer: bytes, message: Message
) -> None:
    async with scripted([answer], [GOOD]) as script, client_of(script) as client:
        assert await client.send(message) == "an-id"
        assert await client.send(message) == "an-id"
        assert script.connections == 2


async def test_a_connection_that_ended_a_moment_ago_is_replaced(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_and_go() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(GOOD)

        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with ProducerClient(url, credentials=LOCAL, retries=0) as client:
            for _ in range(2):
                thread = threading.Thread(target=answer_and_go)
                thread.start()
                assert await client.send(message) == "an-id"
                thread.join()  # the event loop has no time to hear of the end


async def test_a_connection_that_ended_meanwhile_is_replaced(message: Message) -> None:
    async with scripted([GOOD], [GOOD]) as script, client_of(script) as client:
        assert await client.send(message) == "an-id"
        assert client._pool is not None
        async with asyncio.timeout(120):
            await client._pool._idle[0].lost.wait()
        assert await client.send(message) == "an-id"
        assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"", UnreachableError, "broke before the answer came. The message may have been taken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", UnreachableError, "broke before"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", UnreachableError, "something that is not HTTP"),
        (
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            SendError,
            "Failed to send message: 101|not HTTP",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n{",
            AnswerError,
            "compressed",
        ),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, AnswerError, "65,536 bytes of headers"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 1_048_577,
            AnswerError,
            "more than 1,048,576 bytes",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000, AnswerError, "more than 1,048,576"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", RefusedError, "Failed to send message: 204"),
    ],
)
async def test_an_answer_that_is_none_is_an_error_and_the_next_message_is_sent(
    answer: bytes, error: type[Exception], words: str, message: Message
) -> None:
    async with scripted([answer], [GOOD]) as script, client_of(script) as client:
        with pytest.raises(error, match=words):
            await client.send(message)
        if error is not RefusedError:
            assert await client.send(message) == "an-id"


async def test_where_nobody_listens_the_message_cannot_have_been_taken(message: Message) -> None:
    async with scripted() as script:
        pass
    async with client_of(script, retries=2) as client:
        said = "cannot be reached: nothing listens on that port"
        with pytest.raises(UnreachableError, match=said) as error:
            await client.send(message)
        assert not error.value.may_be_taken
        assert error.value.__cause__ is not None


async def test_an_address_that_nobody_answers_at_is_not_waited_for(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    nowhere, connect, find = 9, loop.sock_connect, loop.getaddrinfo

    async def find_two(host: str, port: int, **options: Any) -> list[Any]:
        found = await find(host, port, **options)
        return [(*each[:4], (each[4][0], nowhere)) for each in found] + found

    async def connect_but_nowhere(sock: Any, address: tuple[str, int]) -> None:
        if address[1] == nowhere:
            pass_by(60)  # its part of the time
            await asyncio.Event().wait()
        await connect(sock, address)

    monkeypatch.setattr(loop, "getaddrinfo", find_two)
    monkeypatch.setattr(loop, "sock_connect", connect_but_nowhere)
    monkeypatch.setattr("kindo_message_client._pool.CONNECT_S", 120)
    pass_by = passing(monkeypatch)
    async with scripted([GOOD]) as script, client_of(script) as client:
        assert await client.send(message) == "an-id"


# Encrypted


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a CA and a server certificate once."""
    return make(tmp_path_factory.mktemp("certificates"))


async def test_https_is_verified(
    certificates: Certificates, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(*[[GOOD]] * 4, tls=certificates.server()) as script:
        trusting = ssl.create_default_context(cafile=str(certificates.ca))
        async with client_of(script, "https", tls=trusting) as client:
            assert await client.send(message) == "an-id"
        async with client_of(script, "https") as client:
            with pytest.raises(UnreachableError, match=r"certificate verify failed") as error:
                await client.send(message)
            assert not error.value.may_be_taken
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca))
        async with ProducerClient(
            f"https://localhost:{script.port}/", credentials=LOCAL, retries=0
        ) as client:
            with pytest.raises(UnreachableError, match=r"[Hh]ostname mismatch"):
                await client.send(message)
        async with client_of(script, "https") as client:
            assert await client.send(message) == "an-id"
    assert len(script.requests) == 2, "nothing was sent to who could not be verified"


@pytest.fixture
def proxies() -> Iterator[None]:
    """Let the environment of this test say which proxies there are."""
    proxy_to.cache_clear()
    yield
    proxy_to.cache_clear()


class Tunnel:
    """A proxy that knows one host, which is at *port* of this machine."""

    def __init__(self, port: int, answer: bytes) -> None:
        self.port, self.answer = port, answer
        self.heads: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if b" 200" in self.answer:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pass_on(reader, ours))
                group.create_task(self.pass_on(theirs, writer))

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n", ""),
        (b"HTTP/1.1 407 \x1b[2J\r\n\r\n", r"the proxy 127\.0\.0\.1 answered 'HTTP/1\.1 407 \\x1b"),
        (b"", "the proxy closed the connection"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "the proxy closed the connection"),
    ],
)
async def test_a_proxy_of_the_environment_is_used_for_https(
    answer: bytes,
    words: str,
    certificates: Certificates,
    message: Message,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusting = ssl.create_default_context(cafile=str(certificates.ca))
    async with scripted([GOOD], tls=certificates.server()) as script:
        tunnel = Tunnel(script.port, answer)
        monkeypatch.setenv("NO_PROXY", "")
        async with listening(tunnel.serve) as port:
            monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass%40word@127.0.0.1:{port}")
            async with ProducerClient(
                "https://module.test/", credentials=LOCAL, retries=0, tls=trusting
            ) as client:
                if words:
                    with pytest.raises(UnreachableError, match=words):
                        await client.send(message)
                else:
                    assert await client.send(message) == "an-id"
                    assert b"\r\nHost: module.test\r\n" in script.requests[0]
    [head] = tunnel.heads
    assert head == (
        b"CONNECT module.test:443 HTTP/1.1\r\nHost: module.test:443\r\n"
        b"Proxy-Authorization: Basic bWU6cGFzc0B3b3Jk\r\n\r\n"
    )


@pytest.mark.usefixtures("proxies")
async def test_a_proxy_is_not_used_where_it_should_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ConfigError, match="not an http:// one"):
        await ProducerClient("https://h.example/", credentials=LOCAL).__aenter__()
    monkeypatch.setenv("NO_PROXY", "i.example")
    async with ProducerClient("https://i.example/", credentials=LOCAL):
        pass
    async with ProducerClient("http://127.0.0.1:9/", credentials=LOCAL):
        pass


@pytest.mark.usefixtures("proxies")
def test_uvloop_can_all_of_it(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    trusting = ssl.create_default_context(cafile=str(certificates.ca))
    messages = [
        {"event_type": "a", "message_channel": "b", "behavior": "instant", "payload": {"n": number}}
        for number in range(20)
    ]

    async def send() -> list[Sent]:
        async with (
            scripted(*[[GOOD] * 20] * 4, tls=certificates.server()) as script,
            listening(Tunnel(script.port, b"HTTP/1.1 200 OK\r\n\r\n").serve) as port,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            url = "https://module.test/"
            async with ProducerClient(
                url, credentials=LOCAL, concurrency=4, tls=trusting
            ) as client:
                return [sent async for sent in client.send_many(messages)]

    sent = uvloop.run(send())
    assert [(each.index, each.tracking_id) for each in sent] == [(n, "an-id") for n in range(20)]
