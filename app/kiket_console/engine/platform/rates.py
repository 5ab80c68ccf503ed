"""How many calls an extension has left in this minute (kiket-and-kindo.md §2.3)."""

from __future__ import annotations

import time
from collections import deque
from math import ceil
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.wire import PlatformSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.model import Headers

WINDOW_S = 60


class Rate(Struct, frozen=True):
    """How much of the rate limit is left."""

    limit: int
    """0: there is none."""
    remaining: int
    reset_in_s: int
    """Until the oldest counted call leaves the window."""
    reset_s: int
    """When that is, in Unix seconds."""
    exceeded: bool = False
    """Whether the call is one too many; it is not counted then."""

    def headers(self) -> Headers:
        """Return what each answer says of it."""
        if not self.limit:
            return ()
        return (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset_s)),
        )

    def body(self) -> dict[str, Any]:
        """Return what `ext/rate_limit` answers; a limit that there is not is told as the usual."""
        usual = PlatformSettings().rate_limit_per_minute
        return {
            "rate_limit": {
                "limit": self.limit or usual,
                "remaining": self.remaining if self.limit else usual,
                "window_seconds": WINDOW_S,
                "reset_in": self.reset_in_s if self.limit else 0,
            }
        }


class Rates:
    """Count each extension's calls in a sliding window of a minute."""

    def __init__(
        self, now_s: Callable[[], float] = time.monotonic, clock_s: Callable[[], float] = time.time
    ) -> None:
        self._now_s = now_s
        self._clock_s = clock_s
        self._calls_s: dict[str, deque[float]] = {}

    def take(self, caller: str, limit: int) -> Rate:
        """Count a call of *caller*, if it has one left of *limit*; return what it has now."""
        now_s = self._now_s()
        calls_s = self._calls_s.setdefault(caller, deque())
        while calls_s and calls_s[0] <= now_s - WINDOW_S:
            calls_s.popleft()
        exceeded = 0 < limit <= len(calls_s)
        if limit and not exceeded:
            calls_s.append(now_s)
        reset_in_s = ceil(calls_s[0] + WINDOW_S - now_s) if calls_s else 0
        reset_s = int(self._clock_s()) + reset_in_s
        return Rate(limit, max(0, limit - len(calls_s)), reset_in_s, reset_s, exceeded)
