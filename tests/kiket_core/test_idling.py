from __future__ import annotations

import asyncio
from typing import cast

from kiket_core._idling import Idling

PATIENCE_S = 120


class Closing(asyncio.Transport):
    """A transport that can be closed and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = asyncio.Event()

    def close(self) -> None:
        """Take note of it."""
        self.closed.set()


async def test_a_connection_is_closed_once_it_was_idle_for_long_enough() -> None:
    transport, loop = Closing(), asyncio.get_running_loop()
    idling = Idling(loop, 0.01)
    began_s = loop.time()
    idling.begin(transport)
    idling.since_s = None  # a request came
    idling.begin(transport)  # and was answered

    async with asyncio.timeout(PATIENCE_S):
        await transport.closed.wait()
    assert loop.time() - began_s >= 0.01


async def test_the_timer_of_an_earlier_idleness_closes_nothing_too_early() -> None:
    transport = Closing()
    idling = Idling(asyncio.get_running_loop(), PATIENCE_S)
    idling.begin(transport)
    timers = [cast("asyncio.TimerHandle", idling._timer)]

    idling._look(transport)  # as it does when that strikes
    timers.append(cast("asyncio.TimerHandle", idling._timer))
    idling.since_s = None
    idling._look(transport)

    assert not transport.closed.is_set()
    assert idling._timer is None
    for timer in timers:
        timer.cancel()


async def test_a_clock_that_was_stopped_closes_nothing() -> None:
    transport = Closing()
    idling = Idling(asyncio.get_running_loop(), PATIENCE_S)
    idling.begin(transport)
    timer = cast("asyncio.TimerHandle", idling._timer)
    idling.cancel()
    assert timer.cancelled()
    assert idling.since_s is None
