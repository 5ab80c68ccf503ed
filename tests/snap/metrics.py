"""Fifteen minutes of calls for pictures and tests of Metrics: three saves, one of which hurt."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from msgspec.structs import replace
from tests.snap import scene

from kiket_console.store.records import AddMeasures, NewReload
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Reload, Series

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW_S = scene.NOW_US // 1_000_000
BEGIN_S = NOW_S - 870
STARTED = Reload((BEGIN_S - 400) * 1_000_000, "marketing", "marketing#1", "", 412_000)
SAVES = (
    Reload((NOW_S - 640) * 1_000_000 + 112_000, "marketing", "marketing#2", "app.py", 31_000),
    Reload(
        (NOW_S - 420) * 1_000_000, "marketing", "marketing#3", "crm.py", 28_000,
        "NameError: name 'contacs' is not defined",
    ),
    Reload((NOW_S - 385) * 1_000_000, "marketing", "marketing#3", "crm.py", 33_000),
    Reload(NOW_S * 1_000_000 - 95_000_000, "marketing", "marketing#4", "app.py", 29_000),
)  # fmt: skip
HURT = SAVES[2]
"""Since this one `issue.transitioned v1` waits for the CRM."""
CODES = (STARTED.at_us, SAVES[0].at_us, SAVES[2].at_us, SAVES[3].at_us)

CREATED = Series("webhook", "marketing", "issue.created", "v1", "2xx")
UPDATED = Series("webhook", "marketing", "issue.updated", "v2", "2xx")
MOVED = Series("webhook", "marketing", "issue.transitioned", "v1", "2xx")
BREACH = Series("webhook", "marketing", "sla.breach", "v1", "2xx")
LOG = Series("api", "marketing", "POST extensions/logs", "", "2xx")
CONTACTS = Series("api", "marketing", "GET custom_data/contacts", "", "2xx")
BILL = Series("ipc", "billing", "invoice.of", "", "ok")
PAID = Series("producer", "marketing", "payment.processed", "", "2xx")
PACE = {CREATED: 34, UPDATED: 21, MOVED: 5, BREACH: 1, LOG: 52, CONTACTS: 5, BILL: 40, PAID: 3}
"""About how many in ten seconds."""
TYPICAL_US = {
    CREATED: 3_100, UPDATED: 2_700, MOVED: 6_100, BREACH: 1_500, LOG: 420, CONTACTS: 3_800,
    BILL: 90, PAID: 61_000,
}  # fmt: skip


def measures() -> Iterator[Measure]:
    """Return what was measured, in steps of ten seconds; the same each time."""
    chance = random.Random(8)  # noqa: S311 (a story)
    for at_s in range(BEGIN_S, NOW_S, 10):
        wave = 1 + 0.45 * math.sin(at_s / 71) + 0.2 * math.sin(at_s / 19)
        if NOW_S - 400 < at_s < NOW_S - 355:
            wave *= 0.1  # lunch
        code_us = max((each for each in CODES if each <= at_s * 1_000_000), default=0)
        for series, pace in PACE.items():
            ended = [
                _taken_us(chance, series, at_s)
                for _ in range(int(pace * wave * chance.uniform(0.8, 1.2) + chance.random()))
            ]
            failed = [each for each in ended if chance.random() < _failing(series, at_s)]
            well = ended[len(failed) :]
            of = code_us if series.worker == "marketing" else 0
            if well:
                yield Measure(at_s, series, of, Histogram.of(well))
            if failed:
                worse = replace(series, outcome="5xx")
                yield Measure(at_s, worse, of, Histogram.of(failed))


def _taken_us(chance: random.Random, series: Series, at_s: int) -> int:
    taken_us = chance.lognormvariate(math.log(TYPICAL_US[series]), 0.35)
    if series in (MOVED, CONTACTS) and at_s * 1_000_000 >= HURT.at_us:
        taken_us += chance.gammavariate(4, 9_000)
    elif chance.random() < 0.02:
        taken_us *= chance.uniform(2, 6)
    return int(taken_us)


def _failing(series: Series, at_s: int) -> float:
    if series is MOVED:
        return 0.09 if at_s * 1_000_000 >= HURT.at_us else 0.0
    return 0.05 if series is UPDATED and NOW_S - 560 < at_s < NOW_S - 500 else 0.001


def tell_of_calls(story: scene.Story) -> None:
    """Tell the usual story, and what was measured around it."""
    scene.tell(story)
    story.rows += [NewReload(each) for each in (STARTED, *SAVES)]
    story.rows.append(AddMeasures(tuple(measures())))
