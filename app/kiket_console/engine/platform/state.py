"""What the platform remembers between calls, beside what is recorded anyway."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RATE_LIMIT = 600
RATE_WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of the rate limit is left."""

    limit: int
    remaining: int
    window_s: int
    reset_in_s: int
    """Until the oldest counted call leaves the window."""


class RateWindow:
    """Count calls in a sliding window; it tells, and enforces nothing."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._calls_s: deque[float] = deque(maxlen=RATE_LIMIT)

    def count(self) -> None:
        """Count one call."""
        self._calls_s.append(self._now_s())

    def rate(self) -> Rate:
        """Return the limit, and what is left of it now."""
        now_s = self._now_s()
        while self._calls_s and self._calls_s[0] <= now_s - RATE_WINDOW_S:
            self._calls_s.popleft()
        reset_in_s = ceil(self._calls_s[0] + RATE_WINDOW_S - now_s) if self._calls_s else 0
        return Rate(RATE_LIMIT, RATE_LIMIT - len(self._calls_s), RATE_WINDOW_S, reset_in_s)
