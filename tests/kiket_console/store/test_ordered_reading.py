from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.model import State
from kiket_console.order import Column, Order
from kiket_console.store import ordered_reading
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, Remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.writer import Writer


@pytest.fixture
def reader(path: Path, writer: Writer, arrived: Any) -> Iterator[Reader]:
    """Return a reader of six exchanges: the last is under way, the fifth was never answered."""
    names = ("b.two", "a.one", "B.one", "c", "a.one", "c")
    endings = ((200, 30), (500, 10), (204, 30), (404, 20), (None, 40))
    rows: list[Any] = [
        arrived(number, b"x" * (10 - number), name=name) for number, name in enumerate(names, 1)
    ]
    for number, (status, took_us) in enumerate(endings, 1):
        state = State.FAILED if status is None else State.FORWARDED
        rows += [
            NewAttempt(number, 1, "marketing#1", 5),
            AttemptEnd(number, 1, state, status, took_us),
        ]
    writer.submit(rows).result(120)
    with Reader(path) as reader:
        yield reader


ORDERS = (
    (Order(Column.TIME, is_reversed=True), [6, 5, 4, 3, 2, 1]),
    (Order(Column.DURATION), [5, 1, 3, 4, 2, 6]),
    (Order(Column.DURATION, is_reversed=True), [2, 4, 1, 3, 5, 6]),
    (Order(Column.SIZE), [1, 2, 3, 4, 5, 6]),
    (Order(Column.STATUS), [5, 2, 4, 3, 1, 6]),
    (Order(Column.STATUS, is_reversed=True), [1, 3, 4, 2, 5, 6]),
    (Order(Column.EVENT), [2, 5, 3, 1, 4, 6]),
    (Order(Column.WORKER), [1, 2, 3, 4, 5, 6]),
    (Order(Column.SOURCE, is_reversed=True), [1, 2, 3, 4, 5, 6]),
)


def test_exchanges_are_put_in_order_and_what_is_equal_stays_in_order_of_time(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for order, expected in ORDERS:
        assert list(reader.ordered(order, range(1, 7))) == expected, order
    monkeypatch.setattr(ordered_reading, "FEW", 2)
    for order, expected in ORDERS:
        assert list(reader.ordered(order, range(1, 7))) == expected, order


def test_no_others_are_among_them_however_many_are_asked_for(
    reader: Reader, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.submit([Remove((3,), 5)]).result(120)
    for few in (10, 2):
        monkeypatch.setattr(ordered_reading, "FEW", few)
        assert list(reader.ordered(Order(Column.DURATION), [1, 3, 4, 6])) == [1, 4, 6]
    assert not reader.ordered(Order(Column.DURATION), [])
