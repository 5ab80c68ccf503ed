"""One HTTP/1.1 connection to a worker's Unix socket; carries one request at a time.

An own client on httptools, because it is on every delivery's way: a general one took 1.3 ms of
processor time for each request, several times what all the rest of the pipeline takes.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from kiket_console.model import Headers

_TARGET = re.compile(r"/[\x21-\x7e\x80-\xff]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_INTERIM = range(100, 200)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered: status, headers in order, and the body's bytes."""

    status: int
    headers: Headers
    raw_body: bytes


class LinkError(Exception):
    """The connection did not bring a whole answer; the text completes "WORKER …"."""


def request_head(method: str, path: str, headers: Headers) -> bytes:
    """Return a request's head; raises ValueError, in words, for what HTTP cannot carry."""
    if not _TARGET.fullmatch(path):
        raise ValueError(f"{path!r} is not a path of HTTP's")
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of the header {name} has control or foreign characters")
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


class WorkerLink(asyncio.Protocol):
    """A connection: `ask` sends a request and returns the answer, or raises `LinkError`."""

    def __init__(self, answer_bytes: int) -> None:
        self._answer_bytes = answer_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: list[tuple[str, str]]
        self._chunks: list[bytes]
        self._begin()
        self.idle_since_s = 0.0
        self.usable = True
        """Whether another request may be sent when this one is answered."""

    async def ask(self, raw_request: bytes) -> Answer:
        """Send one request and return the answer; giving up closes the connection."""
        if self._transport is None or not self.usable:
            raise LinkError("closed the connection.")
        self._answer = asyncio.get_running_loop().create_future()
        self._begin()
        self._transport.write(raw_request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._answer = None

    def close(self) -> None:
        """Close the connection; what is under way is given up."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes (asyncio)."""
        if self._answer is None or self._answer.done():
            self.close()  # it talks without having been asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("switched to another protocol instead of answering.")
        except httptools.HttpParserError:
            self._fail("answered something that is not HTTP.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end (asyncio)."""
        del exc
        self.usable = False
        if self._until_end and not self._in_headers:
            self._finish()
        elif self._in_headers and not self._headers:
            self._fail("broke the connection before it answered.")
        else:
            self._fail(f"broke the connection after {self._size:,} bytes of its answer.")

    def on_message_begin(self) -> None:
        """Begin an answer (httptools)."""
        if self._answer is None or self._answer.done():
            self.usable = False  # it says more than one request asked for
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody asked for (httptools)."""
        if self._in_headers:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Tell whether the body ends with the connection (httptools)."""
        self._in_headers = False
        names = {name.lower() for name, _ in self._headers}
        self._until_end = not names & {"content-length", "transfer-encoding"}

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body (httptools)."""
        self._size += len(chunk)
        if self._size > self._answer_bytes:
            status = self._parser.get_status_code()
            limit = self._answer_bytes // 1024**2
            self._fail(f"answered {status} with more than {limit} MiB; the answer was dropped.")
        else:
            self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Finish an answer (httptools)."""
        if self._parser.get_status_code() not in _INTERIM:
            self.usable = self.usable and self._parser.should_keep_alive()
            self._finish()

    def _begin(self) -> None:
        self._headers, self._chunks, self._size = [], [], 0
        self._in_headers, self._until_end = True, False

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            self._answer.set_result(Answer(status, tuple(self._headers), b"".join(self._chunks)))

    def _fail(self, what: str) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LinkError(what))
