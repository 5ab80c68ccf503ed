"""One HTTP/1.1 connection to a worker; carries one request at a time.

An own client on httptools, because it is on every delivery's way: a general one took 1.3 ms of
processor time for each request, several times what all the rest of the pipeline takes.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

import httptools
from msgspec import Struct

from kiket_console.engine.room import SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.room import Claim, Room
    from kiket_console.model import Headers

HEAD_BYTES = 64 * 1024
"""Of an answer's status and headers together."""
PAUSE_S = 1.0
"""A deadline that strikes so late shows that we ourselves were stopped, as by a closed laptop."""
_PIECE_BYTES = 256 * 1024
_INTERIM = range(100, 200)
_WITHOUT_BODY = frozenset({204, 304})


class Answer(Struct):
    """What a worker answered: status, headers in order, and the body's bytes."""

    status: int
    headers: Headers
    raw_body: bytes
    room: Claim | None = None
    """What a large body takes of the room; to be given back by whoever drops the body last."""


class LinkError(Exception):
    """The connection did not bring a whole answer; the text completes "WORKER …"."""


class UntouchedError(LinkError):
    """Not a byte of the request was taken, so that it may be sent again."""


class BrokenError(LinkError):
    """The connection ended before the answer, and the worker has the request."""


class SilentError(LinkError):
    """No answer came in time."""


class TooLargeError(LinkError):
    """The answer is over the limit; `beginning` has the first bytes of its body."""

    def __init__(self, what: str, beginning: Answer) -> None:
        super().__init__(what)
        self.beginning = beginning


OnEnd: TypeAlias = "Callable[[Answer | LinkError], None]"


class WorkerLink(asyncio.Protocol):
    """A connection: `send` sends a request and tells of its answer; `ask` waits for that.

    The bodies of answers have *answer_bytes* at most; large ones wait until there is *room*.
    """

    def __init__(self, answer_bytes: int, room: Room) -> None:
        self._answer_bytes = answer_bytes
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._on_end: OnEnd | None = None
        """Who waits for an answer; None as soon as it is there."""
        self._timeout_s = 0.0
        self._due_s = 0.0
        """When what is asked now is given up."""
        self._timer: asyncio.TimerHandle | None = None
        """Set for that moment or an earlier one: it is left running from request to request."""
        self._is_one_piece = False
        self._is_head = False
        """Whether only the head of an answer was asked for."""
        self._is_write_paused = False
        self._unsent = memoryview(b"")
        self._claim: Claim | None = None
        self._head_size = 0
        """What came for an answer until its headers were all there, interim answers included."""
        self._headers: list[tuple[str, str]]
        self._pieces: list[bytes]
        """Of the body."""
        self._body_size = 0
        self._status = 0
        self._most = answer_bytes
        """How long the body can be, as far as its headers say."""
        self._is_answering = False
        self._begin()
        self.idle_since_s = 0.0
        self.usable = True
        """Whether another request may be sent when this one is answered."""
        self.said_too_much = False
        """Whether the worker said something without having been asked."""

    async def ask(self, raw_head: bytes, raw_body: bytes, timeout_s: float) -> Answer:
        """Send one request and return the answer, or raise `LinkError`; see `send`."""
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self.send(raw_head, raw_body, timeout_s, partial(_tell, answer))
        try:
            return await answer
        except asyncio.CancelledError:
            self.give_up()
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                _drop(answer.result())  # it came in the very moment in which it was given up
            raise

    def send(self, raw_head: bytes, raw_body: bytes, timeout_s: float, on_end: OnEnd) -> None:
        """Send one request; *on_end* is told its answer, or why there is none.

        The time that the worker takes counts, not the time that its answer waits for room; it
        begins anew when this process was stopped meanwhile. Raises `UntouchedError` where the
        connection is closed already.
        """
        if self._transport is None or not self.usable:
            raise UntouchedError("closed the connection.")
        self._on_end = on_end
        self._timeout_s = timeout_s
        self._due_s = self._loop.time() + timeout_s
        if self._timer is None or self._timer.when() > self._due_s:
            self._set_timer()
        self._is_one_piece = len(raw_body) <= SMALL_BYTES
        self._is_head = raw_head.startswith(b"HEAD ")
        self._head_size = 0
        self._begin()
        self._is_answering = False
        if self._is_one_piece:
            self._transport.write(raw_head + raw_body)
        else:
            self._transport.write(raw_head)
            self._unsent = memoryview(raw_body)
            self._send_more()

    def give_up(self) -> None:
        """Close the connection; nobody waits for an answer any more."""
        self._on_end = None
        self.close()

    def close(self) -> None:
        """Close the connection; who waits for an answer is told when it is gone."""
        self.usable = False
        self._unsent = memoryview(b"")
        self._stop_timer()
        self._give_room_back()
        if self._transport is not None:
            self._transport.abort()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """Send no more until the worker has read what is on its way."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._is_write_paused = False
        self._send_more()

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._on_end is None:
            self.said_too_much = True
            self.close()
            return
        self._is_answering = True
        if self._in_headers:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("switched to another protocol instead of answering.")
        except httptools.HttpParserError:
            self._fail("answered something that is not HTTP.")
        else:
            if self._in_headers and self._head_size > HEAD_BYTES:
                self._fail(f"answered with more than {HEAD_BYTES // 1024} KiB of headers.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        self.usable = False
        self._stop_timer()
        if self._until_end and not self._in_headers:
            self._finish()
        elif self._is_answering:
            size = f"{self._body_size:,}"
            self._fail_with(BrokenError(f"broke the connection after {size} bytes of its answer."))
        elif isinstance(exc, BrokenPipeError) and self._is_one_piece:
            # The worker had gone before the request, so the system took nothing of it.
            self._fail_with(UntouchedError("closed the connection."))
        else:
            self._fail_with(BrokenError("broke the connection before it answered."))

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begin an answer, or another one behind it."""
        if self._on_end is None:
            self.said_too_much = True
            self.usable = False
        elif not self._in_headers:  # what came was an interim one
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody asked for."""
        if self._in_headers:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Tell whether there is a body, and whether it ends with the connection."""
        self._in_headers = False
        self._status = status = self._parser.get_status_code()
        if status in _INTERIM:
            return
        if self._is_head:
            self.usable = False  # the parser would take what comes next for a body
            self._finish()
        elif status not in _WITHOUT_BODY:
            self._most = self._answer_bytes
            self._until_end = True
            for name, value in self._headers:
                folded = name.lower()
                if folded == "content-length":
                    self._until_end = False
                    self._most = min(int(value), self._most)  # the parser has seen that it is one
                elif folded == "transfer-encoding":
                    self._until_end = False

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        if self._on_end is None:
            return
        self._pieces.append(chunk)
        size = self._body_size = self._body_size + len(chunk)
        if size > self._answer_bytes:
            self._refuse_size()
        elif size > SMALL_BYTES and self._claim is None and self._transport is not None:
            self._transport.pause_reading()
            self._claim = self._room.ask(self._most, self._transport.resume_reading)

    def on_message_complete(self) -> None:
        """Finish an answer."""
        if self._status not in _INTERIM:
            self.usable = self.usable and not self._unsent and self._parser.should_keep_alive()
            self._finish()

    # The rest

    def _begin(self) -> None:
        self._headers, self._pieces, self._body_size = [], [], 0
        self._in_headers, self._until_end = True, False

    def _send_more(self) -> None:
        """Send a large body in pieces, as fast as the worker reads."""
        while self._unsent and not self._is_write_paused and self._transport is not None:
            piece, self._unsent = self._unsent[:_PIECE_BYTES], self._unsent[_PIECE_BYTES:]
            self._transport.write(piece)

    def _finish(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        raw_body, self._pieces = b"".join(self._pieces), []
        claim, self._claim = self._claim, None
        if claim is not None and not claim.is_granted and self._transport is not None:
            self._transport.resume_reading()
        on_end(Answer(self._status, tuple(self._headers), raw_body, claim))

    def _refuse_size(self) -> None:
        beginning = b"".join(self._pieces)[:SMALL_BYTES]
        self._fail_with(
            TooLargeError(
                f"answered {self._status} with more than {self._answer_bytes // 1024**2} MiB, "
                "which is too large; the answer was dropped.",
                Answer(self._status, tuple(self._headers), beginning),
            )
        )

    def _set_timer(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        """Give up what is due."""
        self._timer = None
        if self._on_end is None:
            return
        waits = self._claim is not None and not self._claim.is_granted
        late_s = self._loop.time() - self._due_s
        if late_s < 0:
            self._set_timer()
        elif waits or late_s > PAUSE_S:
            self._due_s = self._loop.time() + self._timeout_s
            self._set_timer()
        else:
            self._fail_with(SilentError(f"did not answer within {self._timeout_s:g} s."))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, what: str) -> None:
        self._fail_with(LinkError(what))

    def _fail_with(self, error: LinkError) -> None:
        self.close()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(error)

    def _give_room_back(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.give_back()


def _tell(waiting: asyncio.Future[Answer], found: Answer | LinkError) -> None:
    """Let who waits have what was found, unless it was given up."""
    if waiting.done():
        _drop(found)
    elif isinstance(found, LinkError):
        waiting.set_exception(found)
    else:
        waiting.set_result(found)


def _drop(found: Answer | LinkError) -> None:
    if isinstance(found, Answer) and found.room is not None:
        found.room.give_back()
