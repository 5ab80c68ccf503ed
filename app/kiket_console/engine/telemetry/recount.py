"""Count from exchanges what nobody has counted, once, after an engine's start.

That is the last second of an engine that was killed, and what was recorded before there were
measures. The latter is done in the background, a few exchanges at a time, the newest first; how far
it got stands in the store, in the same transaction.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from kiket_console.engine.telemetry.apart import Apart, outcome
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State
from kiket_console.store.records import AddMeasures
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import STEPS, Measure, Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kiket_console.store.measure_reading import Ended
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

NEWEST: Final = 20_000
"""Among so many of the newest exchanges those are looked for that a killed engine had counted."""
CHUNK: Final = 1000
PAUSE_S: Final = 0.03
AGAIN_S: Final = 5.0
TRIES: Final = 20
"""How long to wait when the store takes nothing, and how often."""
_EVER_US: Final = 2**62
_STATES: Final = {state.value: state for state in State}


class Recount:
    """Count what *writer*'s store holds and nobody has counted; *reader* reads the same store.

    With *counts* false nothing is done at all.
    """

    def __init__(self, reader: Reader, writer: Writer, *, counts: bool = True) -> None:
        self._counts = counts
        self._reader = reader
        self._writer = writer
        self._newest = writer.newest.newest_exchange
        self._began_us = time.time_ns() // 1000
        self._since_us: int | None = None
        self._apart = Apart()
        self._served: dict[str, list[int]] = {}

    async def run(self) -> None:
        """Count all of it, then return; what fails is tried again, at the next start too."""
        for _ in range(TRIES if self._counts else 0):
            try:
                await self._count()
            except ConsoleError:  # the writer says what is wrong with the store
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _count(self) -> None:
        measured_us, uncounted = await asyncio.to_thread(self._look)
        if self._since_us is None:
            self._since_us = measured_us  # now: what is counted from here on is told too
        if self._since_us < self._began_us:
            above = max(uncounted, self._newest - NEWEST)
            since_us = self._since_us
            measures = await asyncio.to_thread(self._measures, above, self._newest, since_us)
            await self._add(AddMeasures(measures, until_us=self._began_us))
            self._since_us = self._began_us
        while uncounted:
            above = max(0, uncounted - CHUNK)
            measures = await asyncio.to_thread(self._measures, above, uncounted, 0)
            recent_s = self._began_us // 1_000_000 - STEPS[60]
            old = tuple(each for each in measures if each.at_s < recent_s)
            recent = tuple(each for each in measures if each.at_s >= recent_s)
            await self._add(
                AddMeasures(old, steps=(900,)),
                AddMeasures(recent, steps=(60, 900), uncounted=above),
            )
            uncounted = above
            await asyncio.sleep(PAUSE_S)

    def _look(self) -> tuple[int, int]:
        served = defaultdict(list)
        for reload in self._reader.reloads(0, _EVER_US):
            if not reload.problem:
                served[reload.worker].append(reload.at_us)
        self._served = dict(served)
        return self._reader.counted()

    async def _add(self, *rows: AddMeasures) -> None:
        await asyncio.wrap_future(self._writer.submit(rows))

    def _measures(self, above: int, up_to: int, since_us: int) -> tuple[Measure, ...]:
        """Return what is to be counted of the exchanges above one, up to another."""
        return self._counted(self._reader.endings(above, up_to, since_us, self._began_us))

    def _counted(self, endings: Iterable[Ended]) -> tuple[Measure, ...]:
        found: dict[tuple[int, Series, int], Histogram] = defaultdict(Histogram)
        for each in endings:
            series = self._apart.series(
                each.source,
                each.worker,
                each.name,
                each.version,
                outcome(_STATES.get(each.state, State.FAILED), each.status),
            )
            at_s = each.ended_us // 1_000_000
            found[at_s, series, self._code_us(each)].add(each.duration_us)
        return tuple(Measure(*key, durations) for key, durations in found.items())

    def _code_us(self, ended: Ended) -> int:
        """Return since when the code served that was its worker's newest when it was tried."""
        if ended.source == Source.WEBHOOK and "#" not in ended.target:
            return 0  # no code took it
        served = self._served.get(ended.worker, [])
        before = bisect_right(served, ended.ended_us - ended.duration_us)
        return served[before - 1] if before else 0
