"""Delete for good: a few rows at a time, within the caller's transaction, so that nobody waits.

Pinned exchanges stay, and so do the calls that were made during them and the lines that were
logged; what is under way stays too. What was measured goes by its age alone. Free pages are used
again, so the file stops growing; when they become many, the file gives them back.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.store.rows import ATTEMPTS
from kiket_console.telemetry.nouns import STEPS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

EVER_US = 2**62
"""A moment that nothing comes after."""
STEP_PAGES = 64
STEP_ROWS = 64
"""Exchanges, or four times as many log lines or spans: a millisecond or two of work."""
SAMPLE_ROWS = 64
LOG_ROW_BYTES = 130
"""What a log line takes beside its text, roughly."""
STEP_STEPS = 8
"""So many steps of time are deleted of measures; each has a row for each series."""

_OLDEST_EXCHANGES = (
    "SELECT id, started_us FROM exchange WHERE id > ? AND pinned = 0"
    " AND state NOT IN ('received', 'held') AND deleted_us IS NULL"
    " AND (parent_id IS NULL OR parent_id NOT IN (SELECT id FROM exchange WHERE pinned = 1))"
    " ORDER BY id LIMIT ?"
)
_OLDEST_LOGS = (
    "SELECT id, at_us FROM log WHERE id > ? AND (exchange_id IS NULL"
    " OR exchange_id NOT IN (SELECT id FROM exchange WHERE pinned = 1)) ORDER BY id LIMIT ?"
)
_OLDEST_SPANS = (
    "SELECT id, started_us FROM span WHERE id > ? AND (exchange_id IS NULL"
    " OR exchange_id NOT IN (SELECT id FROM exchange WHERE pinned = 1)) ORDER BY id LIMIT ?"
)
_DELETE_ATTEMPTS = (  # CROSS JOIN keeps the order: a range of rows for each exchange
    "DELETE FROM attempt WHERE id IN (SELECT attempt.id FROM json_each(:ids) CROSS JOIN attempt"
    " ON attempt.id BETWEEN value * :attempts AND (value + 1) * :attempts - 1)"
)


class Purged(NamedTuple):
    """What a step deleted; with `done` there is nothing left for the next one."""

    exchanges: int = 0
    logs: int = 0
    done: bool = True


def purge_removed(connection: sqlite3.Connection, before_us: int) -> Purged:
    """Delete exchanges that a person removed before *before_us*, in Unix microseconds."""
    ids = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM exchange WHERE deleted_us < ? LIMIT ?", (before_us, STEP_ROWS)
        )
    ]
    return Purged(_delete_exchanges(connection, ids), 0, done=len(ids) < STEP_ROWS)


class Oldest:
    """Purge from the oldest on; each call is one step, and goes on where the last one ended."""

    def __init__(self) -> None:
        self._after_exchange = 0
        self._after_log = 0
        self._after_span = 0

    def purge(self, connection: sqlite3.Connection, before_us: int) -> Purged:
        """Delete what is older than *before_us*, in Unix microseconds."""
        exchanges = connection.execute(
            _OLDEST_EXCHANGES, (self._after_exchange, STEP_ROWS)
        ).fetchall()
        old_exchanges = [row[0] for row in exchanges if row[1] < before_us]
        if old_exchanges:
            self._after_exchange = old_exchanges[-1]
        logs = self.purge_logs(connection, before_us)
        spans = connection.execute(_OLDEST_SPANS, (self._after_span, 4 * STEP_ROWS)).fetchall()
        old_spans = [row[0] for row in spans if row[1] < before_us]
        if old_spans:
            self._after_span = old_spans[-1]
            _delete(connection, "span", old_spans)
        measures = purge_measures(connection, before_us // 1_000_000, 0)
        return Purged(
            _delete_exchanges(connection, old_exchanges),
            logs.logs,
            done=len(old_exchanges) < STEP_ROWS
            and logs.done
            and len(old_spans) < 4 * STEP_ROWS
            and measures.done,
        )

    def purge_logs(self, connection: sqlite3.Connection, before_us: int = EVER_US) -> Purged:
        """Delete log lines alone that are older than *before_us*."""
        logs = connection.execute(_OLDEST_LOGS, (self._after_log, 4 * STEP_ROWS)).fetchall()
        old_logs = [row[0] for row in logs if row[1] < before_us]
        if old_logs:
            self._after_log = old_logs[-1]
        deleted = _delete(connection, "log", old_logs)
        return Purged(0, deleted, done=len(old_logs) < 4 * STEP_ROWS)

    def age_of_step(self, connection: sqlite3.Connection) -> int:
        """Return the moment up to which the next step may purge: that of a step's last row.

        Returns 0 when there is nothing to purge.
        """
        exchanges = connection.execute(
            _OLDEST_EXCHANGES, (self._after_exchange, STEP_ROWS)
        ).fetchall()
        if exchanges:
            return int(exchanges[-1][1]) + 1
        logs = connection.execute(_OLDEST_LOGS, (self._after_log, 4 * STEP_ROWS)).fetchall()
        if logs:
            return int(logs[-1][1]) + 1
        spans = connection.execute(_OLDEST_SPANS, (self._after_span, 4 * STEP_ROWS)).fetchall()
        return int(spans[-1][1]) + 1 if spans else 0


def purge_measures(connection: sqlite3.Connection, before_s: int, now_s: int) -> Purged:
    """Delete some of what was measured before *before_s*, or is finer than its age allows.

    Both in Unix seconds; 0 sets no limit.
    """
    done = True
    for step_s, kept_s in STEPS.items():
        until_s = max(before_s, now_s - kept_s if now_s and kept_s else 0)
        for table in ("measure", "sample"):
            oldest_s = connection.execute(
                f"SELECT min(at_s) FROM {table} WHERE step_s = ?",  # noqa: S608 (ours)
                (step_s,),
            ).fetchone()[0]
            if oldest_s is None or oldest_s + step_s > until_s:
                continue
            reach_s = oldest_s + STEP_STEPS * step_s
            connection.execute(
                f"DELETE FROM {table} WHERE step_s = ? AND at_s < ?",  # noqa: S608 (ours)
                (step_s, min(until_s - step_s + 1, reach_s)),
            )
            done &= reach_s > until_s - step_s
    if before_s:
        connection.execute("DELETE FROM reload WHERE at_us < ?", (before_s * 1_000_000,))
    return Purged(done=done)


def purge_series(connection: sqlite3.Connection) -> Purged:
    """Delete the names of what nothing is known of any more."""
    connection.execute(
        "DELETE FROM series WHERE id NOT IN (SELECT series_id FROM measure WHERE step_s = ?)",
        (max(STEPS),),
    )
    return Purged()


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file is in use; its free pages take what comes next."""
    [pages, free, page_bytes] = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def log_bytes(connection: sqlite3.Connection) -> int:
    """Return about how much of the file log lines take, from the size of a few of them."""
    [count] = connection.execute("SELECT logs FROM counters").fetchone()
    [first, last] = connection.execute("SELECT min(id), max(id) FROM log").fetchone()
    if first is None:
        return 0
    spread = [first + (last - first) * number // SAMPLE_ROWS for number in range(SAMPLE_ROWS + 1)]
    [mean] = connection.execute(
        "SELECT avg(length(text) + length(frames) + ?) FROM log"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (LOG_ROW_BYTES, json.dumps(spread)),
    ).fetchone()
    return int(count * mean)  # there is a mean: the first line is one of them


def give_back(connection: sqlite3.Connection) -> Purged:
    """Shorten the file by some pages while more than a quarter of it is free.

    Less than that is kept for what comes next.
    """
    pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count")
    )
    spare = (4 * free - pages) // 3  # without so many, a quarter is free
    for _ in range(min(spare, STEP_PAGES)):
        connection.execute("PRAGMA incremental_vacuum(1)")  # sqlite3 asks it for one page only
    return Purged(done=spare <= STEP_PAGES)


def _delete_exchanges(connection: sqlite3.Connection, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    listed = (json.dumps(ids),)
    connection.execute(
        "DELETE FROM request WHERE exchange_id IN (SELECT value FROM json_each(?))", listed
    )
    connection.execute(_DELETE_ATTEMPTS, {"ids": listed[0], "attempts": ATTEMPTS})
    connection.execute(
        "DELETE FROM span WHERE exchange_id IN (SELECT value FROM json_each(?))", listed
    )
    return connection.execute(
        "DELETE FROM exchange WHERE id IN (SELECT value FROM json_each(?))", listed
    ).rowcount


def _delete(connection: sqlite3.Connection, table: str, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    return connection.execute(
        f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608 (ours)
        (json.dumps(ids),),
    ).rowcount
