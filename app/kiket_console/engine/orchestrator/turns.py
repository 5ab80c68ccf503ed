"""How much of the engine's time one module may take: one that floods holds up itself alone.

What is measured is the time that its messages take here, whatever their number and size. It has a
share of every second, and may save up a little for bursts; when that is spent, its channels are not
read for a while, and it waits where it writes.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pywatt_sdk._channels import Channel

SHARE: Final = 0.25
"""Of the engine's time, while a module keeps on talking."""
BURST_S: Final = 0.002
"""What may be saved up; others wait so long at most."""
_LEAST_REST_S: Final = 0.002


class Turns:
    """Counts what the messages of one module cost, and pauses the channel that overdraws."""

    def __init__(self, *, share: float = SHARE, burst_s: float = BURST_S) -> None:
        self._share = share
        self._burst_s = burst_s
        self._credit_s = burst_s
        self._since_s = time.perf_counter()
        self._resting: set[Channel[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.rests = 0
        """How often it had to wait."""

    def took(self, began_s: float, channel: Channel[Any]) -> None:
        """Charge what has passed since *began_s* (of `time.perf_counter`) for a message."""
        now_s = time.perf_counter()
        earned_s = (now_s - self._since_s) * self._share
        self._since_s = now_s
        self._credit_s = min(self._burst_s, self._credit_s + earned_s) - (now_s - began_s)
        if self._credit_s < 0:
            self._resting.add(channel)
            channel.pause()
            if self._timer is None:
                self.rests += 1
                rest_s = max(_LEAST_REST_S, -self._credit_s / self._share + self._burst_s)
                self._timer = asyncio.get_running_loop().call_later(rest_s, self._go_on)

    def close(self) -> None:
        """Let every channel go on: what has come is taken to the end."""
        if self._timer is not None:
            self._timer.cancel()
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        resting, self._resting = self._resting, set()
        for channel in resting:
            channel.resume()
