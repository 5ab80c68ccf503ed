"""How long it takes to see the timeline of a delivery that caused 10,000 exchanges.

With 2,000 spans, 10,000 log lines, and chains of causes as deep as they get. What the screen does
at once (the first 300 of each, and a page of rows), what it does beside that in a thread (all of
them), and what each further page and fold costs. `count` is what the tab's label takes.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_console.model import Body, Message, Source, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, NewExchange, NewLog, NewSpan, Row
from kiket_console.store.writer import Writer
from kiket_console.telemetry.nouns import Span
from kiket_console.tracing.kin import MOST
from kiket_console.tracing.tree import timeline
from kiket_console.ui.paint.timeline import TimelineRows
from kiket_console.ui.timeline_tab import AT_ONCE, COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = 10_000
BEGAN_US = 1_795_183_507_112_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PAGE = 50
WIDTH = 120
GOALS = {
    "count_ms": "<= 5",
    "first_ms": "<= 50",
    "all_ms": "<= 750",
    "page_ms": "<= 8",
    "fold_ms": "<= 30",
}


def measure(quick: bool) -> dict[str, Any]:
    """Read, grow and paint one large timeline; return medians of processor time (ms) and goals."""
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite3"
        writer = Writer(path)
        for rows in _told():
            writer.submit(rows).result(timeout=60)
        writer.close()
        with Reader(path) as reader:
            shown = _rows(reader, MOST)
            at = iter(range(0, shown.count, PAGE))
            return {
                "benchmark": "the timeline of a delivery that caused 10,000 exchanges",
                "rounds": rounds,
                "bars": len(shown.shown.bars),
                "deepest": shown.shown.deepest,
                "count_ms": _median(rounds, lambda: reader.kin_count(1, COUNTED)),
                "first_ms": _median(rounds, lambda: _page(_rows(reader, AT_ONCE), 0)),
                "all_ms": _median(rounds, lambda: _page(_rows(reader, MOST), 0)),
                "page_ms": _median(rounds, lambda: _page(shown, next(at))),
                "fold_ms": _median(rounds, lambda: shown.fold(shown.asked_row)),
                "goals": GOALS,
            }


def _rows(reader: Reader, most: int) -> TimelineRows:
    kin = reader.kin(1, most)
    assert kin is not None
    now_us = BEGAN_US + 9_000_000
    return TimelineRows(timeline(kin, now_us), WIDTH, now_us)


def _page(shown: TimelineRows, top: int) -> None:
    for row in range(top, min(shown.count, top + PAGE)):
        shown.line(row)


def _told() -> Iterator[list[Row]]:
    """Yield the rows of the store: each call was caused by the delivery or by an earlier call."""
    rows = _exchange(1, None, 0, 8_000_000)
    for number in range(2, CALLS + 2):
        parent = 1 if number % 3 else number - 1 if number < CALLS // 2 else number * 7 // 11
        at_us = number * 700
        rows += _exchange(number, parent, at_us, 600)
        rows.append(
            NewLog(BEGAN_US + at_us, "marketing", "log", "INFO", "app", "scored", TRACE, number)
        )
        if number % 5 == 0:
            span = Span(
                0, TRACE, f"{number:016x}", "", number, "marketing", "client", "SELECT",
                BEGAN_US + at_us, 500, "ok", "", (("db.system", "postgresql"),),
            )  # fmt: skip
            rows.append(NewSpan(span))
        if len(rows) > 1_000:
            yield rows
            rows = []
    yield rows


def _exchange(number: int, parent: int | None, at_us: int, took_us: int) -> list[Row]:
    source, name = (Source.WEBHOOK, "issue.created") if parent is None else (Source.API, "GET x")
    return [
        NewExchange(
            number, source, "marketing", name, "", "POST", "/", BEGAN_US + at_us, State.RECEIVED,
            Message((("content-type", "application/json"),), Body(b"{}", 2)), trace_id=TRACE,
            parent_id=parent,
        ),
        NewAttempt(number, 1, "marketing#1", BEGAN_US + at_us),
        AttemptEnd(number, 1, State.FORWARDED, 200, took_us, ""),
    ]  # fmt: skip


def _median(rounds: int, do: Callable[[], object]) -> float:
    """Return the median processor time (ms) of rounds, after one that counts for nothing."""
    taken: list[float] = []
    for turn in range(rounds + 1):
        began = time.thread_time()
        do()
        if turn:
            taken.append((time.thread_time() - began) * 1000)
    return round(statistics.median(taken), 2)
