"""Rows of JSON objects as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.text import cell_width
from kiket_console.ui.paint.table import Table, cell

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

ROWS: list[dict[str, Any]] = [
    {"id": 12, "email": "ada@example.com", "score": 1815, "extra": {"a": [1]}},
    {"id": 3, "email": "größe 🎉 und noch viel mehr Text als in eine Spalte passt", "score": None},
]


def text_of(line: Line) -> str:
    """Return a line without its roles."""
    return "".join(text for text, _ in line)


def test_columns_stand_in_their_order_and_what_else_is_there_comes_last() -> None:
    """A column that no row has a value for stays: it is one of the collection's."""
    table = Table(ROWS, ["id", "note", "email"])

    assert text_of(table.header(120)).split() == ["id", "note", "email", "score", "extra"]


def test_numbers_stand_right_and_nothing_is_said_to_be_nothing() -> None:
    table = Table(ROWS)
    first, second = (text_of(table.line(row, 120)) for row in ROWS)

    assert first.startswith("  12  ada@example.com")
    assert second.startswith("   3  größe")
    assert " 1815  " in first
    assert "    -  " in second


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
def test_a_table_is_never_wider_than_the_screen(width: int) -> None:
    """Columns without room are counted in the header, where that has room."""
    table = Table(ROWS)
    for line in (table.header(width), *(table.line(row, width) for row in ROWS)):
        assert cell_width(text_of(line)) <= width


def test_columns_that_have_no_room_are_counted() -> None:
    assert text_of(Table(ROWS).header(40)).rstrip().endswith("+2")


def test_values_are_one_visible_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a row acts on the terminal, and a time reads as everywhere on screen."""
    monkeypatch.setenv("TZ", "UTC")

    assert cell("a\nb\x1b[31m") == ("a⏎b\\x1b[31m", "")
    assert cell("2026-11-20T14:05:07.123Z") == ("2026-11-20 14:05:07", "muted")
    assert cell("2026-99-20T14:05:07Z")[0] == "2026-99-20T14:05:07Z"
    assert cell(True) == ("true", "word")
    assert cell({"a": [1, None]}) == ('{"a": [1, null]}', "muted")
    assert len(cell("x" * 10_000)[0]) < 400
