"""When a console rests: asked of its loop, not guessed from how busy the processor is.

    press, pause ─► Textual's wait_for_idle ─► here, until nothing is ready to run,
                                                     no thread or short timer is under way,
                                                     and all that changed is drawn

Textual's own sleeps for 20 ms, twice for each key, until a process hardly uses the processor. That
was most of the time of a test; and on a busy machine it takes a process that waits for its turn for
one that has nothing to do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from textual import app as textual_app
from textual import pilot as textual_pilot
from textual._context import active_app
from textual.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FRAME_S = 0.02
"""A timer of more than this is for who asks for what it brings."""
BLOCKED_S = 0.001
"""Threads that take less of the processor within a frame, and none of which could go on, wait."""
LATEST_S = 30.0
"""A machine that is busy with other things gets so much longer than the processor's seconds."""
GOES_ON = {"R", "D"}
"""What the kernel says of a thread that runs or waits for its turn, and of one at a disk."""

_under_way: set[asyncio.Future[Any]] = set()
"""What threads do for loops, and short timers that go off once."""


async def rest(min_sleep: float = 0, max_sleep: float = 1) -> None:
    """Wait until the console has done what it can do now.

    It may be busy for longer than a test is to wait: *max_sleep* seconds of the processor at most.
    """
    del min_sleep
    loop: Any = asyncio.get_running_loop()
    end_s, latest_s = time.process_time() + max_sleep, loop.time() + LATEST_S
    while time.process_time() < end_s and loop.time() < latest_s:
        await asyncio.sleep(0)
        went_on = loop._ready or await _went_on(loop) or await _drawing()
        if not (went_on or loop._ready):
            return


async def _went_on(loop: asyncio.AbstractEventLoop) -> bool:
    """Wait for what is under way; say whether any of it went on, or could have."""
    ours = {each for each in _under_way if each.get_loop() is loop}
    if not ours:
        return False
    before_s = time.process_time()
    done, _ = await asyncio.wait(ours, timeout=2 * FRAME_S, return_when=asyncio.FIRST_COMPLETED)
    return bool(done) or time.process_time() - before_s >= BLOCKED_S or _some_could()


def _some_could() -> bool:
    """Whether another thread has something to do and is only kept from it by a busy machine."""
    me = threading.get_native_id()
    for thread in threading.enumerate():
        if thread.native_id in (me, None):
            continue
        with suppress(OSError):  # it has ended, or this system has no such files
            told = Path(f"/proc/self/task/{thread.native_id}/stat").read_text("ascii", "replace")
            if told.rpartition(")")[2].split()[0] in GOES_ON:
                return True
    return False


async def _drawing() -> bool:
    """Give the next frame a moment when something is to be drawn; say whether there is."""
    app = active_app.get()
    if not app.is_running:
        return False
    frames: list[Any] = [screen._update_timer for screen in app.screen_stack]
    if not any(frame._active.is_set() for frame in frames):
        return False
    await asyncio.sleep(FRAME_S / 10)
    return True


@pytest.fixture(autouse=True)
def rested() -> Iterator[None]:
    """Have the pilots of this test wait for *rest*, and no others: pictures need Textual's own."""
    start_thread: Callable[..., asyncio.Future[Any]] = asyncio.BaseEventLoop.run_in_executor
    start_timer = Timer._start

    def begin(future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        _under_way.add(future)
        future.add_done_callback(_under_way.discard)
        return future

    def started(timer: Timer) -> None:
        start_timer(timer)
        if timer._repeat == 0 and timer._interval <= FRAME_S and timer._task is not None:
            begin(timer._task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            asyncio.BaseEventLoop, "run_in_executor", lambda *work: begin(start_thread(*work))
        )
        patch.setattr(Timer, "_start", started)
        patch.setattr(textual_app, "wait_for_idle", rest)
        patch.setattr(textual_pilot, "wait_for_idle", rest)
        yield
