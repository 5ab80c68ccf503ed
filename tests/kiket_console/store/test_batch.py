from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiket_console.model import Body, Message, Source, State
from kiket_console.store import schema
from kiket_console.store.batch import Batch, Running, read_counters
from kiket_console.store.records import (
    AttemptEnd,
    NewAttempt,
    NewExchange,
    NewLog,
    Remove,
    Restore,
    SetNote,
    SetPinned,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.store.records import Row

ANSWER = Message((("A", "1"),), Body(b"yes", 3, b"s" * 32))


def arrived(exchange_id: int, **fields: Any) -> NewExchange:
    values: dict[str, Any] = {"state": State.HELD, "request": Message((), Body(b"{}", 2, b"h"))}
    return NewExchange(
        exchange_id, Source.WEBHOOK, "m", "e", "v1", "POST", "/", 5, **(values | fields)
    )


@st.composite
def lives(draw: st.DrawFn) -> list[list[Row]]:
    """Return for each of some exchanges what becomes of it, in order, and log lines and edits."""
    found: list[list[Row]] = []
    for exchange_id in range(1, draw(st.integers(1, 4)) + 1):
        life: list[Row] = [arrived(exchange_id)]
        for number in range(1, draw(st.integers(0, 3)) + 1):
            life.append(NewAttempt(exchange_id, number, f"m#{number}", 10 * number))
            if draw(st.booleans()):
                life.append(NewAttempt(exchange_id, number, f"m#{number}b", 10 * number + 5))
            answer = draw(st.sampled_from([None, ANSWER]))
            life.append(AttemptEnd(exchange_id, number, State.FAILED, 500, 7, "no", answer))
        if draw(st.booleans()):
            life.append(SetPinned(exchange_id, True))
        if draw(st.booleans()):
            life.append(SetNote(exchange_id, f"see #{exchange_id}"))
        if draw(st.booleans()):
            life.append(Remove((exchange_id, 99), 5))
            if draw(st.booleans()):
                life.append(Restore((exchange_id,)))
        life.append(NewLog(5, "m", "stdout", "", "", "hi", "", exchange_id))
        found.append(life)
    return found


@given(lives(), st.data())
def test_rows_grouped_in_batches_leave_what_rows_written_one_by_one_leave(
    lives: list[list[Row]], data: st.DataObject
) -> None:
    """Whatever the order of different exchanges' rows, and wherever a batch ends."""
    rows: list[Row] = []
    while any(lives):
        life = data.draw(st.sampled_from([each for each in lives if each]))
        rows.append(life.pop(0))
    ends = sorted(data.draw(st.sets(st.integers(0, len(rows)))))
    batches = [rows[a:b] for a, b in zip([0, *ends], [*ends, len(rows)], strict=True)]

    assert _written(batches) == _written([[row] for row in rows])


@pytest.mark.parametrize("remembered", [True, False])
def test_an_attempt_ends_where_it_began_though_nobody_remembers_it(remembered: bool) -> None:
    """What is under way is remembered; after a failure it is looked up."""
    begun: list[Row] = [arrived(1), NewAttempt(1, 1, "m#1", 10)]
    ended: list[Row] = [AttemptEnd(1, 1, State.FORWARDED, 200, 7, "", ANSWER)]

    tables = _written([begun, ended], forget=not remembered)

    assert [row[:7] for row in tables["attempt"]] == [(4097, "m#1", 10, "forwarded", 200, 7, "")]


def test_an_attempt_of_an_exchange_that_was_refused_is_nowhere() -> None:
    """Who waits for the exchange was told; what follows is not an error of its own."""
    tables = _written([[NewAttempt(7, 1, "m#1", 5)], [AttemptEnd(7, 1, State.FORWARDED, 200, 1)]])

    assert tables["exchange"] == tables["attempt"] == []


def test_an_end_without_an_attempt_is_the_exchanges_alone() -> None:
    """As when there was no worker to send it to."""
    tables = _written([[arrived(1), AttemptEnd(1, 1, State.REJECTED, 503, 0, "nobody")]])

    assert tables["attempt"] == []
    assert tables["exchange"][0][9:11] == ("rejected", 503)


def test_an_attempt_that_its_id_cannot_hold_is_refused() -> None:
    begun: list[Row] = [arrived(1), NewAttempt(1, 4096, "m#1", 5)]

    with pytest.raises(ValueError, match=r"An exchange has 4,095 attempts at most\."):
        _written([[*begun, AttemptEnd(1, 4096, State.FORWARDED, 200, 1)]])


def _written(
    batches: Sequence[Sequence[Row]], *, forget: bool = False
) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of a store that *batches* were written to."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        newest = read_counters(connection)
        running: Running = {}
        for rows in batches:
            connection.execute("BEGIN")
            batch = Batch(connection, newest, running)
            for row in rows:
                batch.add(row)
            newest = batch.write()
            connection.execute("COMMIT")
            assert newest.exchanges == _count(connection, "exchange")
            assert newest.logs == _count(connection, "log")
            if forget:
                running.clear()
        return {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - ours
            for table in ("exchange", "request", "attempt", "log", "counters")
        }


def _count(connection: sqlite3.Connection, table: str) -> int:
    found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - ours
    return found
