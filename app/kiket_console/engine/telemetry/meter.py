"""Count what ends: how often, how long it took, by which code; told to the store each second.

    ended ─► histogram of this second ──each second──► waiting ─► writer ─► measures of each step
                                                       ▲ └── not stored: it waits another second
    reloaded ─► since when code serves, a mark ────────┘

Nobody waits for it. What is counted belongs to a second of the wall clock; one that jumps puts
counts at other moments and loses none. Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from kiket_console.engine.telemetry.apart import Apart, outcome
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State
from kiket_console.store.records import AddMeasures, NewReload, Row
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Series

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from kiket_console.engine.recorder import Ending, Recorded
    from kiket_console.store.records import Committed
    from kiket_console.store.writer import Writer
    from kiket_console.telemetry.nouns import Reload

ALIASES: Final = 4096
"""So many combinations of what an exchange says lead straight to their histogram."""
WAITING: Final = 5000
"""When more wait for a store that takes none, seconds become minutes, then quarters of an hour."""
CODES: Final = 1000
"""Of so many starts it is known since when they serve."""
RELOADS: Final = 1000
"""So many marks wait for a store that takes none; the oldest are let go."""

_Cell = tuple[Series, int]
_Key = tuple[int, Series, int]
_Exchange = tuple[str, str, str, str, State, int | None, str]


class Meter:
    """Count what ends, and hand it to *writer*; with *counts* false it does nothing at all.

    *clock* gives Unix seconds.
    """

    def __init__(
        self, writer: Writer, *, counts: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        self._writer = writer
        self.counts = counts
        self._clock = clock
        self._second = int(clock())
        self._aliases: dict[_Exchange, Histogram] = {}
        self._cells: dict[_Cell, Histogram] = {}
        self._waiting: dict[_Key, Histogram] = {}
        self._in_hand: dict[_Key, Histogram] = {}
        self._written: Future[Committed] | None = None
        self._marks: list[Row] = []
        self._marks_in_hand: list[Row] = []
        self._codes: dict[str, int] = {}
        self._serving: dict[str, int] = {}
        self._apart = Apart()
        self.totals: dict[Series, Histogram] = {}
        """All that was counted since the engine began, up to the newest full second or flush."""

    @property
    def uncounted(self) -> int:
        """How many series were too many to count apart: see `Apart.uncounted`."""
        return self._apart.uncounted

    def count(self, recorded: Recorded, ending: Ending) -> None:
        """Count an attempt that is recorded as ended."""
        self.ended(
            recorded.source,
            recorded.worker,
            recorded.name,
            recorded.version,
            ending.state,
            ending.status,
            ending.duration_us,
            recorded.target,
        )

    def ended(
        self,
        source: str,
        worker: str,
        name: str,
        version: str,
        state: State,
        status: int | None,
        duration_us: int,
        label: str,
    ) -> None:
        """Count an attempt that ended; *label* says on what it was tried, as `marketing#3`."""
        if not self.counts:
            return
        second = int(self._clock())
        if second != self._second:
            self._roll(second)
        exchange = (source, worker, name, version, state, status, label)
        durations = self._aliases.get(exchange)
        if durations is None:
            durations = self._cell(exchange)
        durations.add(duration_us)

    def reloaded(self, reload: Reload) -> None:
        """Take down that a worker's code serves from now on, or that it did not come to."""
        if not self.counts:
            return
        if not reload.problem:
            self._roll(int(self._clock()))  # what ended until now is of the code before
            self._codes[reload.label] = self._serving[reload.worker] = reload.at_us
            if len(self._codes) > CODES:
                del self._codes[next(iter(self._codes))]
        self._marks = [*self._marks, NewReload(reload)][-RELOADS:]

    async def run(self) -> None:
        """Hand over each second what was counted in it, until cancelled."""
        while True:
            await asyncio.sleep(1 - self._clock() % 1 + 0.005)
            self.flush()

    def flush(self, *, is_last: bool = False) -> None:
        """Hand the writer what it does not have yet; unless it is busy with what it was given."""
        if self._written is not None:
            if not self._written.done():
                if not is_last:
                    return
            elif self._written.exception() is not None:
                self._take_back()
            self._written = None
        now = self._clock()
        self._roll(int(now))
        if not self._waiting and not self._marks:
            return
        measures = tuple(
            Measure(at_s, series, code_us, durations)
            for (at_s, series, code_us), durations in self._waiting.items()
        )
        until_us = int(now * 1_000_000)
        added = AddMeasures(measures, until_us=until_us, too_many=self._apart.uncounted)
        rows: list[Row] = [added, *self._marks]
        self._in_hand, self._waiting = self._waiting, {}
        self._marks_in_hand, self._marks = self._marks, []
        try:
            self._written = self._writer.submit(rows, at_end=is_last)
        except ConsoleError:  # busy, or closed
            self._take_back()

    def _roll(self, second: int) -> None:
        """Put what was counted so far where it waits; what comes belongs to *second*."""
        cells, self._cells, self._aliases = self._cells, {}, {}
        for (series, code_us), durations in cells.items():
            self._wait(self._second, series, code_us, durations)
            total = self.totals.get(series)
            if total is None:
                total = self.totals[series] = Histogram()
            total.merge(durations)
        self._second = second

    def _wait(self, at_s: int, series: Series, code_us: int, durations: Histogram) -> None:
        there = self._waiting.get((at_s, series, code_us))
        if there is None:
            self._waiting[at_s, series, code_us] = durations
        else:
            there.merge(durations)

    def _take_back(self) -> None:
        """Let what was not stored wait again, more coarsely when it is much."""
        self._marks = [*self._marks_in_hand, *self._marks][-RELOADS:]
        newer, self._waiting = self._waiting, self._in_hand
        for (at_s, series, code_us), durations in newer.items():
            self._wait(at_s, series, code_us, durations)
        for step_s in (60, 900):
            if len(self._waiting) > WAITING:
                fine, self._waiting = self._waiting, {}
                for (at_s, series, code_us), durations in fine.items():
                    self._wait(at_s // step_s * step_s, series, code_us, durations)

    def _cell(self, exchange: _Exchange) -> Histogram:
        """Return what counts exchanges that say this."""
        source, worker, name, version, state, status, label = exchange
        series = self._apart.series(source, worker, name, version, outcome(state, status))
        cell = series, self._code_us(source, worker, label)
        durations = self._cells.get(cell)
        if durations is None:
            durations = self._cells[cell] = Histogram()
        if len(self._aliases) < ALIASES:
            self._aliases[exchange] = durations
        return durations

    def _code_us(self, source: str, worker: str, label: str) -> int:
        """Return since when the code serves that answered, or that called the platform."""
        if "#" in label or source == Source.WEBHOOK:
            return self._codes.get(label, 0)
        return self._serving.get(worker, 0)
