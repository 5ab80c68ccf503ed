"""Mark what was under way when an engine ended, and note that another one begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.model import Retry, State
from kiket_console.store.batch import attempt_values, write_counters

if TYPE_CHECKING:
    import sqlite3

    from kiket_console.store.records import Committed

SENTENCE = "The engine ended before an answer was recorded."


def begin_session(connection: sqlite3.Connection, newest: Committed) -> tuple[int, Committed]:
    """Note that an engine starts, and mark what another one left under way as interrupted.

    Both in a transaction of its own. Return how many exchanges that were, and where the counters
    are now.
    """
    connection.execute("BEGIN IMMEDIATE")
    under_way = connection.execute(
        "SELECT id, attempts, target, tried_us FROM exchange"
        " WHERE id > (SELECT settled FROM counters) AND state IN ('received', 'held') ORDER BY id"
    ).fetchall()
    connection.executemany(
        "UPDATE exchange SET state = ?, retry = ?, change = ? WHERE id = ?",
        [
            (State.INTERRUPTED.value, _retry(row[1]), change, row[0])
            for change, row in enumerate(under_way, start=newest.newest_change + 1)
        ],
    )
    ended = (State.INTERRUPTED.value, None, None, SENTENCE)
    connection.executemany(
        "INSERT OR IGNORE INTO attempt VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        [
            attempt_values(exchange_id, begun, ended, None)
            for exchange_id, *begun in under_way
            if begun[0]
        ],
    )
    newest = replace(newest, newest_change=newest.newest_change + len(under_way))
    write_counters(connection, newest)
    connection.execute("UPDATE counters SET settled = exchange")
    connection.execute(
        "INSERT INTO session (started_us, first_exchange) VALUES (?,?)",
        (time.time_ns() // 1000, newest.newest_exchange + 1),
    )
    connection.execute("COMMIT")
    return len(under_way), newest


def _retry(attempts: int) -> str:
    """Return what becomes of a delivery whose newest attempt nobody saw the end of.

    The code may have acted upon it, so it is tried no more, if it was to be at all.
    """
    return Retry.GIVEN_UP.value if attempts > 1 else Retry.NONE.value
