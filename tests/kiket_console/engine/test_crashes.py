"""Code that crashes rests longer each time, and is left alone when it crashes too often."""

from __future__ import annotations

from kiket_console.engine import crashes
from kiket_console.engine.crashes import Crashes


def test_each_rest_is_about_twice_as_long_as_the_one_before() -> None:
    counted = Crashes()
    for number in range(crashes.CRASHES_ALLOWED):
        counted.add(100.0, alive_s=0.1)
        usual_s = crashes.FIRST_BACKOFF_S * 2**number
        assert usual_s * 0.75 <= counted.backoff_s <= usual_s * 1.25
    assert crashes.FIRST_BACKOFF_S == 0.1


def test_workers_that_crash_together_do_not_start_together() -> None:
    rests = set()
    for _ in range(20):
        counted = Crashes()
        counted.add(100.0, alive_s=0.1)
        rests.add(counted.backoff_s)
    assert len(rests) > 15


def test_crashes_count_for_a_minute() -> None:
    counted = Crashes()
    assert [counted.add(now_s, alive_s=0.1) for now_s in (0.0, 30.0, 61.0, 62.0)] == [1, 2, 2, 3]


def test_code_that_ran_for_a_while_is_taken_to_work() -> None:
    counted = Crashes()
    assert [counted.add(0.0, alive_s) for alive_s in (0.1, 9.9, 10.0, 0.1)] == [1, 2, 1, 2]


def test_a_person_who_acts_begins_anew() -> None:
    counted = Crashes()
    counted.add(0.0, alive_s=0.1)
    counted.forget()
    assert counted.add(1.0, alive_s=0.1) == 1
