"""Take the trace of a request for what is done in its task, logs and messages among it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_core import trace

if TYPE_CHECKING:
    from collections.abc import Iterable


def enter(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Make the trace that a request's headers name the current one; without a valid one none is."""
    for name, value in headers:
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
            if trace.read(traceparent):
                trace.enter(traceparent)
            return
