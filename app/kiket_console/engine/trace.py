"""W3C trace context: which calls and log lines belong to which delivery."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kiket_console.model import Headers

_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?",
    re.ASCII,
)


class Trace(NamedTuple):
    """A trace: 32 hex digits, and its sender's flags."""

    trace_id: str
    flags: str = "01"

    def parent(self, span_id: str) -> str:
        """Return the `traceparent` that makes *span_id* (16 hex digits) the parent."""
        return f"00-{self.trace_id}-{span_id}-{self.flags}"


def sent(headers: Headers) -> Trace | None:
    """Return the trace that a request says it belongs to; None unless it says so once, validly."""
    found = [value for name, value in headers if len(name) == 11 and name.lower() == "traceparent"]
    match = _TRACEPARENT.fullmatch(found[0].strip()) if len(found) == 1 else None
    return Trace._make(match.groups()) if match else None


def new_trace() -> Trace:
    """Return a trace of our own; its id is different, not secret."""
    return Trace(f"{random.getrandbits(128) or 1:032x}")


def new_span_id() -> str:
    """Return 16 hex digits that name one attempt or call."""
    return f"{random.getrandbits(64) or 1:016x}"
