"""One HTTP/1.1 connection to a producer, on an event loop; carries one request at a time.

An own client on httptools: a general one takes a hundred microseconds for each request, which is
more than all the rest of sending a message takes (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import httptools

from kindo_message_client import _failures
from kindo_message_client.errors import AnswerError, SendError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kindo_message_client._sigv4 import Signed

_MAX_HEAD: Final = 64 * 1024
"""Bytes of an answer's status and headers, together."""
_INTERIM: Final = range(100, 200)
_WITHOUT_BODY: Final = (204, 304)


@dataclass(slots=True)  # not frozen: one for each message, and that costs three times as much
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """Names are in small letters; where one is repeated, the last one counts."""
    raw_body: bytes
    signed: Callable[[], Signed] | None = None
    """Tells what was signed for the request."""


class Link(asyncio.Protocol):
    """A connection to *host*: `ask` sends a request."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        """Bytes of the head, or of the body, that came so far."""
        self._in_head = True
        self._until_end = False
        """Whether the body ends with the connection."""
        self.usable = True
        """Whether another request may be sent when this one is answered."""
        self.idle_since_s = 0.0
        self.lost = asyncio.Event()
        """Set when the connection has ended."""

    def ask(self, raw_request: bytes, timeout_s: float) -> asyncio.Future[Answer]:
        """Send a request; the answer is there, whole, within *timeout_s* seconds.

        The future raises UnreachableError if it is not, and AnswerError if it is larger than 1 MiB
        or compressed. Who gives up waiting has to `close` the connection.
        """
        self._answer = answer = self._loop.create_future()
        if self._transport is None or not self.usable:
            self._fail(_failures.broken(self._host, may_be_taken=False))
            return answer
        self._deadline = self._loop.call_later(timeout_s, self._give_up, timeout_s)
        self._transport.write(raw_request)
        return answer

    def is_quiet(self) -> bool:
        """Tell whether nothing came since the last answer, not even the end, which is heard late.

        What is sent after the end is lost, and nobody knows that it is.
        """
        return self._poll is None or not self._poll.poll(0)

    def close(self) -> None:
        """Close the connection, at once where an answer is awaited."""
        self.usable = False
        if self._answer is not None and (self._answer.cancelled() or not self._answer.done()):
            self.abort()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._answer is None or self._answer.done():
            self.close()  # nothing was asked, or more was answered
            return
        if self._in_head:
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            sentence = f"{self._host} answered something that is not HTTP: {error}."
            self._fail(UnreachableError(sentence, may_be_taken=True))
        else:
            if self._in_head and self._size > _MAX_HEAD:
                sentence = f"{self._host} answered with more than {_MAX_HEAD:,} bytes of headers."
                self._fail(AnswerError(sentence))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        self.usable = False
        self.lost.set()
        if self._until_end and not self._in_head:
            self._finish()
        else:
            # The system took nothing of a request for a connection that had ended before.
            may_be_taken = not isinstance(exc, BrokenPipeError)
            error = _failures.broken(self._host, exc or "", may_be_taken=may_be_taken)
            self._fail(error, exc)

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begin an answer."""
        if self._answer is None or self._answer.done():
            self.usable = False
        self._headers, self._body = {}, []
        self._in_head, self._until_end = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody asked for."""
        if self._in_head:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """See whether a body follows that can be read."""
        status = self._parser.get_status_code()
        if status in _INTERIM:
            return
        self._in_head, self._size = False, 0
        headers = self._headers
        self._until_end = status not in _WITHOUT_BODY and not (
            "content-length" in headers or "transfer-encoding" in headers
        )
        if headers.get("content-encoding", "identity") != "identity":
            self._fail(_failures.compressed(self._host))

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        self._size += len(chunk)
        if self._size > _failures.MAX_ANSWER:
            self._fail(_failures.too_large(self._host))
        else:
            self._body.append(chunk)

    def on_message_complete(self) -> None:
        """Finish an answer."""
        if self._parser.get_status_code() not in _INTERIM:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._finish()

    # The rest

    def _finish(self) -> None:
        if self._answer is None or self._answer.done():
            return
        if self._deadline is not None:
            self._deadline.cancel()
        body, status = b"".join(self._body), self._parser.get_status_code()
        self._answer.set_result(Answer(status, self._headers, body))
        self._headers, self._body, self._size, self._in_head = {}, [], 0, True

    def _give_up(self, timeout_s: float) -> None:
        self._fail(_failures.late(self._host, timeout_s))

    def _fail(self, error: SendError, cause: Exception | None = None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self.close()
        if self._answer is not None and not self._answer.done():
            error.__cause__ = cause
            self._answer.set_exception(error)
