"""How often code may crash before it is left alone, and how long it rests in between."""

from __future__ import annotations

import random
import time
from collections import deque

from kiket_console.model import Crash

FIRST_BACKOFF_S = 0.1
MOST_BACKOFF_S = 30.0
JITTER = 0.25
"""By which share a rest is longer or shorter, so that what crashed together does not start so."""
CRASH_WINDOW_S = 60.0
CRASHES_ALLOWED = 5
STABLE_S = 10.0
"""Code that ran for as long is taken to work; what crashed before is forgotten."""
HISTORY = 10
"""So many are told of, whether they count or not."""


class Crashes:
    """The crashes of one worker that count; moments are on the monotonic clock."""

    def __init__(self) -> None:
        self._moments_s: deque[float] = deque(maxlen=CRASHES_ALLOWED)
        self._told: deque[Crash] = deque(maxlen=HISTORY)
        self.backoff_s = 0.0
        """How long the next start waits."""

    @property
    def told(self) -> tuple[Crash, ...]:
        """Return the last of them, the newest last."""
        return tuple(self._told)

    def tell(self, label: str, reason: str) -> None:
        """Remember why the start called *label* failed, or ended."""
        self._told.append(Crash(time.time_ns() // 1000, label, reason))

    def forget(self) -> None:
        """Begin anew: somebody has changed something, or asks for another try."""
        self._moments_s.clear()

    def add(self, now_s: float, alive_s: float) -> int:
        """Count a crash after a life of *alive_s*; return how many count now."""
        if alive_s >= STABLE_S:
            self.forget()
        self._moments_s.append(now_s)
        count = sum(now_s - moment_s <= CRASH_WINDOW_S for moment_s in self._moments_s)
        rest_s = FIRST_BACKOFF_S * 2.0 ** (count - 1)
        shorter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (not to be unguessable)
        self.backoff_s = min(MOST_BACKOFF_S, rest_s * shorter)
        return count


def given_up(how: str, count: int) -> str:
    """Say that code is not started again: *how* it ended the last time, and how often it did."""
    return (
        f"{how}; that is {count} crashes within {CRASH_WINDOW_S:.0f} s, so it is not "
        "started again. Save a file or restart it to try once more."
    )
