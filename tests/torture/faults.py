"""What is done to a running engine, and what it owes its senders meanwhile."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from tests.torture.ledger import Handled
    from tests.torture.senders import Senders
    from tests.torture.subject import Subject

SERVES_AGAIN_S = 90.0
"""How long the senders may go without a 2xx when a worker was killed, at most."""
FILL_LIMIT_S = 60.0
FULL_BYTES = 64 * 1024
"""No file may be written beyond this while the disk is full; the store's are larger."""


@dataclass(frozen=True, slots=True)
class Suffered:
    """What became of the service during a fault that the engine lives through."""

    recovery_s: float | None = None
    """From the fault's end to the next 2xx."""
    broken: str = ""
    """The promise that was not kept, in words."""
    kills: int = 0


async def next_success_s(senders: Senders, limit_s: float) -> float | None:
    """Return after how many seconds the next 2xx comes."""
    begun_s = time.monotonic()
    senders.await_success()
    while senders.first_success_s is None:
        if time.monotonic() - begun_s > limit_s:
            return None
        await asyncio.sleep(0.01)
    return senders.first_success_s - begun_s


async def kill_worker(
    subject: Subject, senders: Senders, handled: Handled, chance: random.Random
) -> Suffered:
    """Kill the process that runs the developer's code; service resumes by itself."""
    del chance
    handled.read()
    _kill(handled.pids[-1])
    return await _served_again(senders)


async def kill_lifeline(
    subject: Subject, senders: Senders, handled: Handled, chance: random.Random
) -> Suffered:
    """Kill the worker's parent, whose job it is to end it."""
    del handled, chance
    for pid in await asyncio.to_thread(_lifelines, subject):
        _kill(pid)
    return await _served_again(senders)


async def stall(
    subject: Subject, senders: Senders, handled: Handled, chance: random.Random
) -> Suffered:
    """Stop the engine for a while and let it go on, as a laptop that is closed does."""
    del handled
    subject.signal(signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.3, 2.0))
    subject.signal(signal.SIGCONT)
    return await _served_again(senders, kills=0)


async def fill_disk(
    subject: Subject, senders: Senders, handled: Handled, chance: random.Random
) -> Suffered:
    """Let no file of the engine grow for a while: nothing is accepted, and then it is again."""
    del handled, chance
    subject.limit_files(FULL_BYTES)
    is_said = await _told_full(senders, 1)
    senders.await_success()
    is_said = is_said and await _told_full(senders, 2 * senders.connections)
    accepted = senders.first_success_s is not None
    subject.limit_files(resource.RLIM_INFINITY)
    if accepted:
        return Suffered(broken="a 2xx while nothing could be stored")
    if not is_said:
        return Suffered(broken=f"a full disk was not said within {FILL_LIMIT_S:g} s")
    return await _served_again(senders, kills=0)


async def _told_full(senders: Senders, times: int) -> bool:
    """Tell whether the senders heard so many times more that the disk is full."""
    wanted, deadline = senders.full + times, time.monotonic() + FILL_LIMIT_S
    while senders.full < wanted and time.monotonic() < deadline:  # noqa: ASYNC110 - a count
        await asyncio.sleep(0.01)
    return senders.full >= wanted


async def _served_again(senders: Senders, kills: int = 1) -> Suffered:
    recovery_s = await next_success_s(senders, SERVES_AGAIN_S)
    broken = "" if recovery_s is not None else f"no 2xx within {SERVES_AGAIN_S:g} s"
    return Suffered(recovery_s, broken, kills)


def _lifelines(subject: Subject) -> list[int]:
    return subject.pids_of("lifeline.py", subject.below(subject.starts))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # a newer one has replaced it


FAULTS = {each.__name__: each for each in (kill_worker, kill_lifeline, stall, fill_disk)}
