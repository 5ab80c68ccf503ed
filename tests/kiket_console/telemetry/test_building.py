"""A report is made of measures and saves: totals, steps of the charts, rows, what saves did."""

from __future__ import annotations

import pytest
from tests.kiket_console.telemetry.made import NOW_S, measure, save, series

from kiket_console.telemetry.building import build
from kiket_console.telemetry.windows import window

WINDOW = window("15m", NOW_S)
STEP = WINDOW.since_s + 300
EIGHT = (9, 9, 9, 9.5, 9.5, 10, 10, 10)
SLOW = [each * 5 for each in EIGHT]


def test_a_report_of_nothing_has_all_its_steps_and_no_rows() -> None:
    report = build([], [], WINDOW, now_s=NOW_S)

    assert (report.count, report.errors, report.rate_per_s) == (0, 0, 0)
    assert report.p50_us is None
    assert len(report.points) == 90
    assert report.points[0].at_s == WINDOW.since_s
    assert {each.count for each in report.points} == {0}
    assert report.lines == ()


def test_what_ended_in_a_step_is_counted_in_its_point_and_in_its_row() -> None:
    measures = [
        measure(STEP, [1, 2, 3]),
        measure(STEP, [100], series(outcome="5xx")),
        measure(STEP + 10, [4], series("issue.created")),
    ]

    report = build(measures, [], WINDOW, now_s=NOW_S)

    assert (report.count, report.errors) == (5, 1)
    point = report.points[30]
    assert (point.at_s, point.count, point.errors) == (STEP, 4, 1)
    assert point.p50_us == pytest.approx(2000, rel=1 / 32)
    assert point.p99_us == 100_000
    assert report.points[31].count == 1
    updated, created = report.lines
    assert (updated.name, updated.count, updated.errors) == ("issue.updated", 4, 1)
    assert updated.slowest_us == 100_000
    assert updated.outcome == ""
    assert (created.name, created.count, created.errors) == ("issue.created", 1, 0)
    assert sum(count for _, _, count in updated.distribution) == 4


def test_a_rate_is_of_the_time_since_counting_began() -> None:
    measures = [measure(STEP, [1] * 59), measure(STEP, [1], series("rare"))]

    old = build(measures, [], WINDOW, now_s=NOW_S, oldest_s=WINDOW.since_s - 5000)
    young = build(measures, [], WINDOW, now_s=STEP + 30, oldest_s=WINDOW.since_s - 500)

    assert old.rate_per_s == pytest.approx(60 / 890)
    assert young.rate_per_s == 2
    assert young.lines[1].rate_per_s == pytest.approx(1 / 30)


def test_a_rate_is_of_the_time_since_counting_began_within_a_long_first_step() -> None:
    day = window("24h", NOW_S)
    measures = [measure(NOW_S - 900, [1] * 60)]

    report = build(measures, [], day, now_s=NOW_S, oldest_s=NOW_S - 60)

    assert report.rate_per_s == 1


def test_a_rate_of_few_rows_is_of_the_time_since_anything_was_counted() -> None:
    measures = [measure(STEP, [1]), measure(STEP + 20, [1], series("rare"))]

    report = build(measures, [], WINDOW, now_s=STEP + 30, keep=lambda each: each.name == "rare")

    assert report.rate_per_s == pytest.approx(1 / 30)


def test_what_is_outside_of_the_window_is_left_out() -> None:
    measures = [measure(WINDOW.since_s - 10, [1]), measure(WINDOW.until_s, [1])]

    assert build(measures, [save(WINDOW.since_s - 5)], WINDOW, now_s=NOW_S).lines == ()


@pytest.mark.parametrize(
    ("group", "rows"),
    [
        ("handler", {("webhook", "marketing", "a", "v1", ""), ("ipc", "greeter", "a", "", "")}),
        ("worker", {("", "marketing", "", "", ""), ("", "greeter", "", "", "")}),
        ("source", {("webhook", "", "", "", ""), ("ipc", "", "", "", "")}),
        ("outcome", {("", "", "", "", "2xx"), ("", "", "", "", "5xx"), ("", "", "", "", "ok")}),
    ],
)
def test_rows_stand_for_what_the_group_says(
    group: str, rows: set[tuple[str, str, str, str, str]]
) -> None:
    measures = [
        measure(STEP, [1], series("a")),
        measure(STEP, [1], series("a", "5xx")),
        measure(STEP, [1], series("a", "ok", source="ipc", worker="greeter", version="")),
    ]

    lines = build(measures, [], WINDOW, group=group, now_s=NOW_S).lines

    found = {(each.source, each.worker, each.name, each.version, each.outcome) for each in lines}
    assert found == rows


def test_the_row_that_got_slower_comes_first_then_what_took_most_time() -> None:
    saved = save(STEP + 5)
    measures = [
        measure(STEP, [5000], series("long")),
        measure(STEP, [50], series("short")),
        measure(STEP, EIGHT, series("worse")),
        measure(STEP, SLOW, series("worse"), code_us=saved.at_us),
    ]
    measures[2] = measure(STEP - 10, EIGHT, series("worse"))

    lines = build(measures, [saved], WINDOW, now_s=NOW_S).lines

    assert [each.name for each in lines] == ["worse", "long", "short"]
    assert lines[0].culprit is not None
    assert lines[0].culprit.verdict == "slower"


def test_only_what_came_after_a_save_is_counted_but_what_it_changed_is_still_told() -> None:
    saved = save(STEP + 5)
    measures = [
        measure(STEP, EIGHT, code_us=saved.at_us - 1),
        measure(STEP, SLOW, code_us=saved.at_us),
    ]

    report = build(measures, [saved], WINDOW, now_s=NOW_S, since=saved)

    assert report.count == 8
    assert report.p50_us is not None
    assert report.p50_us > 40_000
    assert report.lines[0].change is not None
    assert report.lines[0].change.before.count == 8


def test_series_that_are_not_meant_are_left_out_of_all_sums() -> None:
    measures = [measure(STEP, [1]), measure(STEP, [1], series("issue.created"))]

    report = build(
        measures, [], WINDOW, now_s=NOW_S, keep=lambda each: each.name == "issue.created"
    )

    assert report.count == report.points[30].count == 1
    assert [each.name for each in report.lines] == ["issue.created"]


def test_no_save_is_before_or_after_all_that_several_workers_did() -> None:
    measures = [
        measure(STEP, EIGHT, code_us=1),
        measure(STEP, SLOW, series(worker="billing"), code_us=NOW_S * 1_000_000),
    ]

    (line,) = build(measures, [save(STEP)], WINDOW, group="source", now_s=NOW_S).lines

    assert line.change is None
