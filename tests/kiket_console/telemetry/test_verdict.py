"""Slower, faster or the same: by ranks, so that one outlier says nothing."""

from __future__ import annotations

import pytest

from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.verdict import compare, mann_whitney

QUICK = [9_000, 9_100, 9_300, 9_800, 10_000, 10_400, 11_000, 12_000]


def of(values: list[int]) -> Histogram:
    return Histogram.of(values)


def times(factor: float, values: list[int] = QUICK) -> list[int]:
    return [round(each * factor) for each in values]


@pytest.mark.parametrize(
    ("since", "verdict"),
    [
        (times(4), "slower"),
        (times(0.25), "faster"),
        (QUICK, "same"),
        (times(4)[:7], "few"),
        ([*QUICK[:-1], 900_000], "same"),
    ],
    ids=["four times", "a quarter", "equal", "seven calls", "one outlier"],
)
def test_verdicts_of_eight_calls(since: list[int], verdict: str) -> None:
    assert compare(of(QUICK), of(since))[0] == verdict


def test_what_is_certain_but_tiny_is_the_same() -> None:
    verdict, p_value = compare(of(times(0.1) * 50), of(times(0.15) * 50))
    assert verdict == "same"
    assert p_value is not None
    assert p_value < 1e-6
    assert compare(of([100_000] * 50), of([105_000] * 50))[0] == "same"


def test_a_tail_that_got_longer_is_told_by_many_calls() -> None:
    before = QUICK * 100
    since = QUICK[:-1] * 100 + [80_000] * 200
    assert compare(of(before), of(since))[0] == "slower"


def test_a_tail_of_few_calls_tells_nothing() -> None:
    """The p95 of twenty calls is the longest of them: a moment's load of the machine."""
    before = [500 + each for each in range(20)]
    since = [each + 300 for each in before[:-2]] + [4_000, 5_000]
    assert mann_whitney(of(before), of(since))[1] < 0.01
    assert compare(of(before), of(since))[0] == "same"


def test_the_statistic_is_that_of_the_textbook() -> None:
    """U is 23.5 of 25, one pair ties; z = (23.5 - 12.5 - 0.5) / 4.773, worked out by hand."""
    share, p_value = mann_whitney(of([1, 2, 3, 4, 5]), of([4, 6, 7, 8, 9]))
    assert share == pytest.approx(23.5 / 25)
    assert p_value == pytest.approx(0.0278, abs=0.0001)


@pytest.mark.parametrize("sides", [([], []), ([5], []), ([7] * 9, [7] * 9)])
def test_nothing_is_certain_of_nothing(sides: tuple[list[int], list[int]]) -> None:
    assert mann_whitney(of(sides[0]), of(sides[1])) == (0.5, 1.0)
