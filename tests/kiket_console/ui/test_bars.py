"""Bars of one line: what gives way where there is not enough room."""

from __future__ import annotations

import pytest

from kiket_console.ui.paint.line import joined, line_width
from kiket_console.ui.widgets.bars import GAP, PlacesBar, Rule

ENDED = ("next try in 1 m 29 s", "6 attempts", "3.0 s", "answered 504", "failed ✗")


@pytest.mark.parametrize(
    ("width", "title", "said"),
    [
        (120, "24 issue.assigned v1", "next try in 1 m 29 s · 6 attempts · 3.0 s · answered 504"),
        (80, "24 issue.assigned v1", " ─ 6 attempts · 3.0 s · answered 504 · failed ✗ ─"),
        (60, "24 issue.assigned v1", "─ 3.0 s · answered 504 · failed ✗ ─"),
        (40, "24 issue.assigned v1", "─ failed ✗ ─"),
        (80, "24 issue.assigned v1 ✎ " + "a note " * 20, "answered 504 · failed ✗ ─"),
    ],
)
def test_how_it_ended_stays_longest_in_a_rule(width: int, title: str, said: str) -> None:
    """The title keeps its name, unless it takes more than half of the rule."""
    rule = Rule()
    rule.show(title, joined([[(each, "")] for each in ENDED], GAP))
    line = rule.line(width)

    text = "".join(text for text, _ in line)
    assert line_width(line) == width
    assert text.startswith("─ 24 issue.assigned")
    assert said.strip() in " ".join(text.replace("─", " ─ ").split())


PLACES = [(str(n), name, name.lower()) for n, name in enumerate(("Traffic", "Logs", "Metrics"), 1)]


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (40, " 1 Traffic   2 Logs   3 Metrics"),
        (30, " 1 Traffic  2 Logs  3 Metrics"),
        (27, " 1 Traffic 2 Logs 3 Metrics"),
        (26, " 1  2 Logs  3"),
    ],
)
def test_places_move_together_before_those_that_are_not_shown_lose_their_names(
    width: int, said: str
) -> None:
    line = PlacesBar(PLACES, "logs").line(width)
    assert "".join(text for text, _ in line) == said
