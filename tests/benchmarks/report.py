"""How long the figures of a day take: 1,000,000 exchanges of 40 kinds, with a save each half hour.

first       read and added up from nothing, as when the window is chosen, in a thread of the screen
again       asked a second later, as the screen does while it is open: what may have changed is read
read        what `first` reads from the store, alone
built       what `first` does with it

All in milliseconds of processor time, by the code that screen and command line share. Measures are
those of the real distribution (log-normal); a tenth of them with --quick.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_console.store.reader import Reader
from kiket_console.store.records import AddMeasures, NewReload
from kiket_console.store.writer import Writer
from kiket_console.telemetry.building import build
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Reload, Series
from kiket_console.telemetry.reporting import Look, Reporting
from kiket_console.telemetry.windows import window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXCHANGES = 1_000_000
KINDS = 40
WORKERS = 4
STEP_S = 900
STEPS = 96
SAVES_EVERY_S = 1800
SEED = 7
_CHANCE = random.Random(SEED)  # noqa: S311 - figures, not secrets
TAKEN_US = [round(_CHANCE.lognormvariate(9, 0.4)) for _ in range(10_000)]
"""What durations are taken from: their median is 8 ms."""
GOALS = {"again_ms": "<= 16"}


def measure(quick: bool) -> dict[str, Any]:
    """Write a day's measures and report on them; return figures and goals."""
    rounds = 5 if quick else 15
    each = EXCHANGES // (10 if quick else 1) // KINDS // STEPS
    now_s = time.time()
    day = window("24h", now_s)
    with tempfile.TemporaryDirectory(prefix="kcbench") as place:
        path = Path(place, "store.sqlite3")
        _fill(path, day.since_s, each)
        with Reader(path) as reader:
            read = (reader.measures, (day.read_s, day.since_s, day.until_s))
            measures = reader.measures(day.read_s, day.since_s, day.until_s)
            reloads = reader.reloads(day.since_s * 1_000_000, day.until_s * 1_000_000)
            reporting = Reporting(reader)
            report = reporting.report(Look("24h"), now_s)
            figures = {
                "first_ms": _ms(lambda: Reporting(reader).report(Look("24h"), now_s), rounds),
                "again_ms": _ms(lambda: reporting.report(Look("24h"), now_s), rounds),
                "read_ms": _ms(lambda: read[0](*read[1]), rounds),
                "built_ms": _ms(lambda: build(measures, reloads, day, now_s=now_s), rounds),
            }
    return {
        "exchanges": report.count,
        "measures": len(measures),
        "rows": len(report.lines),
        "saves": len(report.reloads),
        **figures,
        "goals": GOALS,
    }


def _fill(path: Path, since_s: int, each: int) -> None:
    writer = Writer(path)
    for step in range(STEPS):
        at_s = since_s + step * STEP_S
        code_us = at_s // SAVES_EVERY_S * SAVES_EVERY_S * 1_000_000
        rows = AddMeasures(tuple(_measures(at_s, code_us, each)), (STEP_S,))
        saves = [
            NewReload(Reload(code_us, f"worker{worker}", f"worker{worker}#2", "main.py", 20_000))
            for worker in range(WORKERS)
            if code_us == at_s * 1_000_000
        ]
        writer.submit([rows, *saves]).result(60)
    writer.close()


def _measures(at_s: int, code_us: int, each: int) -> Iterator[Measure]:
    for kind in range(KINDS):
        outcome = "5xx" if kind % 2 else "2xx"
        series = Series("webhook", f"worker{kind % WORKERS}", f"event.{kind // 2}", "v1", outcome)
        yield Measure(at_s, series, code_us, Histogram.of(_CHANCE.choices(TAKEN_US, k=each)))


def _ms(work: Callable[[], object], rounds: int) -> float:
    """Return how long something takes: the median, in milliseconds of this process."""
    taken: list[float] = []
    for _ in range(rounds):
        began_s = time.process_time()
        work()
        taken.append((time.process_time() - began_s) * 1000)
    return round(statistics.median(taken), 2)
