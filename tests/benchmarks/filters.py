"""How long a filter takes over a million exchanges, as the filter bar of the console asks it.

The scan is the one that runs behind the list, newest first and step by step, here without a screen:
until it has the first 50 hits (10 where it looks into bodies), and until all was looked at.
Every thousandth exchange is out of the ordinary, so that 50 hits lie within the newest 50,000. The
store has 1,000,000 exchanges (1/20 of that with --quick).

bare        the same question in one statement of SQL, to its end (the limit of a complete scan)
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from tests.benchmarks._million import ROWS, made

from kiket_console.store.reader import Reader
from kiket_console.ui.scan import Scan
from kiket_console.ui.traffic_filters import TrafficFilters

if TYPE_CHECKING:
    from pathlib import Path

HITS, HITS_INSIDE = 50, 10
"""What is called the first hits; fewer of them where bodies are looked into."""
FILTERS = {
    "status": "status:>=500",
    "event": "event:rare.event",
    "signature": "event:issue.* status:200",
    "trace": "trace:00000000000000000000000000000000",
    "text": "zebracorn",
    "path": "$.issue.id:999500",
}
"""What is typed. `text` and `path` look into bodies."""
BARE = {
    "status": "status >= 500",
    "event": "name = 'rare.event'",
    "trace": "trace_id = '00000000000000000000000000000000'",
}
GOALS = {
    "first_ms.status": "<= 50",
    "first_ms.event": "<= 50",
    "first_ms.text": "<= 200",
    "complete_ms.status": "<= 400",
    "complete_ms.event": "<= 400",
    "complete_ms.trace": "<= 400",
}


def measure(quick: bool) -> dict[str, Any]:
    """Ask each filter in turn; return medians (ms) and goals."""
    rows, rounds = (ROWS // 20, 3) if quick else (ROWS, 5)
    store = made(rows)
    first: dict[str, list[float]] = {name: [] for name in FILTERS}
    complete: dict[str, list[float]] = {name: [] for name in FILTERS}
    matching: dict[str, int] = {}
    for turn in range(rounds + 1):
        for name, text in FILTERS.items():
            first_ms, complete_ms, matching[name] = _scan(store, text)
            if turn:  # the first fills the page cache, and imports the parser
                first[name].append(first_ms)
                complete[name].append(complete_ms)
    return {
        "benchmark": "a filter's first 50 hits, and its way through the whole store",
        "rows": rows,
        "rounds": rounds,
        "first_ms": _medians(first),
        "complete_ms": _medians(complete),
        "matching": matching,
        "bare_sql_ms": _medians({name: _bare(store, where, 3) for name, where in BARE.items()}),
        "goals": GOALS,
    }


def _scan(store: Path, text: str) -> tuple[float, float, int]:
    """Return the time to the first hits and to the end (ms), and how many matched."""
    filters = TrafficFilters(store.parent)
    with Reader(store) as reader:
        reader.newest()  # the connection is open when a person begins to type
        began_s = time.perf_counter()
        wanted = filters.parse(text)
        scan = Scan(filters.sieve(wanted, reader))
        hits = HITS_INSIDE if wanted.looks_inside else HITS
        found, first_s = 0, 0.0
        while not scan.done:
            haul = scan.step()
            if haul is None:
                break
            found += len(haul.matching)
            if not first_s and found >= hits:
                first_s = time.perf_counter()
        end_s = time.perf_counter()
    return ((first_s or end_s) - began_s) * 1000, (end_s - began_s) * 1000, found


def _bare(store: Path, where: str, rounds: int) -> list[float]:
    taken_ms = []
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        for _ in range(rounds):
            began_s = time.perf_counter()
            connection.execute(f"SELECT id FROM exchange WHERE {where}").fetchall()  # noqa: S608 (ours)
            taken_ms.append((time.perf_counter() - began_s) * 1000)
    return taken_ms


def _medians(taken: dict[str, list[float]]) -> dict[str, float]:
    return {name: round(statistics.median(each), 1) for name, each in taken.items()}
