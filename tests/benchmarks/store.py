"""How the store writes, and reads a million exchanges of about 2 KB.

ingest      exchanges through the store's writer, durable (`full`) with all its indexes, counters
            and checks, as the engine hands them over: an arrival, then its end
plain       the same finished rows, inserted by a bare connection in durable batches of 100

They take turns on one file that holds a million already (1/20 of that with --quick). Then pages
are read as the screen reads them, and scans run that filters and searches come down to; and the
oldest exchanges are purged as retention does it, while others are recorded, one at a time. Figures
are exchanges per second and milliseconds; the ratio is of work per processor second.

The file is a copy of the one that other benchmarks read (`_million`).
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tests.benchmarks import _million as million
from tests.benchmarks._million import BATCH, KEYS, PER_EXCHANGE, ROWS, SEED, made

from kiket_console.engine.retention import Retention
from kiket_console.store import purging
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

PAGE = 50
KEPT = 0.99
"""Of the store, so much may stay when it is purged; what goes is a few hundredths more."""
PURGE_LIMIT_S = 60.0
ASK_EVERY_S = 0.005
SCANS = {
    "status_first": ("status = 500", PAGE),
    "status_complete": ("status = 500", -1),
    "status_range_complete": ("status >= 500", -1),
    "event_first": ("name = 'rare.event'", PAGE),
    "event_complete": ("name = 'rare.event'", -1),
    "trace_complete": ("trace_id = '00000000000000000000000000000000'", -1),
}
"""Conditions on metadata, newest first; -1: to the end of the table."""
GOALS = {
    "ingest_of_plain": ">= 0.5",
    "reads_ms.last_page.median": "<= 0.3",
    "reads_ms.middle_page.median": "<= 0.3",
    "reads_ms.scan_status_first.median": "<= 50",
    "reads_ms.scan_event_first.median": "<= 50",
    "reads_ms.scan_status_complete.median": "<= 400",
    "reads_ms.scan_event_complete.median": "<= 400",
    "reads_ms.scan_trace_complete.median": "<= 400",
    "reads_ms.substring_recent.median": "<= 200",
}


class Ingest(NamedTuple):
    """What one turn of writing came to."""

    per_s: float
    per_cpu_s: float


def measure(quick: bool) -> dict[str, Any]:
    """Write and read a large store; return figures, ratios and goals."""
    rows, rounds, count, repeats = (ROWS // 20, 3, 2_000, 20) if quick else (ROWS, 5, 10_000, 100)
    with tempfile.TemporaryDirectory(prefix="kcbench") as place:
        began_s = time.perf_counter()
        path = Path(shutil.copy(made(rows), place))
        made_s = time.perf_counter() - began_s
        size = path.stat().st_size
        with Reader(path) as reader:
            rows = len(reader.ids())
        taken = _ingest(path, rounds, count)
        with Reader(path) as reader:
            reads = _reads(reader, repeats)
        reads |= _scans(path, max(3, repeats // 10))
        purge = asyncio.run(_purge(path))
    return {
        "benchmark": f"a store of {rows:,} exchanges",
        "rows": rows,
        "made_s": round(made_s, 1),
        "disk_mb": round(size / 1e6),
        "bytes_per_exchange": round(size / rows),
        "sqlite": sqlite3.sqlite_version,
        "exchanges_per_s": {
            name: {
                field: round(statistics.median(getattr(each, field) for each in turns))
                for field in Ingest._fields
            }
            for name, turns in taken.items()
        },
        "reads_ms": reads,
        "purge": purge,
        "ratios": {
            "ingest_of_plain": _ratio(taken, "per_cpu_s"),
            "ingest_of_plain_by_the_clock": _ratio(taken, "per_s"),
        },
        "goals": GOALS,
    }


def _ratio(taken: dict[str, list[Ingest]], field: str) -> float:
    pairs = zip(taken["ingest"], taken["plain"], strict=True)
    ratios = [float(getattr(ours, field) / getattr(plain, field)) for ours, plain in pairs]
    return round(statistics.median(ratios), 3)


# Writing


def _ingest(path: Path, rounds: int, count: int) -> dict[str, list[Ingest]]:
    """Write through the writer and through a bare connection in turn, a round more than counts."""
    taken: dict[str, list[Ingest]] = {"ingest": [], "plain": []}
    for _ in range(rounds + 1):
        writer = Writer(path, "full")
        try:
            exchanges = list(million.exchanges(writer.newest.newest_exchange + 1, count))
            taken["ingest"].append(_timed(count, partial(million.write, writer, exchanges)))
        finally:
            writer.close()
        with closing(million.bare(path)) as connection:
            finished = _finished(connection, count)
            taken["plain"].append(_timed(count, partial(_insert, connection, finished)))
            million.recount(connection)
    return {name: turns[1:] for name, turns in taken.items()}


def _timed(count: int, work: Callable[[], None]) -> Ingest:
    cpu_s, began_s = time.process_time(), time.perf_counter()
    work()
    took_s, used_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    return Ingest(count / took_s, count / used_s)


def _finished(connection: sqlite3.Connection, count: int) -> list[dict[str, list[tuple[Any, ...]]]]:
    """Return batches of *count* new exchanges' finished rows, by table."""
    newest: int = connection.execute("SELECT max(id) FROM exchange").fetchone()[0]
    batches = []
    for start in range(1, count, BATCH):
        batch = {}
        for table, key in KEYS.items():
            per = PER_EXCHANGE[table]
            rows = connection.execute(
                f"SELECT * FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}",  # noqa: S608 (ours)
                (start * per, (start + BATCH) * per - 1),
            )
            batch[table] = [(row[0] + newest * per, *row[1:]) for row in rows]
        batches.append(batch)
    return batches


def _insert(
    connection: sqlite3.Connection, batches: Sequence[dict[str, list[tuple[Any, ...]]]]
) -> None:
    """Insert batches, each durable when its transaction ends."""
    for batch in batches:
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in batch.items():
            places = ",".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 (ours)
        connection.execute("COMMIT")


# Reading


def _reads(reader: Reader, repeats: int) -> dict[str, dict[str, float]]:
    """Return how long reads of the screen take."""
    began_s = time.perf_counter()
    ids = reader.ids()
    all_ids_ms = round((time.perf_counter() - began_s) * 1000, 1)
    middle = len(ids) // 2
    chance = random.Random(SEED)  # noqa: S311 (places, not secrets)
    return {
        "all_ids": {"median": all_ids_ms},
        "last_page": _repeated(repeats, lambda: reader.page(ids[-PAGE:])),
        "middle_page": _repeated(repeats, lambda: reader.page(ids[middle : middle + PAGE])),
        "random_page": _repeated(
            repeats, lambda: reader.page(ids[(at := chance.randrange(middle)) : at + PAGE])
        ),
        "detail": _repeated(repeats, lambda: reader.detail(ids[chance.randrange(len(ids))])),
        "newest": _repeated(repeats, reader.newest),
    }


def _scans(path: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Return how long scans take that filters and searches come down to."""
    found = {}
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:

        def run(sql: str, *values: object) -> list[Any]:
            return connection.execute(sql, values).fetchall()

        for name, (condition, limit) in SCANS.items():
            sql = (
                # by the rows themselves: the index of what is not deleted leads to nearly all
                f"SELECT id FROM exchange WHERE {condition} AND +deleted_us IS NULL"  # noqa: S608 (ours)
                f" ORDER BY id DESC LIMIT {limit}"
            )
            found[f"scan_{name}"] = _repeated(repeats, partial(run, sql))
        substring = (
            "SELECT exchange_id FROM request WHERE instr(body, ?) > 0"
            " ORDER BY exchange_id DESC LIMIT ?"
        )
        found["substring_recent"] = _repeated(repeats, lambda: run(substring, b"zebracorn", 10))
        found["substring_complete"] = _repeated(1, lambda: run(substring, b"nowhere at all", 10))
    return found


def _repeated(repeats: int, read: Callable[[], object]) -> dict[str, float]:
    """Return median and 99th percentile of the times of a read, after one that does not count."""
    read()
    taken_ms = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        read()
        taken_ms.append((time.perf_counter() - began_s) * 1000)
    return _spread(taken_ms)


def _spread(taken_ms: list[float]) -> dict[str, float]:
    ordered = sorted(taken_ms)
    return {
        "median": round(statistics.median(ordered), 3),
        "p99": round(ordered[len(ordered) * 99 // 100], 3),
    }


# Purging


async def _purge(path: Path) -> dict[str, Any]:
    """Purge for size; return how fast, and how long commits take without it and meanwhile."""
    with closing(million.bare(path)) as connection:
        megabytes = int(purging.used_bytes(connection) * KEPT / 1e6)
    writer = Writer(path, "full")
    try:
        before_ms: list[float] = []
        await _record(writer, before_ms, asyncio.sleep(1.0))
        retention = Retention(writer, days=0, megabytes=megabytes, on_log=lambda _: None)
        meanwhile_ms: list[float] = []
        began_s = time.perf_counter()
        async with asyncio.timeout(PURGE_LIMIT_S):
            exchanges, _ = await _record(writer, meanwhile_ms, retention.sweep())
        took_s = time.perf_counter() - began_s
    finally:
        writer.close()
    return {
        "exchanges": exchanges,
        "per_s": round(exchanges / took_s),
        "commit_ms": {"before": _spread(before_ms), "meanwhile": _spread(meanwhile_ms)},
    }


async def _record(writer: Writer, taken_ms: list[float], until: Awaitable[T]) -> T:
    """Record one exchange after the other while *until* is awaited, noting what each took."""
    ending = asyncio.ensure_future(until)
    while not ending.done():
        [exchange] = million.exchanges(writer.newest.newest_exchange + 1, 1)
        began_s = time.perf_counter()
        await asyncio.wrap_future(writer.submit((*exchange.arrival, *exchange.end)))
        taken_ms.append((time.perf_counter() - began_s) * 1000)
        await asyncio.sleep(ASK_EVERY_S)
    return await ending
