"""Figures take few cells, keep their units, and say nothing where nothing is known."""

from __future__ import annotations

import pytest

from kiket_console.telemetry import words
from kiket_console.telemetry.nouns import OTHER, Reload
from kiket_console.telemetry.report import Change, Line, Side

SAVE = Reload(1_000_000, "marketing", "marketing#2", "app.py", 31_000)


def change(before: tuple[int, int], since: tuple[int, int], verdict: str) -> Change:
    """Return a change of p50 and p95 (µs)."""
    return Change(SAVE, Side(100, 0, *before), Side(100, 0, *since), verdict, 0.001)


@pytest.mark.parametrize(
    ("duration_us", "written"),
    [
        (None, "-"), (0, "0 ms"), (80, "0.08 ms"), (3_100, "3.1 ms"), (9_949, "9.9 ms"),
        (9_950, "10 ms"), (41_300, "41 ms"), (999_600, "1.0 s"), (2_340_000, "2.3 s"),
        (252_000_000, "4 m 12 s"),
    ],
)  # fmt: skip
def test_a_duration_has_two_digits_or_three(duration_us: int | None, written: str) -> None:
    assert words.took(duration_us) == written


@pytest.mark.parametrize(
    ("rate", "written"),
    [(0, "0/s"), (12.44, "12/s"), (3.21, "3.2/s"), (0.5, "30/min"), (0.001, "3.6/h")],
)
def test_what_is_rare_is_told_by_minute_or_hour(rate: float, written: str) -> None:
    assert words.per_time(rate) == written


def test_rates_beside_each_other_have_one_unit() -> None:
    assert words.per_time(0.5, at_most=20) == "0.5/s"
    assert words.per_time(0, at_most=0.4) == "0/min"


def test_a_small_share_is_not_none() -> None:
    shares = [words.share(part, 10_000) for part in (0, 3, 48, 480, 10_000)]
    assert shares == ["-", "<0.1 %", "0.5 %", "4.8 %", "100 %"]
    assert words.share(0, 0) == "-"


def test_a_unit_is_written_once_where_both_have_it() -> None:
    assert words.from_to(17_000, 41_000) == "17 → 41 ms"
    assert words.from_to(412_000, 1_200_000) == "412 ms → 1.2 s"
    assert words.from_to(None, 1_200) == "- → 1.2 ms"


def test_a_change_is_told_by_the_percentile_that_bears_the_verdict_out() -> None:
    assert words.moved(change((3_000, 18_000), (9_000, 40_000), "slower"))[0] == "p95"
    by_half = change((3_000, 18_000), (9_000, 19_000), "slower")
    assert words.moved(by_half) == ("p50", 3_000, 9_000)
    assert words.moved(change((9_000, 18_000), (3_000, 18_000), "faster"))[0] == "p50"
    one_was_long = change((3_000, 8_000), (3_000, 80_000), "same")
    assert words.moved(one_was_long) == ("p50", 3_000, 3_000)
    assert words.moved(change((3_000, 8_000), (3_000, 80_000), "few"))[0] == "p95"


def test_a_verdict_has_a_sign_for_those_who_see_no_colours() -> None:
    said = [words.verdict(change((1, 1), (1, 1), each)) for each in ("slower", "faster", "few")]
    assert said == ["slower ✗", "faster ✓", "few calls"]
    assert [words.chance(each) for each in (None, 0.0001, 0.004, 0.35)] == [
        "", "p < 0.001", "p = 0.004", "p = 0.35",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (("webhook", "marketing", "issue.created", "v1", ""), "issue.created v1"),
        (("api", "marketing", "GET contacts", "", ""), "GET contacts"),
        (("ipc", OTHER, OTHER, "", ""), "all others"),
        (("", "marketing", "", "", ""), "marketing"),
        (("", "", "", "", "5xx"), "5xx"),
        (("ipc", "billing", "\x1b[31mpay", "", ""), r"\x1b[31mpay"),
    ],
)
def test_a_row_is_called_by_what_it_stands_for(
    row: tuple[str, str, str, str, str], named: str
) -> None:
    line = Line(*row, 1, 0, 1.0, 1, 1, 1, 1, None, None, (), ())
    assert words.name(line) == named
