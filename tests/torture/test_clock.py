"""The wall clock jumps while the engine works: nothing but what is shown as a time may notice."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.torture.senders import run_of
from tests.torture.subject import Plan, until

from kiket_console.store.reader import Reader

if TYPE_CHECKING:
    from tests.torture.ledger import Handled
    from tests.torture.senders import Senders
    from tests.torture.subject import Subject


HOUR_S = 3600
LONG_S = HOUR_S / 10
"""Longer than anything takes here, and far from what the clock jumps by."""
TIMEOUT_S = 6.0


async def test_no_timer_order_or_duration_follows_the_wall_clock(
    subject: Subject, senders: Senders, handled: Handled
) -> None:
    """It goes back an hour, and forward two."""
    subject.settings["forward_timeout_s"] = str(TIMEOUT_S)
    subject.start(Plan(clock=True))
    subject.wait_ready()
    assert (await senders.send_one())[1] == 200
    handled.read()

    for jump_s in (-HOUR_S, HOUR_S):
        before = handled.times.total()
        async with asyncio.TaskGroup() as tasks:
            begun_s = time.monotonic()
            slow = tasks.create_task(senders.send_one(hold_s=0.25))
            hanging = tasks.create_task(senders.send_one(hold_s=600))
            both = partial(_reached, handled, before + 2)
            await asyncio.to_thread(until, both, "both are in a handler")
            subject.clock.write_text(str(jump_s))
        assert slow.result()[1] == 200, "not given up early"
        assert hanging.result()[1] == 504
        assert TIMEOUT_S <= time.monotonic() - begun_s < LONG_S, "nor late"

        os.kill(handled.pids[-1], signal.SIGKILL)
        killed_s = time.monotonic()
        assert (await senders.send_one())[1] in {200, 502}
        assert (await senders.send_one())[1] == 200
        assert time.monotonic() - killed_s < LONG_S, "started again after the usual pause"
        handled.read()

    with Reader(subject.store) as reader:
        rows = [reader.detail(each) for each in reader.ids()]
        logs = [line.text for line in reader.log_page(reader.log_ids())]
    sent = [row.request.header("x-torture-id") for row in rows if row is not None]
    assert sent == sorted(sent, key=lambda each: (run_of(each), int(each.partition("-")[2])))
    took_us = [row.exchange.duration_us for row in rows if row is not None]
    assert all(us is not None and 0 <= us < LONG_S * 1_000_000 for us in took_us), took_us
    lived = [float(each) for text in logs for each in re.findall(r"after (-?[\d.]+) s\.", text)]
    assert lived
    assert all(0 <= s < LONG_S for s in lived), lived
    assert subject.stop() == 0


def _reached(handled: Handled, count: int) -> bool:
    handled.read()
    return handled.times.total() >= count
