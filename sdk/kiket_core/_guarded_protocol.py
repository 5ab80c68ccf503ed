"""uvicorn's httptools protocol, with limits, deadlines and refusals.

It overrides callbacks of `HttpToolsProtocol` and reads the state of its request cycle; the tests
run against a real uvicorn to notice when those change.
"""

from __future__ import annotations

import enum
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import httptools

from kiket_core import _admission
from kiket_core._admission import Admission, Limits, Refusal, answer_to
from kiket_core._idling import Idling
from kiket_core._names import names_of
from kiket_core._servant import Servant

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from uvicorn._types import HTTPScope

_LINGER_S: Final = 1.0
"""How long a refused sender may go on sending; an earlier close could destroy the answer."""

_READ_BYTES_PER_S: Final = 1024
"""What a sender has to read of its answers at least, to be waited for."""

_CHUNK_OVERHEAD_BYTES: Final = 32
"""What framing may add to one chunk of a body; longer chunk extensions count as body."""

_REQUEST_LINE_BYTES: Final = 64
"""Method, version and line ends: what stands in a head besides target and headers."""

_FRAMING_BYTES: Final = len(b": \r\n")
"""What stands in a head for each header besides its name and value."""

_MALFORMED: Final = Refusal(400, "The request is not well-formed HTTP/1.1.")


class Policy(NamedTuple):
    """What a guarded server allows, and who hears of refusals."""

    limits: Limits
    admission: Admission
    on_refusal: Callable[[int, str], None] | None


class _Phase(enum.Enum):
    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


_IDLE, _HEAD, _BODY = _Phase  # Python 3.11 looks members up by a descriptor, slowly


class _Refused(Exception):  # noqa: N818  # it stops the parser; nobody sees it
    """Leave the parser in the middle of a read."""


class GuardedProtocol(Servant):
    """One connection. A subclass gives the policy."""

    policy: ClassVar[Policy]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = self.policy.limits
        self._phase = _IDLE
        self._refusal: Refusal | None = None
        self._admitted_app, self.app = self.app, self._call_unless_abandoned
        self._abandoned_scope: HTTPScope | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._idling = Idling(self.loop, self._limits.idle_s)
        self._began_within_read = False  # then bytes of the head were not counted
        self._head_wire_bytes = self._body_wire_bytes = self._body_bytes = self._body_chunks = 0

    # What the transport tells

    def connection_made(  # type: ignore[override]  # as uvicorn has it
        self, transport: asyncio.Transport
    ) -> None:
        """Start the clock; if there are too many connections, give one up."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self._limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self.let_go()
        super().connection_lost(exc)
        # Without a cycle of references what a connection holds goes with it, at once.
        self.app = self._admitted_app

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless this connection is being closed."""
        if self._refusal is not None:
            return
        self._idling.since_s = None
        if self._phase is _BODY:
            self._body_wire_bytes += len(data)
        else:
            if self._phase is _IDLE:
                self._expect_head()
            self._head_wire_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self.is_upgrade:
                self.let_go()
                self.handle_websocket_upgrade()
                self.app = self._admitted_app
            else:
                self._refuse(_MALFORMED)
        except httptools.HttpParserError:
            # What a callback raises comes out as a parser error too; that is refused already.
            self._refuse(_MALFORMED)
        else:
            if self._phase is not _IDLE:
                self._check_wire_bytes()
                self._watch()

    def pause_writing(self) -> None:
        """Keep the app waiting, and the sender in mind: its answers pile up."""
        super().pause_writing()
        self._wait_for_reads()

    def resume_writing(self) -> None:
        """Let the app go on."""
        super().resume_writing()
        self._stop_waiting_for_reads()

    # What the parser tells

    def on_message_begin(self) -> None:
        """Start a head."""
        super().on_message_begin()
        if self._phase is _IDLE:
            self._expect_head()
            self._began_within_read = True

    def on_url(self, url: bytes) -> None:
        """Collect the request target, bounded."""
        self.url += url
        if len(self.url) > (limit := self._limits.url_bytes):
            self._stop(414, f"The request target is longer than {limit} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; drop a trailer, which nobody has judged."""
        if self._phase is not _BODY:
            self.as_they_came.append((name, value))

    def on_headers_complete(self) -> None:
        """Judge the head; start the app if the request may come in."""
        came, headers, limits = self.as_they_came, self.headers, self._limits
        if self._began_within_read or self._head_wire_bytes > limits.header_bytes:
            size = sum(map(len, chain.from_iterable(came))) + _FRAMING_BYTES * len(came)
            if size > limits.header_bytes:
                self._stop(*_admission.head_too_large(limits))
        if len(came) > limits.header_count:
            self._stop(*_admission.too_many_headers(limits))
        raw_names, self.values = zip(*came, strict=True) if came else ((), ())
        names = self.names = names_of(raw_names)
        headers += zip(names.folded, self.values, strict=True)
        named = self.named = dict(headers)
        version = self.version = self.parser.get_http_version()
        judge = self.policy.admission.refusal
        refusal = judge(self.url, version, headers, named, is_plain=names.is_plain)
        if refusal is not None:
            self._stop(*refusal)
        self.expect_100_continue = named.get(b"expect", b"").lower() == b"100-continue"
        self.is_upgrade = b"upgrade" in named and self._should_upgrade()
        if self.is_upgrade and not (self._owes_nothing() and self.parser.should_upgrade()):
            self._stop(400, "An upgrade must be asked for alone, with 'Connection: Upgrade'.")
        super().on_headers_complete()
        self._phase = _BODY
        self._body_wire_bytes = self._body_bytes = self._body_chunks = 0
        if self._deadline is not None:
            self._disarm()

    def on_chunk_header(self) -> None:
        """Count chunks, because each may cost some framing."""
        self._body_chunks += 1

    def on_body(self, body: bytes) -> None:
        """Hand body bytes to the app, bounded."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes:
            self._stop(*_admission.body_too_large(self._limits))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._phase = _IDLE
        if self._deadline is not None:
            self._disarm()
        super().on_message_complete()
        if self.is_upgrade:
            return
        if self.cycle.response_complete and not self.transport.is_closing():
            self._idling.begin(self.transport)  # the answer went out before the body was in

    # The app

    async def _call_unless_abandoned(self, scope: Any, receive: Any, send: Any) -> None:
        """Keep a request from the app that was refused in the read that brought it."""
        if scope is not self._abandoned_scope:
            await self._admitted_app(scope, receive, send)

    def on_response_complete(self) -> None:
        """Go on with the next request, or with the refusal that had to wait for this answer.

        It is all that uvicorn's does, which has a timer for each request.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal is not None:
            self._close_with(
                answer_to(self._refusal, self.server_state.default_headers, self._is_head())
            )
        else:
            self._idling.begin(self.transport)

    def let_go(self) -> None:
        """Stop every clock: the connection is handed to somebody else."""
        self._disarm()
        self._stop_waiting_for_reads()
        self._idling.cancel()

    # Limits

    def _expect_head(self) -> None:
        self._phase = _HEAD
        self._head_wire_bytes = 0
        self._began_within_read = False
        self.as_they_came = []

    def _check_wire_bytes(self) -> None:
        """Refuse what the parser swallows without a callback: unfinished headers, extensions."""
        if self._phase is _HEAD:
            if len(self.as_they_came) > self._limits.header_count:
                self._refuse(_admission.too_many_headers(self._limits))
            most = self._limits.header_bytes + self._limits.url_bytes + _REQUEST_LINE_BYTES
            if self._head_wire_bytes > most:
                self._refuse(_admission.head_too_large(self._limits))
        elif self._phase is _BODY:
            framing = (self._body_chunks + 1) * _CHUNK_OVERHEAD_BYTES
            if self._body_wire_bytes > self._limits.body_bytes + framing:
                self._refuse(_admission.body_too_large(self._limits))

    def _make_room(self) -> None:
        """Give up the connection that has waited longest for its next request to begin or end.

        So whoever holds connections open without asking for anything keeps nobody else out.
        """
        most = self._limits.connections
        peers = self.connections
        waiting = [
            (since_s, peer)
            for peer in peers - {self}
            if isinstance(peer, GuardedProtocol)  # and not a WebSocket
            and (since_s := peer.waits_since_s()) is not None
        ]
        _, oldest = min(waiting, key=itemgetter(0), default=(0.0, self))
        if len(peers) > most + most // 4 + 1:  # those being refused have a bound too
            oldest.transport.abort()
        elif oldest._idling.since_s is not None:
            oldest.transport.close()  # an idle one may be closed at any time, without a word
        else:
            sentence = f"All {most} connections are in use; try again shortly."
            oldest._refuse(Refusal(503, sentence))

    def waits_since_s(self) -> float | None:
        """Return since when nothing was asked for here; None while something is, or at the end."""
        if self._refusal is not None or self.transport.is_closing():
            return None
        if self._idling.since_s is not None:
            return self._idling.since_s
        if self._deadline is not None and self._phase is not _BODY and self._owes_nothing():
            return self._deadline.when() - self._limits.header_deadline_s
        return None

    # Deadlines

    def _watch(self) -> None:
        """Start the clock of the part that is still to come, unless it is running.

        It starts at the end of a read, so that a request in one read costs no timer.
        """
        if self._deadline is not None or self._refusal is not None:
            return
        if self._phase is _BODY:
            self._arm(self._limits.body_deadline_s)
        elif self._phase is _HEAD or self.cycle is None:
            self._arm(self._limits.header_deadline_s)

    def _arm(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._on_deadline, seconds)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self, seconds: float) -> None:
        if self.flow.read_paused:  # the app is slow, not the sender
            self._arm(seconds)
            return
        part = "body" if self._phase is _BODY else "headers"
        self._refuse(Refusal(408, f"The request {part} did not arrive within {seconds:g} seconds."))

    def wait_anew(self) -> None:
        """Start the clock of the part that is being read once more."""
        if self._deadline is not None and self._refusal is None:
            self._disarm()
            self._watch()

    def _wait_for_reads(self) -> None:
        seconds = self._limits.answer_deadline_s
        unread_bytes = self.transport.get_write_buffer_size()
        self._unread = self.loop.call_later(seconds, self._on_unread, seconds, unread_bytes)

    def _on_unread(self, seconds: float, unread_bytes: int) -> None:
        if unread_bytes - self.transport.get_write_buffer_size() < seconds * _READ_BYTES_PER_S:
            self.transport.abort()
        else:
            self._wait_for_reads()

    def _stop_waiting_for_reads(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # Refusing

    def _stop(self, status: int, sentence: str) -> None:
        self._refuse(Refusal(status, sentence))
        raise _Refused

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse the request that is being read, once the answers owed before it are out."""
        if self._refusal is not None:
            return
        self._refusal = refusal
        self._disarm()
        if self.policy.on_refusal is not None:
            self.policy.on_refusal(*refusal)
        self.on_refused(refusal)
        answer = answer_to(refusal, self.server_state.default_headers, self._is_head())
        cycle = self.cycle
        if self._phase is not _BODY:
            if self._owes_nothing():
                self._close_with(answer)
        elif self.pipeline:
            self.pipeline.popleft()  # this request: it has waited for earlier ones, and is last
        else:
            self._abandoned_scope = cycle.scope
            cycle.disconnected = True
            cycle.waiting_for_100_continue = False
            cycle.message_event.set()
            if not cycle.response_started:
                self._close_with(answer)
            elif cycle.response_complete:
                self._close_with(b"")
            else:
                self.transport.abort()  # half an answer must not look like a whole one

    def _close_with(self, raw: bytes) -> None:
        """Send the last bytes, then discard what still comes until the sender closes."""
        if self.transport.is_closing():
            return
        if raw:
            self.transport.write(raw)
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self._deadline = self.loop.call_later(_LINGER_S, self.transport.abort)

    def _owes_nothing(self) -> bool:
        # uvicorn's type does not say so, but before the first request the cycle is None.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _is_head(self) -> bool:
        return self.parser.get_method() == b"HEAD"
