"""Older processes of a worker that finish what they took before a newer one took over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kiket_console.model import Draining

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.chronicle import Chronicle
    from kiket_console.engine.process import Process

HANDOVER_S = 0.25
"""How long the old worker goes on listening for requests that were already on their way to it."""
MOST_DRAINING = 3
"""How many may finish at a time; a further one ends the oldest."""
SHOWN_AFTER_S = 1.0
"""What ends sooner is no news."""


class Drains:
    """Ends replaced processes, each as soon as it is idle and after *limit_s* at the latest."""

    def __init__(self, chronicle: Chronicle, on_change: Callable[[], None], limit_s: float) -> None:
        self._chronicle = chronicle
        self._on_change = on_change
        self._limit_s = limit_s
        self._old: list[Process] = []
        self._shown: dict[Process, Draining] = {}

    @property
    def shown(self) -> tuple[Draining, ...]:
        """Return those that take their time, the oldest first."""
        return tuple(self._shown[process] for process in self._old if process in self._shown)

    async def retire(self, process: Process) -> None:
        """Let *process* finish, and end it."""
        self._old.append(process)
        try:
            async with asyncio.TaskGroup() as tasks:
                if len(self._old) > MOST_DRAINING:
                    tasks.create_task(self._cut_short(self._old[0]))
                telling = tasks.create_task(self._tell(process))
                await asyncio.sleep(HANDOVER_S)
                finished = await process.drain(self._limit_s)
                telling.cancel()
            if not finished:
                self._chronicle.unfinished(process.label, self._limit_s)
        finally:
            self._old.remove(process)
            if self._shown.pop(process, None) is not None:
                self._on_change()

    async def _cut_short(self, oldest: Process) -> None:
        self._chronicle.cut_short(oldest.label, MOST_DRAINING)
        await oldest.end()

    async def _tell(self, process: Process) -> None:
        since_us = time.time_ns() // 1000
        await asyncio.sleep(SHOWN_AFTER_S)
        self._shown[process] = Draining(process.label, process.pid, since_us)
        self._chronicle.drains(process.label, self._limit_s)
        self._on_change()
