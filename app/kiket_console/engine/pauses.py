"""Notice when the engine stood still, so that nobody takes what was late then for a worker's fault.

A closed laptop, a stopped process and a machine that is far too busy look alike from inside: a
short sleep took long.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 0.5
NOTICED_S = 2.0
"""A shorter pause is nothing to tell anybody about."""

_log = logging.getLogger(__name__)


async def watch(on_late: Callable[[float], None] = lambda _: None) -> None:
    """Log each pause when it is over, until cancelled; tell *on_late* how late each look is (s)."""
    before_s = steady_s()
    while True:
        await asyncio.sleep(EVERY_S)
        now_s = steady_s()
        pause_s = now_s - before_s - EVERY_S
        on_late(max(0.0, pause_s))
        if pause_s >= NOTICED_S:
            _log.warning(
                "The engine stood still for %.1f s: the computer slept or was too busy, or "
                "somebody stopped the engine.",
                pause_s,
            )
        before_s = now_s


def steady_s() -> float:
    """Return a clock that nobody sets and that, where there is one, goes on in a sleep."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
