"""An OpenTelemetry span, from either of its encodings, as a `Span`: bounded, as text.

What one may be is in "OpenTelemetry Protocol Specification" 1.x and "OpenTelemetry Protocol data
model" (trace.proto). Names for what a `Span` has no field for are those of "OpenTelemetry to
non-OTLP exporters": `otel.scope.name`, `exception.type` and so on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SPANS: Final = 10_000
"""More are not taken from one request."""
COUNTED: Final = 2 * SPANS
"""So many are counted; what a request has beyond is not looked at."""
REPEATED: Final = 128
"""Of attributes, events, links and items of a list so many are read."""
ATTRIBUTES: Final = 64
"""Of one span, its events and links counted."""
NAME: Final = 128
"""Characters of an attribute's name."""
VALUE: Final = 2048
"""Characters of an attribute's value, and of a status message."""
STACK: Final = 8192
"""Characters of a traceback: its end is kept, where the error is."""
TEXT: Final = 32 * 1024
"""Characters of all attributes of one span."""
DEEPEST: Final = 8
"""Levels of lists and maps in one value; what is below is left out."""
TITLE: Final = 200
"""Characters of a span's name."""
AHEAD_US: Final = 86_400 * 1_000_000
"""A span that begins or ends later than that after now was told by a clock nobody can use."""

KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
"""By SpanKind; what says none is internal."""
STATUSES: Final = ("", "ok", "error")
"""By StatusCode."""

_BREATHE_EACH: Final = 32

Pair = tuple[str, str]


class MalformedError(ValueError):
    """What was sent is no OTLP; the text says what is wrong, in one sentence."""


class Event(Struct, frozen=True):
    """Something that happened during a span."""

    name: str
    at_ns: int
    attributes: tuple[Pair, ...]


class Origin(Struct, frozen=True):
    """What told of a span: names of its service and of its instrumentation."""

    service: str = ""
    scope: str = ""


class Told(Struct, frozen=True):
    """A span's fields; identifiers as bytes, times in Unix nanoseconds, values as text."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    kind: int
    name: str
    start_ns: int
    end_ns: int
    status: int
    message: str
    attributes: Iterable[Pair]
    events: Iterable[Event] = ()
    links: Iterable[Pair] = ()


class Gathered:
    """The spans of one request, as far as they can be read."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self._seen = 0
        self.spans: list[Span] = []
        self.services: list[str] = []
        """What each of them calls the service that told of it; empty: nothing."""
        self.left_out = 0
        """How many could not be taken."""
        self.why = ""
        """Why the last of those could not, in one sentence; empty: all were."""

    @property
    def is_full(self) -> bool:
        """Whether there are so many that the rest is not even counted."""
        return self._seen >= COUNTED

    def add(self, told: Callable[[], Told], origin: Origin) -> None:
        """Take what *told* reads, which may raise `MalformedError`."""
        self._seen += 1
        if self._seen > SPANS:
            self._leave_out(f"There are more than {SPANS:,} spans in one request.")
            return
        try:
            self.spans.append(span_of(told(), origin, self._now_us))
            self.services.append(origin.service)
        except MalformedError as error:
            self._leave_out(str(error))
        if not self._seen % _BREATHE_EACH:
            time.sleep(0)  # lets the event loop's thread go on

    def _leave_out(self, why: str) -> None:
        self.left_out += 1
        self.why = why


def span_of(told: Told, origin: Origin, now_us: int) -> Span:
    """Return what was told as a span of no worker and no exchange yet.

    Raises `MalformedError` for identifiers that are none, and for a start or end that was not yet.
    """
    if len(told.trace_id) != 16 or not any(told.trace_id):
        raise MalformedError("A span's trace id is not 16 bytes, or only zeros.")
    if len(told.span_id) != 8 or not any(told.span_id):
        raise MalformedError("A span's id is not 8 bytes, or only zeros.")
    started_us = told.start_ns // 1000
    if not 0 < started_us < now_us + AHEAD_US:
        raise MalformedError("A span's start is missing, or more than a day ahead.")
    if told.end_ns // 1000 >= now_us + AHEAD_US:
        raise MalformedError("A span's end is more than a day ahead.")
    parent = told.parent_span_id
    attributes, exception = _attributes(told, origin)
    status = STATUSES[told.status] if 0 <= told.status < len(STATUSES) else ""
    return Span(
        id=0,
        trace_id=told.trace_id.hex(),
        span_id=told.span_id.hex(),
        parent_span_id=parent.hex() if len(parent) == 8 and any(parent) else "",
        exchange_id=None,
        worker="",
        kind=KINDS[told.kind] if 0 <= told.kind < len(KINDS) else KINDS[0],
        name=cut(told.name, TITLE),
        started_us=started_us,
        duration_us=max(0, told.end_ns // 1000 - started_us),
        status=status,
        message=cut(told.message or (exception if status == "error" else ""), VALUE),
        attributes=attributes,
    )


def _attributes(told: Told, origin: Origin) -> tuple[tuple[Pair, ...], str]:
    """Return a span's attributes with all that is told beside them, and its last exception."""
    pairs: list[Pair] = []
    exception, is_whole, room = "", True, TEXT
    for name, value in _told(told, origin):
        if name == "exception.type":
            exception = value
        elif name == "exception.message" and exception:
            exception = f"{exception}: {value}"
        if len(pairs) < ATTRIBUTES and room > 0:
            kept = _ended(value) if name == "exception.stacktrace" else cut(value, VALUE)
            pairs.append((cut(name, NAME), kept))
            room -= len(name) + len(kept)
        else:
            is_whole = False
    if not is_whole:
        pairs.append(("…", "more is left out"))
    return tuple(pairs), exception


def _ended(traceback: str) -> str:
    return traceback if len(traceback) <= STACK else f"…{traceback[-STACK:]}"


def _told(told: Told, origin: Origin) -> Iterable[Pair]:
    yield from told.attributes
    for event in told.events:
        if event.name == "exception":
            yield from sorted(event.attributes, key=_type_first)
        else:
            after_ms = max(0, event.at_ns - told.start_ns) / 1e6
            said = ", ".join(f"{name}={value}" for name, value in event.attributes)
            yield f"event.{event.name}", f"after {after_ms:,.3f} ms{': ' if said else ''}{said}"
    for trace_id, span_id in told.links:
        yield "link", f"{trace_id}-{span_id}"
    if origin.service:
        yield "service.name", origin.service
    if origin.scope:
        yield "otel.scope.name", origin.scope


def _type_first(pair: Pair) -> bool:
    return pair[0] != "exception.type"


def cut(text: str, longest: int) -> str:
    """Return *text*, of a long one so many characters and a sign that there was more."""
    return text if len(text) <= longest else f"{text[:longest]}…"
