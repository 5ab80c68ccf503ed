"""Which trace the current request belongs to, by its `traceparent` (W3C Trace Context §3.2)."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?"
)
_TRACE_ID: Final = slice(3, 35)
_current: ContextVar[str] = ContextVar("pywatt_traceparent", default="")


def enter(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Take the trace of a request's headers for what is done in this task, logs among it."""
    for name, value in headers:
        if name == b"traceparent":
            _current.set(value.decode() if _TRACEPARENT.fullmatch(value) else "")
            return


def current_traceparent() -> str:
    """Return the current request's `traceparent`; "" outside of a request that has one."""
    return _current.get()


def current_trace_id() -> str:
    """Return the current trace, 32 hex digits; "" outside of a request that names one."""
    return _current.get()[_TRACE_ID]
