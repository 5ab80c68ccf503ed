"""How often code may crash before it is left alone, and how long it rests in between."""

from __future__ import annotations

from collections import deque

FIRST_BACKOFF_S = 0.5
MOST_BACKOFF_S = 30.0
CRASH_WINDOW_S = 60.0
CRASHES_ALLOWED = 5
STABLE_S = 10.0
"""Code that ran for as long is taken to work; what crashed before is forgotten."""


class Crashes:
    """The crashes of one worker that count; moments are on the monotonic clock."""

    def __init__(self) -> None:
        self._moments_s: deque[float] = deque(maxlen=CRASHES_ALLOWED)

    def forget(self) -> None:
        """Begin anew: somebody has changed something, or asks for another try."""
        self._moments_s.clear()

    def add(self, now_s: float, alive_s: float) -> int:
        """Count a crash after a life of *alive_s*; return how many count now."""
        if alive_s >= STABLE_S:
            self.forget()
        self._moments_s.append(now_s)
        return self._lately(now_s)

    def backoff_s(self, now_s: float) -> float:
        """Return how long the next start waits."""
        doubled = 2.0 ** max(0, self._lately(now_s) - 1)
        return min(MOST_BACKOFF_S, FIRST_BACKOFF_S * doubled)

    def _lately(self, now_s: float) -> int:
        return sum(now_s - moment_s <= CRASH_WINDOW_S for moment_s in self._moments_s)
