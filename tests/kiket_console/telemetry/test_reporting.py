"""Asked again and again, the same is answered as by reading everything; little is read for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.telemetry.made import NOW_S, measure, save, series

from kiket_console.telemetry.building import build
from kiket_console.telemetry.narrowing import NarrowingError
from kiket_console.telemetry.reporting import Look, Reporting
from kiket_console.telemetry.windows import window

if TYPE_CHECKING:
    from kiket_console.telemetry.nouns import Measure, Reload


@dataclass
class Kept:
    """Measures in steps of 10 s, as a store has them."""

    all: list[Measure]
    saves: list[Reload] = field(default_factory=list)
    read: list[Measure] = field(default_factory=list)

    def measures(self, step_s: int, since_s: int, until_s: int) -> list[Measure]:
        assert step_s == 10
        found = [each for each in self.all if since_s <= each.at_s < until_s]
        self.read += found
        return found

    def calls(self, step_s: int, since_s: int, until_s: int) -> int:
        assert step_s == 10
        return sum(each.durations.count for each in self.all if since_s <= each.at_s < until_s)

    def reloads(self, since_us: int, until_us: int) -> list[Reload]:
        return [each for each in self.saves if since_us <= each.at_us < until_us]

    def oldest_measure(self) -> int | None:
        return min((each.at_s for each in self.all), default=None)


def kept() -> Kept:
    names = ("issue.created", "issue.updated")
    return Kept(
        [
            measure(NOW_S - back, [back, 5], series(name), code_us=(NOW_S - back) * 1_000_000)
            for back in range(0, 900, 10)
            for name in names
        ],
        [save(NOW_S - 400)],
    )


def test_it_says_what_a_report_of_all_measures_says() -> None:
    store = kept()
    expected = build(
        store.all,
        store.saves,
        window("15m", NOW_S + 3),
        now_s=NOW_S + 3,
        oldest_s=store.oldest_measure(),
    )
    reporting = Reporting(store)

    assert reporting.report(Look(), NOW_S + 3) == expected
    assert reporting.report(Look(), NOW_S + 3) == expected


def test_asked_again_within_a_step_it_reads_what_may_have_changed_alone() -> None:
    store = kept()
    reporting = Reporting(store)
    before = reporting.report(Look(), NOW_S + 1)
    store.all.append(measure(NOW_S, [1, 2, 3], series("issue.transitioned")))
    store.read.clear()

    after = reporting.report(Look(), NOW_S + 2)

    assert after.count == before.count + 3
    assert after.points[-1].count == before.points[-1].count + 3
    assert {each.at_s for each in store.read} == {NOW_S - 20, NOW_S - 10, NOW_S}


def test_what_was_counted_late_is_there() -> None:
    """As when the engine counts what nobody had counted when it was killed."""
    store = kept()
    reporting = Reporting(store)
    before = reporting.report(Look(), NOW_S)

    store.all.append(measure(NOW_S - 500, [1, 2, 3]))

    assert reporting.report(Look(), NOW_S).count == before.count + 3


def test_a_new_step_a_new_save_and_another_question_are_answered_anew() -> None:
    store = kept()
    reporting = Reporting(store)
    first = reporting.report(Look(), NOW_S)

    later = reporting.report(Look(), NOW_S + 10)
    assert later.since_s == first.since_s + 10
    assert later.count == first.count - 4

    store.saves.append(save(NOW_S + 5))
    assert len(reporting.report(Look(), NOW_S + 10).reloads) == 2
    assert len(reporting.report(Look(group="worker"), NOW_S + 10).lines) == 1
    only = reporting.report(Look(only="event:issue.created"), NOW_S + 10)
    assert [each.name for each in only.lines] == ["issue.created"]


def test_since_the_last_save_is_since_the_newest_that_came_to_serve() -> None:
    store = kept()
    store.saves += [save(NOW_S - 50, problem="SyntaxError"), save(NOW_S - 40, file="")]
    reporting = Reporting(store)

    report = reporting.report(Look(since_last_save=True), NOW_S)

    assert report.after == store.saves[0]
    assert report.count == 2 * 2 * 41
    assert report.rate_per_s == pytest.approx(report.count / 400)
    store.saves.clear()
    assert reporting.report(Look(since_last_save=True), NOW_S).after is None


def test_a_question_that_cannot_be_read_leaves_the_last_answer_possible() -> None:
    reporting = Reporting(kept())
    answer = reporting.report(Look(), NOW_S)
    with pytest.raises(NarrowingError):
        reporting.report(Look(only="body:x"), NOW_S)
    assert reporting.report(Look(), NOW_S) == answer
