"""W3C trace context: which calls and log lines belong to which delivery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_core.trace import new_span_id, new_trace_id, read, write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Headers

__all__ = ["Trace", "new_span_id", "new_trace", "sent"]


class Trace(Struct, frozen=True):
    """A trace: 32 hex digits, and its sender's flags."""

    trace_id: str
    flags: str = "01"

    def parent(self, span_id: str) -> str:
        """Return the `traceparent` that makes *span_id* (16 hex digits) the parent."""
        return write(self.trace_id, span_id, self.flags)


def sent(headers: Headers, named: Mapping[bytes, bytes] | None = None) -> Trace | None:
    """Return the trace that a request says it belongs to; None unless it says so once, validly.

    *named*: see `headers.found_in`.
    """
    if named is not None and b"traceparent" not in named:
        return None
    found = [value for name, value in headers if len(name) == 11 and name.lower() == "traceparent"]
    ids = read(found[0].strip()) if len(found) == 1 else None
    return Trace(*ids) if ids else None


def new_trace() -> Trace:
    """Return a trace of our own; its id is different, not secret."""
    return Trace(new_trace_id())
