"""The W3C trace context (Level 1, §3.2) of a request, for logs and outbound calls.

Where the code uses OpenTelemetry, its spans become children of the request, and outbound calls
children of the span that is current. It is looked at only once somebody has imported it.
"""

from __future__ import annotations

import random
import re
import sys
from contextvars import ContextVar, Token
from typing import Any

import msgspec

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?",
    re.ASCII,
)


def read(traceparent: str) -> tuple[str, str] | None:
    """Return trace id (32 hex digits) and flags (2) of a `traceparent`; None for an invalid one."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return (match[1], match[3]) if match else None


def write(trace_id: str, span_id: str, flags: str) -> str:
    """Return the `traceparent` that makes *span_id* (16 hex digits) the parent."""
    return f"00-{trace_id}-{span_id}-{flags}"


def new_trace_id() -> str:
    """Return 32 hex digits: different, not secret; a forked child's are reseeded."""
    return f"{random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """Return 16 hex digits that name one attempt or call."""
    return f"{random.getrandbits(64) or 1:016x}"


class _Current(msgspec.Struct):
    """The trace that a request belongs to; read or made when somebody first asks for it."""

    traceparent: str | None
    attached: object | None = None
    """What OpenTelemetry wants back when the request is over."""
    _ids: tuple[str, str] | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """Return the trace id and the flags of its sender."""
        if self._ids is None:
            found = read(self.traceparent) if self.traceparent else None
            self._ids = found or (new_trace_id(), "01")
        return self._ids


_current: ContextVar[_Current | None] = ContextVar("kiket_trace", default=None)


def enter(traceparent: str | None) -> Token[_Current | None]:
    """Make the inbound `traceparent` current, or a new trace when there is none to go on with."""
    current = _Current(traceparent)
    if traceparent and "opentelemetry.trace" in sys.modules:
        current.attached = _attach(traceparent)
    return _current.set(current)


def leave(token: Token[_Current | None]) -> None:
    """Go back to the trace that was current before `enter`; takes its token."""
    current = _current.get()
    if current is not None and current.attached is not None:
        sys.modules["opentelemetry.context"].detach(current.attached)
    _current.reset(token)


def current_trace_id() -> str | None:
    """Return the 32 hex digits of the current trace, None outside a request."""
    trace = _current.get()
    return trace.ids[0] if trace else None


def child_traceparent() -> str | None:
    """Return a `traceparent` for one outbound call, None outside a request."""
    trace = _current.get()
    if trace is None:
        return None
    trace_id, flags = trace.ids
    span_id = ""
    if "opentelemetry.trace" in sys.modules:
        span_id = _current_span_id(trace_id)
    return write(trace_id, span_id or new_span_id(), flags)


def _attach(traceparent: str) -> object | None:
    """Make a request the parent of OpenTelemetry's spans, unless a span of this process is."""
    match = _TRACEPARENT.fullmatch(traceparent)
    telemetry: Any = sys.modules["opentelemetry.trace"]
    try:
        seen = telemetry.get_current_span().get_span_context()
        if match is None or (seen.is_valid and not seen.is_remote):
            return None
        ids = int(match[1], 16), int(match[2], 16)
        flags = telemetry.TraceFlags(int(match[3], 16))
        caller = telemetry.SpanContext(*ids, is_remote=True, trace_flags=flags)
        context = telemetry.set_span_in_context(telemetry.NonRecordingSpan(caller))
        attached: object = sys.modules["opentelemetry.context"].attach(context)
    except (AttributeError, KeyError):  # another thread is only now importing it
        return None
    return attached


def _current_span_id(trace_id: str) -> str:
    """Return the id of OpenTelemetry's current span, empty unless it records and is of the trace.

    Who begins another trace of their own is still known by ours.
    """
    try:
        span = sys.modules["opentelemetry.trace"].get_current_span()
        seen = span.get_span_context()
        is_ours = span.is_recording() and seen.trace_id == int(trace_id, 16)
    except AttributeError:  # another thread is only now importing it
        return ""
    return f"{seen.span_id:016x}" if is_ours else ""
