"""What saves did: before and since, told apart by the code that handled the calls."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.kiket_console.telemetry.made import NOW_S, measure, save, series

from kiket_console.telemetry.building import build
from kiket_console.telemetry.windows import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.telemetry.nouns import Measure, Reload
    from kiket_console.telemetry.report import Change

QUICK = (9, 9, 9, 9.5, 9.5, 10, 10, 10)
SLOW = tuple(each * 5 for each in QUICK)
FIRST, SECOND, THIRD = (save(NOW_S - 600 + each * 100, f"{each}.py") for each in range(3))


def told(
    measures: Sequence[Measure], saves: Sequence[Reload]
) -> tuple[Change | None, Change | None]:
    """Return what the newest save did, and the culprit, of the one row of a report."""
    (line,) = build(measures, saves, window("15m", NOW_S), now_s=NOW_S).lines
    return line.change, line.culprit


def by(code: Reload | None, ms: Sequence[float], outcome: str = "2xx") -> Measure:
    """Return calls that the code of a save handled; of None: the code before all of them."""
    code_us = 1 if code is None else code.at_us
    return measure(NOW_S - 300, ms, series(outcome=outcome), code_us=code_us)


def test_without_a_save_nothing_is_told() -> None:
    assert told([by(None, QUICK)], []) == (None, None)


def test_the_save_that_made_it_slower_is_named_with_the_figures_of_both_sides() -> None:
    change, culprit = told([by(None, QUICK), by(FIRST, SLOW)], [FIRST])

    assert change is not None
    assert change == culprit
    assert (change.reload, change.verdict) == (FIRST, "slower")
    assert (change.before.count, change.since.count) == (8, 8)
    assert change.before.p50_us == pytest.approx(9500, rel=1 / 16)
    assert change.since.p50_us == pytest.approx(47_500, rel=1 / 16)
    assert change.p_value is not None
    assert change.p_value < 0.01


def test_a_later_save_that_changed_nothing_does_not_hide_it() -> None:
    change, culprit = told([by(None, QUICK), by(FIRST, SLOW), by(SECOND, SLOW)], [FIRST, SECOND])

    assert change is not None
    assert (change.reload, change.verdict) == (SECOND, "same")
    assert culprit is not None
    assert (culprit.reload, culprit.since.count) == (FIRST, 16)


def test_what_was_undone_is_no_culprit_any_more() -> None:
    change, culprit = told([by(None, QUICK), by(FIRST, SLOW), by(SECOND, QUICK)], [FIRST, SECOND])

    assert change is not None
    assert (change.reload, change.verdict) == (SECOND, "faster")
    assert culprit is None


def test_what_was_undone_once_is_no_culprit_of_what_came_later() -> None:
    fourth = save(NOW_S - 300, "3.py")
    saves = [FIRST, SECOND, THIRD, fourth]
    factors = (1, 2, 1, 1.2, 1.4)
    measures = [
        by(code, [each * factor for each in QUICK])
        for code, factor in zip((None, *saves), factors, strict=True)
    ]

    change, culprit = told(measures, saves)

    assert change is not None
    assert change.verdict == "same"
    assert culprit is None


def test_what_a_later_save_made_faster_is_mended_though_the_machine_is_slower_now() -> None:
    now = [each * 1.5 for each in QUICK]
    measures = [by(None, QUICK), by(FIRST, SLOW), by(SECOND, now)]

    change, culprit = told(measures, [FIRST, SECOND])
    assert change is not None
    assert (change.reload, change.verdict, culprit) == (SECOND, "faster", None)

    change, culprit = told([*measures, by(THIRD, now)], [FIRST, SECOND, THIRD])
    assert change is not None
    assert (change.reload, change.verdict, culprit) == (THIRD, "same", None)


def test_saves_that_changed_nothing_are_hardly_ever_blamed() -> None:
    """The machine is slower at one moment than at another, and what runs then with it."""
    chance = Random(3)  # noqa: S311
    saves = [save(NOW_S - 800 + each * 20, f"{each}.py") for each in range(20)]
    blamed = 0
    for _ in range(20):
        measures = []
        for code in (None, *saves):
            machine = chance.lognormvariate(2, 0.13)
            took = [machine * chance.lognormvariate(0, 0.3) for _ in range(15)]
            measures.append(by(code, took))
        blamed += told(measures, saves)[1] is not None
    assert blamed <= 2


def test_the_save_before_the_one_that_made_it_slower_is_not_blamed() -> None:
    _, culprit = told(
        [by(None, QUICK), by(FIRST, QUICK), by(SECOND, SLOW), by(THIRD, SLOW)],
        [FIRST, SECOND, THIRD],
    )

    assert culprit is not None
    assert culprit.reload is SECOND


def test_too_few_calls_before_the_newest_save_are_joined_by_those_of_older_code() -> None:
    change, _ = told([by(None, QUICK), by(FIRST, QUICK[:3]), by(SECOND, SLOW)], [FIRST, SECOND])

    assert change is not None
    assert (change.before.count, change.verdict) == (11, "slower")


def test_few_calls_since_say_nothing_yet() -> None:
    change, culprit = told([by(None, QUICK), by(FIRST, SLOW[:7])], [FIRST])

    assert change is not None
    assert (change.verdict, change.p_value, culprit) == ("few", None, None)


def test_a_save_that_did_not_come_to_serve_changed_nothing() -> None:
    broken = save(SECOND.at_us / 1e6, problem="SyntaxError: invalid syntax (main.py:3)")

    change, _ = told([by(None, QUICK), by(FIRST, SLOW)], [FIRST, broken])

    assert change is not None
    assert change.reload is FIRST


def test_a_start_after_a_crash_is_of_the_same_code() -> None:
    crashed = save(SECOND.at_us / 1e6, file="")

    change, _ = told([by(None, QUICK), by(FIRST, SLOW), by(crashed, SLOW)], [FIRST, crashed])

    assert change is not None
    assert (change.reload, change.since.count) == (FIRST, 16)


def test_what_was_changed_while_no_engine_ran_is_not_blamed_on_the_save_before() -> None:
    started = replace(save(SECOND.at_us / 1e6, file=""), label="marketing#1")
    measures = [by(None, QUICK), by(FIRST, QUICK), by(started, SLOW)]

    change, culprit = told(measures, [FIRST, started])

    assert change is not None
    assert (change.reload, change.verdict) == (started, "slower")
    assert culprit == change


def test_where_no_file_was_saved_a_start_by_hand_is_what_changed() -> None:
    by_hand = save(FIRST.at_us / 1e6, file="")

    change, _ = told([by(None, QUICK), by(by_hand, SLOW)], [by_hand])

    assert change is not None
    assert (change.reload, change.verdict) == (by_hand, "slower")


def test_the_first_start_changed_nothing() -> None:
    first = save(FIRST.at_us / 1e6, file="")

    assert told([by(first, QUICK)], [first]) == (None, None)


def test_code_that_fails_at_once_has_not_become_faster() -> None:
    change, _ = told([by(None, QUICK), by(FIRST, QUICK), by(FIRST, [0.5] * 40, "5xx")], [FIRST])

    assert change is not None
    assert change.verdict == "same"
    assert (change.since.count, change.since.errors) == (48, 40)


def test_code_that_times_out_now_is_slower() -> None:
    change, _ = told([by(None, QUICK), by(FIRST, [8000] * 9, "failed")], [FIRST])

    assert change is not None
    assert change.verdict == "slower"


def test_calls_that_always_fail_are_compared_as_well() -> None:
    change, _ = told([by(None, SLOW, "5xx"), by(FIRST, QUICK, "5xx")], [FIRST])

    assert change is not None
    assert change.verdict == "faster"


def test_where_the_code_is_not_known_the_time_tells_but_for_a_step_that_has_both() -> None:
    step = FIRST.at_us // 10_000_000 * 10
    inside = save(step + 4)
    measures = [measure(step + each, QUICK, code_us=0) for each in (-10, 0, 10)]

    change, _ = told(measures, [inside])

    assert change is not None
    assert (change.before.count, change.since.count) == (8, 8)
