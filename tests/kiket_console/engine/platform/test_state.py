from __future__ import annotations

from kiket_console.engine.platform.state import RATE_LIMIT, RateWindow


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_calls_leave_the_window_one_by_one_after_a_minute() -> None:
    clock = Clock()
    window = RateWindow(clock)
    window.count()
    clock.now_s += 20
    window.count()
    both = window.rate()
    clock.now_s += 40
    one = window.rate()
    clock.now_s += 20
    none = window.rate()

    assert (both.limit, both.remaining, both.window_s, both.reset_in_s) == (600, 598, 60, 40)
    assert (one.remaining, one.reset_in_s) == (599, 20)
    assert (none.remaining, none.reset_in_s) == (600, 0)


def test_beyond_the_limit_nothing_remains() -> None:
    window = RateWindow(Clock())
    for _ in range(RATE_LIMIT + 50):
        window.count()

    assert window.rate().remaining == 0
