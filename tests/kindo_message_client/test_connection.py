"""Connections are verified, kept, and not shared with who must not have them."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.certificates import make

from kindo_message_client import _connection
from kindo_message_client.config import ConfigError
from kindo_message_client.errors import RefusedError, UnreachableError
from kindo_message_client.producer import send_to_producer
from kindo_message_client.testing import ProducerAnswer, fake_producer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Certificates

    from kindo_message_client.testing import FakeProducer

Message = dict[str, Any]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Open connections anew: which authorities and proxies count is asked when one is made."""
    for name in (*_connection._BUNDLES, "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    _connection.close()
    _connection.proxy_to.cache_clear()
    yield
    _connection.close()
    _connection.proxy_to.cache_clear()


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make(tmp_path)


@pytest.mark.usefixtures("fresh")
class TestTls:
    """By the authorities of the environment, else by those of Mozilla."""

    def test_a_producer_over_https(
        self, certificates: Certificates, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with fake_producer(tls=certificates.server()) as producer:
            with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED") as refused:
                send_to_producer(producer.url, message)
            assert not refused.value.may_be_taken
            _connection.close()
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca))
            assert send_to_producer(producer.url, message) == producer.tracking_ids[0]

    def test_a_name_that_is_not_the_certificates(
        self, certificates: Certificates, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
        with fake_producer(tls=certificates.server()) as producer:
            with pytest.raises(UnreachableError, match="not valid for 'localhost'"):
                send_to_producer(producer.url.replace("127.0.0.1", "localhost"), message)
            assert producer.calls == []

    def test_a_file_that_is_none_is_told(
        self, message: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        with pytest.raises(ConfigError, match=r"REQUESTS_CA_BUNDLE .*missing\.pem.* be read"):
            send_to_producer("https://127.0.0.1:9", message)


def addresses_of(producer: FakeProducer) -> set[str]:
    """Return what producers see as the other ends of their connections."""
    return {call.peer for call in producer.calls}


def test_messages_share_a_connection(producer: FakeProducer, message: Message) -> None:
    for _ in range(5):
        send_to_producer(producer.url, message)
    assert len(addresses_of(producer)) == 1


def test_threads_have_connections_of_their_own(producer: FakeProducer, message: Message) -> None:
    threads = [
        threading.Thread(target=send_to_producer, args=(producer.url, dict(message)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(producer.messages) == 8


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_opens_its_own(producer: FakeProducer, message: Message) -> None:
    send_to_producer(producer.url, message)
    child = multiprocessing.get_context("fork").Process(
        target=send_to_producer, args=(producer.url, message)
    )
    child.start()
    child.join()
    assert child.exitcode == 0
    send_to_producer(producer.url, message)
    first, second, third = [call.peer for call in producer.calls]
    assert first == third != second


@pytest.mark.parametrize(
    ("begin", "trickle"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"a"),
    ],
    ids=["header", "interim answers", "body"],
)
def test_an_answer_that_trickles_in_is_not_waited_for(
    begin: bytes, trickle: bytes, message: Message
) -> None:
    given_up = threading.Event()

    def answer() -> None:
        peer, _ = listener.accept()
        with peer, suppress(ConnectionError):  # who waits no longer hangs up
            peer.recv(65536)
            peer.sendall(begin)
            while not given_up.wait(0.02):
                peer.sendall(trickle)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with pytest.raises(UnreachableError, match="within 1 s") as late:
                send_to_producer(url, message, timeout_s=1)
        finally:
            given_up.set()
            thread.join()
    assert late.value.may_be_taken


@pytest.mark.parametrize("charset", ["hex", "rot13", "undefined", "utf-16", "none-such"])
def test_an_answer_is_read_as_utf_8_whatever_it_says(
    charset: str, producer: FakeProducer, message: Message
) -> None:
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    producer.answers.append(ProducerAnswer(400, "geschlossen für heute", headers))
    with pytest.raises(RefusedError, match="geschlossen für heute"):
        send_to_producer(producer.url, message)


@pytest.mark.usefixtures("fresh")
class TestProxy:
    """As the environment says, by a tunnel; what goes through it stays encrypted."""

    def test_is_asked_for_a_tunnel(self, message: Message, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        with socket.create_server(("127.0.0.1", 0)) as proxy:

            def refuse() -> None:
                for _ in range(3):
                    peer, _ = proxy.accept()
                    asked.append(peer.recv(65536))
                    peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    peer.close()

            thread = threading.Thread(target=refuse)
            thread.start()
            monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.getsockname()[1]}")
            with pytest.raises(UnreachableError, match="403 Forbidden") as refused:
                send_to_producer("https://producer.example.test/x", message)
            thread.join()
        assert not refused.value.may_be_taken
        assert asked[0].startswith(b"CONNECT producer.example.test:443 HTTP/1.1\r\n")
        assert b"authorization" not in b"".join(asked).lower()

    def test_of_another_kind_is_told(
        self, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
        with pytest.raises(ConfigError, match="The proxy in HTTPS_PROXY or ALL_PROXY"):
            send_to_producer("https://producer.example.test/x", message)

    def test_is_left_out_where_the_environment_says_so(
        self, message: Message, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "example.test")
        with pytest.raises(
            UnreachableError, match=r"producer\.example\.test cannot be reached: no such host"
        ):
            send_to_producer("https://producer.example.test/x", message, retries=0)
