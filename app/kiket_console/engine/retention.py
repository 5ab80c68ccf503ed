"""Delete what is too old or too much, a little at a time, so that no delivery waits for it.

    once:          what a person removed in an earlier run, which nobody can bring back
    every CHECK_S: what is older than `days` ► the oldest, while more than `megabytes` are in use;
                   log lines alone while they are more than half of that
                   ► what was measured in finer steps than its age allows

Pinned exchanges stay, with the calls that were made during them.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING

from kiket_console.engine.pauses import steady_s
from kiket_console.errors import ConsoleError
from kiket_console.store import purging
from kiket_console.store.purging import Oldest, Purged
from kiket_console.store.records import NewLog
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.store.writer import Writer

CHECK_S = 10.0
PAUSE_S = 0.01
"""Between two steps at least; and steps take a fifth of the writer's time at most."""
ROOM = 0.95
"""So full is the store when a purge for its size has ended, of what it may hold."""
LOG_SHARE = 0.5
"""While a store that is too large holds more than that of log lines, they go first: a worker that
floods its log must not cost the exchanges that were recorded before."""
_DAY_US = 86_400_000_000


class Retention:
    """Keep the store of *writer* within *days* and *megabytes*; 0 is no limit.

    What was deleted is said in *on_log*, once for each sweep.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        days: int,
        megabytes: int,
        on_log: Callable[[NewLog], None],
    ) -> None:
        self._writer = writer
        self._days = days
        self._limit_bytes = megabytes * 1_000_000
        self._on_log = on_log
        self._began_us = time.time_ns() // 1000
        self._began_s = steady_s()
        self._leftovers = True
        self._step_s = 0.0

    async def run(self) -> None:
        """Sweep now and every `CHECK_S`, until cancelled or the store is closed."""
        while True:
            try:
                exchanges, logs = await self.sweep()
            except (ConsoleError, sqlite3.Error):  # the writer says what is wrong with the store
                exchanges = logs = 0
            if exchanges or logs:
                self._say(
                    f"To keep the store within its limits, {plural(exchanges, 'exchange')} and "
                    f"{plural(logs, 'log line')} were deleted, the oldest first."
                )
            await asyncio.sleep(CHECK_S)

    async def sweep(self) -> tuple[int, int]:
        """Delete all that is to go now; return how many exchanges and log lines went for a limit.

        Raises `StoreFailedError` or `sqlite3.Error` when the store cannot be written.
        """
        if self._leftovers:
            await self._repeat(lambda c: purging.purge_removed(c, self._began_us))
            await self._repeat(purging.purge_series)
            self._leftovers = False
        oldest = Oldest()
        before_us = self._now_us() - self._days * _DAY_US if self._days else 0
        over = False

        def step(connection: sqlite3.Connection) -> Purged:
            nonlocal over
            until_us = before_us
            if self._limit_bytes:
                allowed = self._limit_bytes * ROOM if over else self._limit_bytes
                over = purging.used_bytes(connection) > allowed
                if over and purging.log_bytes(connection) > allowed * LOG_SHARE:
                    purged = oldest.purge_logs(connection)
                    if purged.logs:
                        return purged._replace(done=False)
                if over:
                    until_us = max(until_us, oldest.age_of_step(connection))
            purged = oldest.purge(connection, until_us) if until_us else Purged()
            found_some = purged.exchanges > 0 or purged.logs > 0
            return purged._replace(done=purged.done and not (over and found_some))

        gone = await self._repeat(step)
        await self._repeat(lambda c: purging.purge_measures(c, 0, self._now_us() // 1_000_000))
        await self._repeat(purging.give_back)
        return gone

    def _now_us(self) -> int:
        """Return what time it is; a wall clock that is set forward makes nothing old at once."""
        passed_us = round((steady_s() - self._began_s) * 1_000_000)
        return min(time.time_ns() // 1000, self._began_us + passed_us)

    async def _repeat(self, step: Callable[[sqlite3.Connection], Purged]) -> tuple[int, int]:
        """Do *step* until it is done, leaving the writer to others in between."""
        exchanges = logs = 0
        while True:
            purged = await asyncio.wrap_future(self._writer.tend(lambda c: self._timed(step, c)))
            exchanges += purged.exchanges
            logs += purged.logs
            if purged.done:
                return exchanges, logs
            await asyncio.sleep(max(PAUSE_S, 4 * self._step_s))

    def _timed(
        self, step: Callable[[sqlite3.Connection], Purged], connection: sqlite3.Connection
    ) -> Purged:
        began = time.perf_counter()
        purged = step(connection)
        self._step_s = time.perf_counter() - began
        return purged

    def _say(self, sentence: str) -> None:
        self._on_log(NewLog(time.time_ns() // 1000, "engine", "log", "INFO", "retention", sentence))
