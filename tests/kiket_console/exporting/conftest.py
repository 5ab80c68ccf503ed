"""A recorded delivery to make exports of, and a server that tells what reached it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import msgspec
import pytest

from kiket_console.model import (
    Attempt,
    Body,
    Detail,
    Exchange,
    Headers,
    Judgement,
    Message,
    Source,
    State,
)

MakeDetail = Callable[..., Detail]

EXCHANGE = Exchange(
    id=1204, change=1, source=Source.WEBHOOK, worker="marketing", name="issue.updated",
    version="v2", method="POST", path="/v/v2/webhooks/issue.updated?a=1",
    started_us=1_795_183_507_112_000, state=State.FORWARDED, status=200, duration_us=2_900,
    request_bytes=2, signature="ok k0",
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736", parent_id=None, parent_guessed=False,
    replay_of=1187, attempts=1, pinned=False,
)  # fmt: skip
HEADERS = (
    ("Host", "127.0.0.1:8700"),
    ("Content-Type", "application/json"),
    ("Content-Length", "9"),
    ("X-Kiket-Delivery", "d0b6f1b2"),
    ("X-Kiket-Signature", "00" * 32),
    ("X-Kiket-Timestamp", "2026-11-20T14:05:07Z"),
)


@pytest.fixture
def make_detail() -> MakeDetail:
    """Return a way to make a recorded delivery."""

    def make(
        raw_body: bytes = b'{"a": 1}',
        *,
        headers: Headers = HEADERS,
        dialect: str | None = None,
        body: Body | None = None,
        answer: bytes = b'{"ok": true}',
        answer_headers: Headers = (("content-type", "application/json"), ("server", "uvicorn")),
        **more: object,
    ) -> Detail:
        exchange = msgspec.structs.replace(EXCHANGE, **more)
        kept = body or Body(raw_body, len(raw_body), hashlib.sha256(raw_body).digest())
        judgement = Judgement(True, "ok", dialect, "Fine.", 0.0) if dialect else None
        said = Message(answer_headers, Body(answer, len(answer), hashlib.sha256(answer).digest()))
        attempt = Attempt(
            exchange.id, 1, "marketing#3", exchange.started_us + 1_000, exchange.state,
            exchange.status, exchange.duration_us, "", said,
        )  # fmt: skip
        return Detail(exchange, Message(headers, kept), judgement, (attempt,), ())

    return make


@dataclass
class Received:
    """One request as it reached the server."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    raw_body: bytes


@dataclass
class Server:
    """Remembers what reaches it."""

    url: str = ""
    received: list[Received] = field(default_factory=list)


@pytest.fixture(scope="module")
def serving() -> Iterator[Server]:
    """Serve on a free port of this machine."""
    server = Server()

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw_body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.received.append(
                Received(self.command, self.path, self.headers.items(), raw_body)
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        server.url = f"http://127.0.0.1:{listening.server_port}"
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        listening.shutdown()
        thread.join()


@pytest.fixture
def server(serving: Server) -> Server:
    """Return the server, which has received nothing yet."""
    serving.received.clear()
    return serving
