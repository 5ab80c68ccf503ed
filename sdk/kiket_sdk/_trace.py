"""Carry the W3C trace context of the current webhook to its logs and outbound calls."""

from __future__ import annotations

import random
import re
from contextvars import ContextVar, Token

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?",
    re.ASCII,
)


class Trace:
    """The trace that a webhook belongs to; read or made when somebody first asks for it."""

    __slots__ = ("_ids", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent
        self._ids: tuple[str, str] | None = None

    @property
    def ids(self) -> tuple[str, str]:
        """Return the trace id, 32 hex digits, and the flags of its sender."""
        if self._ids is None:
            match = _TRACEPARENT.fullmatch(self._traceparent) if self._traceparent else None
            if match:
                self._ids = match[1], match[2]
            else:
                # Ids need to be different, not secret; a forked child's are reseeded.
                self._ids = f"{random.getrandbits(128) or 1:032x}", "01"
        return self._ids


_current: ContextVar[Trace | None] = ContextVar("kiket_trace", default=None)


def enter(traceparent: str | None) -> Token[Trace | None]:
    """Make the inbound `traceparent` current, or a new trace when there is none to go on with."""
    return _current.set(Trace(traceparent))


leave = _current.reset
"""Go back to the trace that was current before `enter`; takes its token."""


def current_trace_id() -> str | None:
    """Return the 32 hex digits of the current trace, None outside a webhook."""
    trace = _current.get()
    return trace.ids[0] if trace else None


def child_traceparent() -> str | None:
    """Return a `traceparent` for one outbound call, None outside a webhook."""
    trace = _current.get()
    if trace is None:
        return None
    trace_id, flags = trace.ids
    span_id = f"{random.getrandbits(64) or 1:016x}"
    return f"00-{trace_id}-{span_id}-{flags}"
