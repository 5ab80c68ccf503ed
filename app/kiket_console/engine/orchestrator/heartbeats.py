"""Whether a module still answers: a heartbeat a second on each channel that carries them.

A module of the Rust SDK cannot send on a channel on which nothing comes in (pywatt wire
specification §0.8), so these also let its own messages out.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S: Final = 1.0
DEGRADED_AFTER: Final = 3
"""Heartbeats in a row without an answer (§13-10)."""
UNHEALTHY_AFTER: Final = 10
NEWEST: Final = 3
"""So many answers are remembered by how long they took."""


class Heartbeats:
    """Beats on one channel from `start` to `stop`.

    *beat* sends one; *on_change* is called when `word` has become another.
    """

    def __init__(
        self, beat: Callable[[], None], on_change: Callable[[], None], *, every_s: float = EVERY_S
    ) -> None:
        self._beat = beat
        self._on_change = on_change
        self._every_s = every_s
        self._unanswered = 0
        self._timer: asyncio.TimerHandle | None = None
        self.answered_us = 0
        """When one was last answered; 0: never."""
        self.answered = 0
        """How many were."""
        self._sent_s = 0.0
        self._took_us: deque[int] = deque(maxlen=NEWEST)

    @property
    def word(self) -> str:
        """`degraded` after 3 without an answer, `unhealthy` after 10, else empty."""
        if self._unanswered >= UNHEALTHY_AFTER:
            return "unhealthy"
        return "degraded" if self._unanswered >= DEGRADED_AFTER else ""

    @property
    def took_us(self) -> int:
        """How long the slowest of the newest few took to be answered; 0: none was."""
        return max(self._took_us, default=0)

    def start(self) -> None:
        """Beat now, and from now on."""
        self._unanswered = -1  # the first is sent now, and nothing is owed yet
        self._tick()

    def stop(self) -> None:
        """Beat no more; it is as if all had been answered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unanswered = 0
        self._sent_s = 0.0

    def acknowledged(self) -> None:
        """Take note of an answer; one answers for all before it."""
        earlier = self.word
        if self._sent_s:
            self._took_us.append(round((time.monotonic() - self._sent_s) * 1_000_000))
            self._sent_s = 0.0
        self._unanswered = 0
        self.answered += 1
        self.answered_us = time.time_ns() // 1000
        if earlier:
            self._on_change()

    def _tick(self) -> None:
        earlier = self.word
        self._unanswered += 1
        self._sent_s = self._sent_s or time.monotonic()  # one that is late is waited for still
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._tick)
        self._beat()
        if self.word != earlier:
            self._on_change()
