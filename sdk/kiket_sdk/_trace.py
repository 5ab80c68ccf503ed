"""Carry the W3C trace context of the current webhook to its logs and outbound calls."""

from __future__ import annotations

import random
import re
from contextvars import ContextVar, Token
from typing import NamedTuple

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?",
    re.ASCII,
)


class Trace(NamedTuple):
    """The trace that a webhook belongs to: 32 hex digits, and the flags of its sender."""

    trace_id: str
    flags: str


_current: ContextVar[Trace | None] = ContextVar("kiket_trace", default=None)


def enter(traceparent: str | None) -> Token[Trace | None]:
    """Make the inbound `traceparent` current, or a new trace when there is none to go on with."""
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match:
        return _current.set(Trace._make(match.groups()))
    # Ids need to be different, not secret; the module reseeds itself in a forked child.
    return _current.set(Trace(f"{random.getrandbits(128) or 1:032x}", "01"))


def leave(token: Token[Trace | None]) -> None:
    """Go back to the trace that was current before `enter`."""
    _current.reset(token)


def current_trace_id() -> str | None:
    """Return the 32 hex digits of the current trace, None outside a webhook."""
    trace = _current.get()
    return trace.trace_id if trace else None


def child_traceparent() -> str | None:
    """Return a `traceparent` for one outbound call, None outside a webhook."""
    trace = _current.get()
    if trace is None:
        return None
    span_id = f"{random.getrandbits(64) or 1:016x}"
    return f"00-{trace.trace_id}-{span_id}-{trace.flags}"
