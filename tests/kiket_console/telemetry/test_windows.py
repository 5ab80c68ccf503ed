"""How far back a report looks, and in which steps."""

from __future__ import annotations

import pytest
from tests.kiket_console.telemetry.made import NOW_S

from kiket_console.telemetry.nouns import STEPS
from kiket_console.telemetry.report import WINDOWS
from kiket_console.telemetry.windows import POINTS, seconds, window


@pytest.mark.parametrize("name", WINDOWS)
def test_the_windows_to_choose_from_are_read_in_their_steps(name: str) -> None:
    length, step = WINDOWS[name]

    found = window(name, NOW_S + 0.4)

    assert (found.step_s, found.read_s) == (step, step)
    assert found.until_s == NOW_S + step
    assert found.until_s - found.since_s == length


@pytest.mark.parametrize("name", ["7s", "90s", "5m", "40m", "2h", "6h", "30h", "3d", "9d"])
def test_any_length_is_read_in_steps_that_are_kept_and_has_few_points(name: str) -> None:
    found = window(name, NOW_S + 123)

    assert found.since_s <= NOW_S + 123 - (seconds(name) or 0) + found.step_s
    assert (found.until_s - found.since_s) / found.step_s <= POINTS
    assert found.step_s % found.read_s == 0
    kept_s = STEPS[found.read_s]
    assert not kept_s or kept_s >= NOW_S + 123 - found.since_s


def test_all_goes_back_to_the_oldest_measure() -> None:
    assert window("all", NOW_S, NOW_S - 86_400 * 3).since_s <= NOW_S - 86_400 * 3
    assert window("all", NOW_S).since_s <= NOW_S - 3600
    assert len(range(0, NOW_S - window("all", NOW_S, 0).since_s, 604_800)) < 530
    assert window("all", NOW_S, NOW_S + 50).since_s == NOW_S  # a clock went back


@pytest.mark.parametrize("name", ["", "0m", "15", "m", "-5m", "1.5h", "99999999d", "9999d", "15 m"])
def test_what_is_no_length_of_time_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        seconds(name)
