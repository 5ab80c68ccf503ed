"""A sentence beside a line that is typed into: whole where there is room, its sign in its place."""

from __future__ import annotations

import pytest

from kiket_console.text import cell_width
from kiket_console.ui.paint.line import line_width
from kiket_console.ui.paint.pointed import MOST, pointed

SENTENCE = 'There is no field "evnt". Write "evnt:x" in quotes to search for the text itself.'


def shown(column: int | None, width: int, *, is_below: bool = True) -> list[str]:
    lines = pointed(SENTENCE, "error", column, width, is_below=is_below)
    assert all(line_width(line) <= width for line in lines)
    return ["".join(text for text, _ in line) for line in lines]


def test_it_is_one_line_right_of_its_sign_where_that_fits() -> None:
    assert shown(3, 100) == [f"   ▲ {SENTENCE}"]


def test_it_goes_on_in_further_lines_below_its_sign() -> None:
    first, second = shown(6, 60)
    assert first.startswith("      ▲ There is")
    assert second.startswith("        ")
    assert f"{first.strip()} {second.strip()}" == f"▲ {SENTENCE}"


def test_above_the_line_the_sign_stands_in_the_last_row() -> None:
    first, last = shown(6, 60, is_below=False)
    assert "▼" not in first
    assert last.index("▼") == 6


@pytest.mark.parametrize("is_below", [True, False])
def test_it_stands_left_of_a_sign_that_is_far_to_the_right(is_below: bool) -> None:
    lines = shown(50, 60, is_below=is_below)
    sign = lines[0 if is_below else -1]
    assert sign.index("▲" if is_below else "▼") == 50
    assert " ".join(line.strip(" ▲▼") for line in lines) == SENTENCE


def test_without_a_place_it_is_only_said() -> None:
    assert " ".join(line.strip() for line in shown(None, 50)) == SENTENCE


@pytest.mark.parametrize("width", [8, 20, 33, 80])
@pytest.mark.parametrize("column", [None, 0, 5, 19, 79])
def test_it_never_takes_more_lines_than_are_its_due(width: int, column: int | None) -> None:
    lines = pointed("wörd 界 " * 60, "error", column, width, is_below=True)
    assert 1 <= len(lines) <= MOST
    assert all(cell_width(line[0][0]) <= max(width, 12) for line in lines)
    assert "…" in lines[-1][0][0]
