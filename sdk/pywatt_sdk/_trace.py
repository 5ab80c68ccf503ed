"""Which trace the current request belongs to, by its `traceparent` (W3C Trace Context §3.2)."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_current: ContextVar[str | None] = ContextVar("pywatt_trace", default=None)


def enter(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Take the trace of a request's headers for what is done in this task, logs among it."""
    for name, value in headers:
        if name == b"traceparent":
            match = _TRACEPARENT.fullmatch(value)
            _current.set(match[1].decode() if match else None)
            return


def current_trace_id() -> str | None:
    """Return the current trace, 32 hex digits; None outside of a request that names one."""
    return _current.get()
