"""How deliveries, and requests to modules, went lately: rate, 95th percentile, error share."""

from __future__ import annotations

import time
from collections import deque

RATE_S = 10.0
WINDOW_S = 300.0
WINDOW_COUNT = 1000
TICK_S = 0.1


class Pulse:
    """Remember the newest `WINDOW_COUNT` deliveries of `WINDOW_S`, and how many came lately."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, int, bool]] = deque(maxlen=WINDOW_COUNT)
        self._ticks: deque[list[int]] = deque(maxlen=int(RATE_S / TICK_S) + 1)
        """The newest tenths of a second in which one ended, and how many did."""

    def ended(self, duration_us: int, *, failing: bool, at_s: float | None = None) -> None:
        """Count a delivery that has ended; *at_s* is a moment of `time.monotonic`."""
        now = time.monotonic() if at_s is None else at_s
        self._recent.append((now, duration_us, failing))
        tick = int(now / TICK_S)
        newest = self._ticks[-1] if self._ticks else None
        if newest is not None and newest[0] == tick:
            newest[1] += 1
        else:
            self._ticks.append([tick, 1])

    def rate_per_s(self, at_s: float | None = None) -> float:
        """Return deliveries per second over the last `RATE_S`."""
        now = time.monotonic() if at_s is None else at_s
        oldest = int((now - RATE_S) / TICK_S)
        return sum(count for tick, count in self._ticks if tick > oldest) / RATE_S

    def quality(self, at_s: float | None = None) -> tuple[int | None, float]:
        """Return the 95th percentile of durations (µs; None without any) and the error share."""
        now = time.monotonic() if at_s is None else at_s
        lately = [each for each in self._recent if each[0] > now - WINDOW_S]
        if not lately:
            return None, 0.0
        durations = sorted(each[1] for each in lately)
        p95 = durations[max(0, -(-len(durations) * 95 // 100) - 1)]
        return p95, sum(each[2] for each in lately) / len(lately)
