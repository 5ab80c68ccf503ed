"""The time that the screen goes by; a picture for the documentation sets it."""

from __future__ import annotations

import time


def now_us() -> int:
    """Return the time in Unix microseconds."""
    return time.time_ns() // 1000
