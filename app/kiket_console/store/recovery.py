"""Mark what was under way when an engine ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kiket_console.model import State
from kiket_console.store import digests
from kiket_console.store.batch import write_counters

if TYPE_CHECKING:
    import sqlite3

    from kiket_console.store.records import Committed

SENTENCE = "The engine ended before an answer was recorded."


def interrupt_unfinished(
    connection: sqlite3.Connection, newest: Committed
) -> tuple[int, Committed]:
    """Mark what an engine left under way as interrupted, in a transaction of its own.

    Return how many exchanges that were, and where the counters are now.
    """
    connection.execute("BEGIN IMMEDIATE")
    unfinished = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM exchange WHERE id > (SELECT settled FROM counters)"
            " AND state IN ('received', 'held') ORDER BY id"
        )
    ]
    connection.executemany(
        "UPDATE exchange SET state = ?, change = ? WHERE id = ?",
        [
            (State.INTERRUPTED.value, change, exchange_id)
            for change, exchange_id in enumerate(unfinished, start=newest.newest_change + 1)
        ],
    )
    attempts = [
        attempt
        for exchange_id in unfinished
        for attempt in connection.execute(
            "SELECT exchange_id, number FROM attempt WHERE exchange_id = ? AND state = ?",
            (exchange_id, State.RECEIVED.value),
        )
    ]
    ended = (State.INTERRUPTED.value, None, None)
    connection.executemany(
        "UPDATE attempt SET state = ?, error = ?, end_digest = ?"
        " WHERE exchange_id = ? AND number = ?",
        [
            (ended[0], SENTENCE, digests.digest(*attempt, *ended, SENTENCE, None), *attempt)
            for attempt in attempts
        ],
    )
    newest = replace(newest, newest_change=newest.newest_change + len(unfinished))
    write_counters(connection, newest)
    connection.execute("UPDATE counters SET settled = exchange")
    connection.execute("COMMIT")
    return len(unfinished), newest
