"""A save is taken up as soon as it is whole; many at once become few reloads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kiket_console.engine import pace
from kiket_console.engine.pace import Settling

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Reloads:
    """What a watch over changes at some moments makes of them."""

    settling: Settling = field(default_factory=Settling)
    moments_s: list[float] = field(default_factory=list)

    def over(self, changes_s: Iterable[float], *, gone: bool = False) -> list[float]:
        for moment_s in changes_s:
            self.until(moment_s)
            self.settling.changed(moment_s, gone=gone)
        self.until(math.inf)
        return self.moments_s

    def until(self, moment_s: float) -> None:
        due_s = self.settling.due_s()
        if due_s < min(moment_s, 1e9):
            self.moments_s.append(due_s)
            self.settling.reloaded()


def every(step_s: float, lasts_s: float) -> list[float]:
    return [number * step_s for number in range(int(lasts_s / step_s))]


def test_a_save_is_taken_up_at_once() -> None:
    assert Reloads().over([5.0]) == [5.0 + pace.SETTLE_S]


def test_a_file_that_is_missing_is_given_time_to_come_back() -> None:
    """Many editors move the old file away before they write the new one."""
    assert Reloads().over([5.0], gone=True) == [5.0 + pace.GONE_SETTLE_S]


def test_each_of_two_saves_that_a_person_makes_is_taken_up_at_once() -> None:
    saves = [0.0, 1.0, 2.0]
    assert Reloads().over(saves) == [moment_s + pace.SETTLE_S for moment_s in saves]


def test_a_checkout_is_two_reloads_the_last_soon_after_its_last_file() -> None:
    """5,000 files in two seconds: one reload for the first of them, one for the rest."""
    files = every(0.0004, 2.0)
    reloads = Reloads().over(files)
    assert len(reloads) == 2
    assert reloads[-1] - files[-1] <= pace.FOLLOW_UP_SETTLE_S + 1e-9


def test_ten_minutes_of_writing_are_few_reloads() -> None:
    reloads = Reloads()
    moments_s = reloads.over(every(0.05, 600.0))
    assert len(moments_s) <= 20
    waits_s = [later - earlier for earlier, later in pairwise(moments_s)]
    assert max(waits_s) <= pace.MOST_PAUSE_S + 1.0, "what is written is seen in the end"
    assert not reloads.settling.is_restless, "once there is quiet it is as before"


@given(st.lists(st.floats(0, 30), min_size=1, max_size=40).map(sorted))
def test_no_change_is_forgotten_and_none_is_taken_up_before_it_came(changes_s: list[float]) -> None:
    reloads = Reloads().over(changes_s)
    assert reloads[-1] >= changes_s[-1]
    assert reloads[0] >= changes_s[0]
    assert len(reloads) <= len(changes_s)
