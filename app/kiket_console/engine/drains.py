"""Older processes of a worker that finish what they took before a newer one took over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from kiket_console.model import Draining

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

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
        self.limit_s = limit_s
        self._old: list[Process] = []
        self._ending: set[Process] = set()
        self._shown: dict[Process, Draining] = {}

    @property
    def shown(self) -> tuple[Draining, ...]:
        """Return those that take their time, the oldest first."""
        return tuple(self._shown[process] for process in self._old if process in self._shown)

    def retire(self, process: Process) -> Coroutine[Any, Any, None]:
        """Take over *process*; what is returned lets it finish, and ends it."""
        self._old.append(process)
        return self._retire(process)

    def cut(self) -> None:
        """Begin to end them all: nobody waits for their answers any more."""
        for process in self._old:
            self._cut(process)

    async def _retire(self, process: Process) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(self._tell(process))
                await asyncio.sleep(HANDOVER_S)
                finished = await process.drain(self.limit_s)
                telling.cancel()
            if not finished and process not in self._ending:
                self._chronicle.unfinished(process.label, self.limit_s)
        finally:
            self._old.remove(process)
            self._ending.discard(process)
            if self._shown.pop(process, None) is not None:
                self._on_change()

    async def _tell(self, process: Process) -> None:
        since_us = time.time_ns() // 1000
        await asyncio.sleep(SHOWN_AFTER_S)
        self._shown[process] = Draining(process.label, process.pid, since_us)
        self._chronicle.drains(process.label, self.limit_s)
        slow = [each for each in self._old if each in self._shown and each not in self._ending]
        if len(slow) > MOST_DRAINING:
            self._chronicle.cut_short(slow[0].label, MOST_DRAINING)
            self._cut(slow[0])
        self._on_change()

    def _cut(self, process: Process) -> None:
        self._ending.add(process)
        process.cut()
