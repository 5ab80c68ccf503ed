"""A producer on this machine, for tests of programs that send messages."""

from __future__ import annotations

import json
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

from kindo_message_client._schema import validate
from kindo_message_client._verification import Known, Received, verify
from kindo_message_client.credentials import Credentials

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from kindo_message_client._verification import Verdict

LOCAL: Final = Credentials("local", "local")
"""The credentials that the producer of a test knows."""


@dataclass(frozen=True, slots=True)
class ProducerCall:
    """One request that the producer received; `verdict` is what it found of the signature."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    """With names in small letters."""
    raw_body: bytes = field(repr=False)
    verdict: Verdict = field(repr=False)
    peer: str = ""
    """The client's end of the connection, as `127.0.0.1:50122`."""


@dataclass(frozen=True, slots=True)
class ProducerAnswer:
    """What a request is answered with instead of a tracking id; *body* is JSON, text or bytes."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    """How late, in seconds."""


@dataclass
class FakeProducer:
    """Take signed messages as the producer does: verify, check, and answer with a tracking id.

    It is both a function URL and, for `send_to_producer_via_arn`, the Lambda service. `messages`
    are those that it took, `tracking_ids` what it answered, `calls` every request. `answers` are
    given first, one for each request that comes.
    """

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)
    tracking_ids: list[str] = field(default_factory=list)
    calls: list[ProducerCall] = field(default_factory=list, repr=False)
    answers: list[ProducerAnswer] = field(default_factory=list)
    credentials: Credentials = LOCAL

    def __post_init__(self) -> None:
        self._lock = Lock()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which programs send here, signed so that it is taken."""
        return {
            "KINDO_MESSAGE_PRODUCER_URL": self.url,
            "AWS_ENDPOINT_URL_LAMBDA": self.url,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            **({"AWS_SESSION_TOKEN": self.credentials.token} if self.credentials.token else {}),
        }

    def answer(self, request: Received, peer: str = "") -> ProducerAnswer:
        """Return what a request that came from *peer* is answered with, and remember it."""
        verdict = verify(request, self._known, time.time())
        headers = {name.lower(): value for name, value in request.headers}
        with self._lock:
            call = ProducerCall(request.target, headers, request.body, verdict, peer)
            self.calls.append(call)
            if self.answers:
                return self.answers.pop(0)
        if not verdict.ok:
            refusal = {"message": verdict.message, "reason": verdict.reason}
            return ProducerAnswer(verdict.status, refusal, {"x-amzn-errortype": verdict.error_type})
        try:
            message = json.loads(request.body)
            validate(message)
        except (ValueError, RecursionError) as error:
            return ProducerAnswer(400, {"message": str(error)})
        tracking_id = str(uuid.uuid4())
        with self._lock:
            self.messages.append(message)
            self.tracking_ids.append(tracking_id)
        return ProducerAnswer(200, {"tracking_id": tracking_id})

    def _known(self, access_key: str) -> Known | None:
        own = self.credentials
        return Known(own.secret_key, own.token) if access_key == own.access_key else None


@contextmanager
def fake_producer(
    credentials: Credentials = LOCAL, *, tls: ssl.SSLContext | None = None
) -> Iterator[FakeProducer]:
    """Run a producer on this machine until the block ends; it knows *credentials* alone.

    With *tls*, of a server, it is there over https.
    """
    producer = FakeProducer(credentials=credentials)
    server = _Server(("127.0.0.1", 0), partial(_Handler, producer))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    producer.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=partial(server.serve_forever, poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield producer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """Clients that come at once wait their turn; beyond 5, which is usual, they wait a second."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet about clients that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, producer: FakeProducer, *args: Any) -> None:
        self._producer = producer
        super().__init__(*args)

    def do_POST(self) -> None:  # the base class calls it so
        raw_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        received = Received("POST", self.path, self.headers.items(), raw_body)
        answer = self._producer.answer(received, "{}:{}".format(*self.client_address))
        if answer.after_s:
            time.sleep(answer.after_s)
        with suppress(ConnectionError):  # who waited is gone
            self._give(answer)

    def _give(self, answer: ProducerAnswer) -> None:
        raw = answer.body
        if not isinstance(raw, bytes):
            raw = (raw if isinstance(raw, str) else json.dumps(raw)).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json", **answer.headers}
        for name, value in {**headers, "Content-Length": str(len(raw))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:  # where a redirect of a POST would arrive
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Keep quiet: what came is in `calls`."""
