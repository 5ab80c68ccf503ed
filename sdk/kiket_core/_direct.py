"""Short requests that need no application: they go straight to who takes them.

    guard ─► head ─► body ─► taker ─► answer

What ASGI does for a request costs more than a small webhook. So a server is told by the target
alone which requests are taken directly; others, and longer ones, are the application's.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from kiket_core._servant import Servant, Underway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from uvicorn._types import HTTPScope

RawHeaders: TypeAlias = "list[tuple[bytes, bytes]]"
"""Names are in lower case."""
Taker: TypeAlias = "Callable[[DirectRequest], Coroutine[Any, Any, None]]"
"""Serves a request, and answers it."""

_LENGTH_DIGITS: Final = 5
"""Of the length of a body that is short: it is kept until all of it is there."""

_FAILED: Final = b'{"error":"The server itself failed"}'
_FAILED_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(_FAILED)),
]


class DirectRequest(Underway, eq=False):
    """One request, from its head to its answer."""

    target: bytes
    """Path and query, as they came."""
    headers: RawHeaders
    named: dict[bytes, bytes]
    """The same by their names; of repeated ones the first."""
    take: Taker
    version: str
    """Of HTTP: `1.1`."""
    connection: DirectServant | None
    """Until it is answered."""
    came: bytes | bytearray = b""
    """What has come of the body."""

    @property
    def body(self) -> bytes:
        """The body, all of it."""
        return bytes(self.came)

    @property
    def query(self) -> bytes:
        """What is behind the question mark."""
        return self.target.partition(b"?")[2]

    def answer(
        self, status: int, headers: RawHeaders, raw_body: bytes
    ) -> Coroutine[Any, Any, None] | None:
        """Send the answer; return what is to be awaited, if anything.

        The length of the body is among the headers.
        """
        connection = self.connection
        return None if connection is None else connection.send(self, status, headers, raw_body)

    def pass_to(self, app: Callable[..., Awaitable[None]]) -> Coroutine[Any, Any, None]:
        """Let an ASGI application answer."""
        connection = self.connection
        if connection is None:
            raise RuntimeError("The request is answered already.")
        return connection.pass_on(self).run_asgi(app)


class DirectServant(Servant):
    """One connection. A subclass says what is taken."""

    cycle: DirectRequest | RequestResponseCycle | None  # type: ignore[assignment]  # no request yet

    @staticmethod
    def taker_of(target: bytes) -> Taker | None:
        """Return who takes a short POST; None: the application does."""
        raise NotImplementedError

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._takes = not self.root_path and self.limit_concurrency is None

    def on_message_begin(self) -> None:
        """Start a head."""
        self.url = b""
        self.headers = []

    def on_headers_complete(self) -> None:
        """Begin a request that the guard has let in."""
        take = self.taker_of(self.url) if self._is_short() else None
        if take is None:
            self._leave_to_app()
            return
        headers, named = self.headers, self.named
        if len(named) != len(headers):
            named = dict(reversed(headers))
        version = self.version
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        self.cycle = DirectRequest(
            self.url, headers, named, take, version, self, keep_alive=keep_alive
        )

    def _is_short(self) -> bool:
        """Tell whether a request could be taken: it is a POST of known length, and its turn."""
        before, named = self.cycle, self.named
        return (
            (before is None or before.response_complete)
            and 0 < len(named.get(b"content-length", b"")) <= _LENGTH_DIGITS
            and self.parser.get_method() == b"POST"
            and self._takes
            and not self.expect_100_continue
            and not (self.access_log and b"x-forwarded-for" in named)  # the app knows who that is
        )

    def _leave_to_app(self) -> None:
        """Do what uvicorn does: first what it would have done before the head."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # this list is in the scope
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        request = self.cycle
        if type(request) is not DirectRequest:
            super().on_body(body)
        elif not request.came:
            request.came = body  # mostly all of it
        elif isinstance(request.came, bytearray):
            request.came += body
        else:
            request.came = bytearray(request.came + body)

    def on_message_complete(self) -> None:
        """Have a request served that is all there."""
        request = self.cycle
        if type(request) is DirectRequest:
            task = self.loop.create_task(self._serve(request))
            self.tasks.add(task)  # uvicorn waits for these when it stops
            task.add_done_callback(self.tasks.discard)
        else:
            super().on_message_complete()

    async def _serve(self, request: DirectRequest) -> None:
        try:
            await request.take(request)
        except BaseException:  # as uvicorn does, which cancels what takes too long at the end
            self.logger.exception("A request could not be served.")
            failed = request.answer(500, _FAILED_HEADERS, _FAILED)
            if failed is not None:
                await failed

    def send(
        self, request: DirectRequest, status: int, headers: RawHeaders, raw_body: bytes
    ) -> Coroutine[Any, Any, None] | None:
        """Send an answer, now, or when the sender has read most of those before."""
        pieces = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            pieces.append(_line(name, value))
        pieces += (b"\r\n" if request.keep_alive else b"connection: close\r\n\r\n", raw_body)
        raw = b"".join(pieces)
        request.connection = None
        if self.flow.write_paused:
            return self._send_later(request, status, raw)
        self._send(request, status, raw)
        return None

    async def _send_later(self, request: DirectRequest, status: int, raw: bytes) -> None:
        await self.flow.drain()
        self._send(request, status, raw)

    def _send(self, request: DirectRequest, status: int, raw: bytes) -> None:
        request.response_started = request.response_complete = True
        if request.disconnected:
            return
        if self.access_log:  # in uvicorn's words, which its formatter takes apart
            sender = f"{self.client[0]}:{self.client[1]}" if self.client else ""
            asked = ("POST", request.target.decode("latin-1"), request.version)
            self.access_logger.info('%s - "%s %s HTTP/%s" %d', sender, *asked, status)
        self.transport.write(raw)
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def pass_on(self, request: DirectRequest) -> RequestResponseCycle:
        """Return what carries a request through an application, as uvicorn would have."""
        path, _, query = request.target.partition(b"?")
        scope: HTTPScope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": request.version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": "POST",
            "root_path": "",
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "headers": request.headers,
            "state": self.app_state.copy(),
        }
        there = asyncio.Event()
        there.set()
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=there,
            expect_100_continue=False,
            keep_alive=request.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body += request.body
        cycle.more_body = False
        cycle.disconnected = request.disconnected
        request.connection = None
        if self.cycle is request:
            self.cycle = cycle
        return cycle


@functools.lru_cache(maxsize=256)  # answers have few headers, mostly with few values
def _line(name: bytes, value: bytes) -> bytes:
    """Return a header as it is sent; raises RuntimeError for what could be taken for another."""
    if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        raise RuntimeError(f"The header {name!r} of an answer has bytes that no header may have.")
    return b"%b: %b\r\n" % (name.lower(), value)


def serving_directly(taker_of: Callable[[bytes], Taker | None]) -> type[Servant]:
    """Return what serves short requests directly, as `taker_of` says for their targets."""
    return type("Serving", (DirectServant,), {"taker_of": staticmethod(taker_of)})
