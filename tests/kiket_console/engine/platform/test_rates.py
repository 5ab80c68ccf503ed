"""Each extension has so many calls in a minute, and is told how many are left."""

from __future__ import annotations

from kiket_console.engine.platform.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_calls_leave_the_window_one_by_one_after_a_minute() -> None:
    clock = Clock()
    rates = Rates(clock, clock)
    rates.take("marketing", 600)
    clock.now_s += 20
    both = rates.take("marketing", 600)
    clock.now_s += 40
    one = rates.take("marketing", 600)
    clock.now_s += 60
    none = rates.take("marketing", 600)

    assert (both.limit, both.remaining, both.reset_in_s) == (600, 598, 40)
    assert (one.remaining, one.reset_in_s) == (598, 20)
    assert (none.remaining, none.reset_in_s) == (599, 60)


def test_the_call_beyond_the_limit_is_refused_until_the_oldest_is_a_minute_old() -> None:
    clock = Clock()
    rates = Rates(clock, clock)
    taken = [rates.take("marketing", 2) for _ in range(4)]
    clock.now_s += 59
    still = rates.take("marketing", 2)
    clock.now_s += 1
    again = rates.take("marketing", 2)

    assert [each.exceeded for each in taken] == [False, False, True, True]
    assert taken[2].headers() == (
        ("x-ratelimit-limit", "2"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1060"),
    )
    assert (still.exceeded, still.reset_in_s) == (True, 1)
    assert not again.exceeded


def test_each_extension_has_calls_of_its_own() -> None:
    rates = Rates(Clock())

    assert not rates.take("marketing", 1).exceeded
    assert not rates.take("pager", 1).exceeded
    assert rates.take("marketing", 1).exceeded


def test_a_limit_that_is_lowered_counts_what_was_called_before() -> None:
    rates = Rates(Clock())
    for _ in range(5):
        rates.take("marketing", 600)

    lowered = rates.take("marketing", 3)
    assert (lowered.exceeded, lowered.remaining) == (True, 0)


def test_without_a_limit_nothing_is_refused_and_nothing_said() -> None:
    rates = Rates(Clock())

    assert [rates.take("marketing", 0) for _ in range(3)][-1].headers() == ()


def test_without_a_limit_nobody_who_asks_is_told_to_wait() -> None:
    rates = Rates(Clock())
    rates.take("marketing", 2)

    assert rates.take("marketing", 0).body() == {
        "rate_limit": {"limit": 600, "remaining": 600, "window_seconds": 60, "reset_in": 0}
    }
