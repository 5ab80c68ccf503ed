"""Curves keep spikes and gaps, axes end at round numbers, last values stand at their height."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.ui.paint.chart import (
    Curve,
    Frame,
    Mark,
    bars,
    cell_of,
    nice,
    plot,
    point_of,
)
from kiket_console.ui.paint.line import line_width

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line


def drawn(*curves: Curve, frame: Frame, top: float) -> list[str]:
    """Return a picture as text, without roles."""
    lines = plot(curves, frame, top=top, write=lambda value: f"{value:.0f}")
    assert {line_width(line) for line in lines} == {frame.width}
    return ["".join(text for text, _ in line) for line in lines]


def roles(line: Line, sign: str) -> set[str]:
    """Return the roles in which a sign is drawn."""
    return {role for text, role in line if sign in text}


def test_an_axis_ends_at_a_round_number_that_is_no_less() -> None:
    assert [nice(each) for each in (0, 0.03, 1, 1.2, 17, 74, 81, 101)] == [
        1, 0.03, 1, 1.5, 20, 80, 100, 150,
    ]  # fmt: skip


def test_a_line_rises_from_the_bottom_to_the_top_of_its_room() -> None:
    assert drawn(Curve([0, 1, 2, 3], "info"), frame=Frame(5, 1, 2, 1), top=3) == ["3 ⣠⠞ "]


def test_what_is_filled_stands_on_the_ground_and_nothing_is_nothing() -> None:
    picture = drawn(Curve([4, 0, 2, None], "info", filled=True), frame=Frame(8, 2, 2, 2), top=4)
    assert picture == ["4 ⣿     ", "0 ⣿ ⣿   "]


def test_a_spike_among_many_points_is_seen() -> None:
    values: list[float | None] = [1.0] * 1_000
    values[503] = 100.0
    picture = drawn(Curve(values, "info"), frame=Frame(24, 6, 2, 2), top=100)
    assert picture[0][2:-2].strip()
    assert all(len(row[2:-2].strip()) <= 2 for row in picture[:-1])


def test_a_gap_stays_a_gap() -> None:
    values = [5.0] * 10 + [None] * 10 + [5.0] * 10
    (row,) = drawn(Curve(values, "info"), frame=Frame(32, 1, 1, 1), top=10)
    assert row[1:-1] == "⠒" * 10 + " " * 10 + "⠒" * 10


def test_fewer_points_than_dots_are_steps() -> None:
    (row,) = drawn(Curve([0, 3], "info"), frame=Frame(12, 1, 1, 1), top=3)
    assert row[1:-1] == "⣀⣀⣀⣀⣀⡏⠉⠉⠉⠉"


def test_a_mark_stands_in_every_row_that_is_free_and_a_pointed_step_over_all() -> None:
    frame = Frame(14, 3, 2, 2, (Mark(5, "warning"),), pointed=8)
    lines = plot([Curve([1.0] * 10, "info", filled=True)], frame, top=3, write=str)
    text = ["".join(text for text, _ in line) for line in lines]
    assert [row[7] for row in text] == ["┊", "┊", "⣿"]
    assert [row[10] for row in text] == ["│", "│", "⣿"]
    assert roles(lines[0], "┊") == {"warning"}
    assert "accent" in roles(lines[2], "⣿")


def test_a_blank_has_the_role_of_what_stands_before_it_so_that_a_line_has_few_pieces() -> None:
    curve = Curve([None, 1.0, None, 1.0, None], "info", "p50")
    (line,) = plot([curve], Frame(12, 1, 2, 5), top=1, write=lambda _: "1")
    assert line == [("1  ", "muted"), ("⠉ ⠉  1   ", "info")]


def test_last_values_stand_at_their_height_and_never_on_each_other() -> None:
    curves = [
        Curve([each], "info", name) for each, name in ((9.0, "p99"), (8.9, "p95"), (1, "p50"))
    ]
    picture = drawn(*curves, frame=Frame(20, 4, 2, 8), top=10)
    assert [row[-7:].strip() for row in picture] == ["p99 9", "p95 9", "", "p50 1"]
    crowded = drawn(*curves, frame=Frame(20, 2, 2, 8), top=10)
    assert [row[-7:].strip() for row in crowded] == ["p99 9", "p95 9"]


def test_a_label_without_room_for_its_name_keeps_its_value() -> None:
    (row,) = drawn(Curve([82], "info", "failed"), frame=Frame(12, 1, 2, 6), top=100)
    assert row.endswith(" 82   ")


@pytest.mark.parametrize("points", [1, 7, 60, 300])
@pytest.mark.parametrize("cells", [1, 12, 90])
def test_a_cell_leads_to_a_point_that_is_drawn_there(points: int, cells: int) -> None:
    for cell in range(cells):
        point = point_of(cell, points, cells)
        assert 0 <= point < points
        if points >= cells:
            assert cell_of(point, points, cells) in (cell - 1, cell)


def test_no_values_at_all_leave_the_axis() -> None:
    assert drawn(Curve([], "info", "p50"), frame=Frame(10, 2, 3, 2), top=1) == [
        " 1        ", " 0        ",
    ]  # fmt: skip


def test_bars_keep_the_greatest_of_their_points_and_show_the_least_as_something() -> None:
    assert bars([1, 8, 1, 1, None, None, 0, 4], 4, top=8) == "█▁ ▄"
    assert bars([0.001], 1, top=8) == "▁"
    assert bars([None], 3, top=0) == "   "
