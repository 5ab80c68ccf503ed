"""Charts, table and details of a report: what they say, at every width, of any name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from tests.snap import metrics as story
from tests.snap import scene

from kiket_console.model import Exchange, Source, State
from kiket_console.telemetry.building import build
from kiket_console.telemetry.nouns import Reload
from kiket_console.telemetry.windows import window
from kiket_console.ui.paint import metrics, metrics_charts, metrics_details
from kiket_console.ui.paint.line import line_width
from kiket_console.ui.paint.metrics_charts import Pointed

if TYPE_CHECKING:
    from kiket_console.telemetry.report import Line as Row
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.paint.line import Line

pytestmark = pytest.mark.usefixtures("still")
WIDTHS = (20, 40, 64, 80, 104, 130, 200)


@pytest.fixture(scope="module")
def report() -> Report:
    """Return the report of the story."""
    looked_at = window("15m", story.NOW_S)
    saves = (story.STARTED, *story.SAVES)
    return build(story.measures(), saves, looked_at, now_s=story.NOW_S)


@pytest.fixture
def slow(report: Report) -> Row:
    """Return the handler that a save made slower."""
    (found,) = [line for line in report.lines if line.name == "issue.transitioned"]
    return found


def text_of(line: Line) -> str:
    """Return a line without its roles."""
    return "".join(text for text, _ in line)


def charts(of: Row | Report, report: Report, pointed: Pointed, width: int = 118) -> list[str]:
    """Return charts as text."""
    lines = metrics_charts.lines(of, report, story.SAVES, pointed, (width, 10), scene.NOW_US)
    return [text_of(line) for line in lines]


def table(report: Report, width: int) -> list[Line]:
    """Return the table's lines."""
    kept = metrics.columns(width, report.group, several=True)
    rows = [metrics.row(line, width, kept) for line in report.lines]
    return [metrics.header(width, report, kept), metrics.row_of_all(report, width, kept), *rows]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_fits_every_width_and_names_come_first(report: Report, width: int) -> None:
    lines = table(report, width)
    assert all(line_width(line) <= width for line in lines)
    assert text_of(lines[0]).startswith("   hand")
    assert text_of(lines[2])[3:].startswith("issu")
    assert "✗" in text_of(lines[2])


def test_what_got_slower_comes_first_with_its_figures_and_a_word(report: Report) -> None:
    said = text_of(table(report, 118)[2])
    assert said.split()[:2] == ["issue.transitioned", "v1"]
    assert "12 → 76 ms" in said
    assert said.endswith("slower ✗")
    save = text_of(table(report, 180)[2])
    assert "crm.py 14:00:17" in save


@pytest.mark.parametrize(
    ("first", "kept"), [(0, 90), (44, 90), (45, 45), (59, 45), (60, 30), (75, 15), (89, 15)]
)
def test_long_emptiness_before_the_first_call_is_not_drawn(
    report: Report, first: int, kept: int
) -> None:
    points = [replace(each, count=int(at >= first)) for at, each in enumerate(report.points)]
    drawn = metrics_charts.cropped(replace(report, points=tuple(points)))
    assert len(drawn.points) == kept
    assert drawn.points[0].at_s == drawn.since_s
    assert drawn.points[-1] == points[-1]


def test_a_few_failures_are_told_and_many_stand_out(report: Report, slow: Row) -> None:
    kept = metrics.columns(118, "handler", several=False)
    roles = dict(metrics.row(slow, 118, kept))
    assert roles[" 4.6 %"] == "error"
    assert dict(metrics.row_of_all(report, 118, kept))[" 0.4 %"] == ""


@pytest.mark.parametrize("group", ["worker", "source", "outcome"])
def test_other_groups_have_no_columns_that_would_be_empty(report: Report, group: str) -> None:
    names = {each.name for each in metrics.columns(200, group, several=True)}
    assert not names & {"source", "worker"}
    assert ("change" in names) is (group == "worker")
    assert "p99" in names


@pytest.mark.parametrize("width", [30, 52, 80, 118, 198])
def test_charts_fill_their_room_to_the_cell(report: Report, slow: Row, width: int) -> None:
    for of in (report, slow):
        for height in (4, 6, 14):
            lines = metrics_charts.lines(
                of, report, story.SAVES, Pointed(40), (width, height), scene.NOW_US
            )
            assert len(lines) == height
            assert {line_width(line) for line in lines[1:]} == {width}
            assert line_width(lines[0]) <= width
    assert ("calls" in text_of(lines[0])) is (width >= 60)


def test_charts_say_in_words_what_they_show(report: Report, slow: Row) -> None:
    title, *picture, axis = charts(slow, report, Pointed(culprit=story.HURT))
    assert title.split() == [
        "calls", "30/min", "4.6", "%", "failed", "437", "in", "all", "latency", "p50", "11", "ms",
        "p95", "62", "ms", "p99", "84", "ms",
    ]  # fmt: skip
    assert picture[0].strip().startswith("1/s")
    assert any(row.rstrip().endswith("p95 82 ms") for row in picture)
    assert axis.count("▴") == 2 * len(story.SAVES)
    assert "▴ crm.py" in axis
    late = replace(report, since_s=report.until_s - 200, points=report.points[-20:])
    cut = replace(slow, points=slow.points[-20:])
    assert "app.py" in charts(cut, late, Pointed(culprit=story.HURT))[-1], "the other is not there"


def test_a_point_is_told_alone_above_the_charts(report: Report, slow: Row) -> None:
    pointed = Pointed(point=58)
    title, *_, axis = charts(slow, report, pointed)
    point = slow.points[58]
    assert title.strip().startswith(f"14:01:30  {point.count * 6}/min")
    assert f"{point.count} calls" in title
    assert axis.count("◆") == 2
    assert text_of(metrics_charts.span(report, pointed)) == "14:01:30 - 14:01:40"


def test_the_mark_of_a_point_hides_no_part_of_a_name(report: Report, slow: Row) -> None:
    newest = round((story.SAVES[-1].at_us / 1e6 - report.since_s) / report.step_s)
    for point in range(newest - 8, newest + 3):
        axis = charts(slow, report, Pointed(point=point))[-1]
        assert axis.count(".py") == axis.count("app.py"), axis
        assert "◆" in axis


def test_a_save_is_told_by_file_time_and_outcome(report: Report) -> None:
    saves = {text_of(metrics_charts.span(report, Pointed(save=each))) for each in story.SAVES[1:3]}
    assert saves == {
        "▴ crm.py 13:59:42, did not come to serve",
        "▴ crm.py 14:00:17, served after 33.0 ms",
    }


def test_the_step_under_way_does_not_look_like_a_fall(report: Report) -> None:
    """Of its time alone is counted what went by; of too little of it nothing is drawn."""
    last = replace(report.points[-1], at_s=scene.NOW_US // 1_000_000 - 6, count=50)
    steady = [replace(each, count=100) for each in report.points[:-1]]
    whole = replace(report, points=(*steady, last))
    rows = charts(whole, whole, Pointed())
    assert rows[1].strip().startswith("10/s")
    heights = [row[9:44].rstrip() for row in rows[1:6]]
    assert len({len(row) for row in heights}) == 1
    early = replace(whole, points=(*steady, replace(last, at_s=last.at_s + 5, count=1)))
    assert charts(early, early, Pointed())[5][43] in " ⡇"


@pytest.mark.parametrize("cell", range(0, 118, 7))
def test_a_click_leads_to_the_point_that_is_drawn_there(report: Report, cell: int) -> None:
    point = metrics_charts.point_at(cell, 118, len(report.points))
    axis = charts(report, report, Pointed(point))[-1] if point is not None else ""
    assert point is None or "◆" in axis[max(0, cell - 1) : cell + 2]
    assert (point is None) == (cell < 9 or 43 <= cell < 63 or cell >= 105)


@pytest.mark.parametrize("width", WIDTHS)
def test_details_fit_and_say_both_saves_with_the_numbers_behind(slow: Row, width: int) -> None:
    lines, targets = metrics_details.details(slow, story.SAVES, ("", ()), width, scene.NOW_US)
    said = [text_of(line) for line in lines]
    assert any("crm.py 14:00:17" in each for each in said)
    assert any("NameError" in each for each in said)
    assert list(targets.values())[:2] == [
        metrics_details.target(story.HURT), metrics_details.target(story.SAVES[3]),
    ]  # fmt: skip
    if width >= 80:
        assert all(line_width(line) <= width for line in lines)
        assert any("145 and 199 calls" in each for each in said)
    if width >= 104:
        assert any("p50 6.5 → 38 ms · 145 and 199 calls · p < 0.001" in each for each in said)


def test_bars_of_durations_say_their_range_count_and_share(slow: Row) -> None:
    lines = [text_of(line) for line in metrics_details.distribution(slow, 85)]
    assert len(lines) <= 14
    counts = [int(line[56:66]) for line in lines]
    assert sum(counts) == slow.count
    (median,) = [line for line in lines if "p50" in line]
    assert median.strip().startswith("8.2 - 12 ms")
    assert median.split()[-3:] == ["13", "%", "p50"]


def test_durations_of_one_length_are_one_bar(slow: Row) -> None:
    one = replace(slow, count=3, p50_us=90, p95_us=90, p99_us=90, distribution=((88, 92, 3),))
    (line,) = metrics_details.distribution(one, 80)
    assert line_width(line) <= 80
    assert text_of(line).split() == ["0.09", "-", "0.09", "ms", "█" * 31, "3", "100", "%",
                                     "p50", "p95", "p99"]  # fmt: skip
    assert metrics_details.distribution(replace(one, distribution=()), 80)


def test_the_slowest_lead_to_their_exchanges(slow: Row) -> None:
    lines, targets = metrics_details.details(slow, (), None, 80, scene.NOW_US)
    assert any("looking …" in text_of(line) for line in lines)
    found = Exchange(
        1191, 7, Source.WEBHOOK, "marketing", "issue.transitioned", "v1", "POST", "/", scene.NOW_US,
        State.FORWARDED, 500, 412_000, 0, "", "", None, False, None, 1, False,
    )  # fmt: skip
    lines, targets = metrics_details.details(slow, (), ("", [found]), 80, scene.NOW_US)
    (row,) = [number for number, each in targets.items() if each == "exchange:1191"]
    assert text_of(lines[row]).split() == [
        "1191", "14:06:42.112", "412", "ms", "500", "✗", "issue.transitioned", "v1",
    ]  # fmt: skip


def test_names_from_outside_are_shown_and_never_act(report: Report, slow: Row) -> None:
    hostile = "\x1b[2Jevil\u202e 漢字\n"
    row = replace(slow, name=hostile, worker=hostile, version="\x07")
    save = Reload(story.HURT.at_us, hostile, "x#1", hostile, 1, hostile)
    kept = metrics.columns(130, "handler", several=True)
    pointed = Pointed(save=save)
    shown = [
        metrics.row(row, 130, kept),
        [(metrics.subject(row), "")],
        metrics_charts.span(report, pointed),
        *metrics_charts.lines(row, report, (save,), pointed, (118, 9), scene.NOW_US),
        *metrics_details.details(row, (save,), None, 118, scene.NOW_US)[0],
    ]
    text = "\n".join(text_of(line) for line in shown)
    assert not set(text) & {"\x1b", "\x07", "\u202e"}
    assert line_width(shown[0]) <= 130


def test_a_report_of_nothing_draws_nothing_and_teaches(report: Report) -> None:
    empty = replace(report, points=(), lines=(), count=0, distribution=())
    assert metrics_charts.lines(empty, empty, (), Pointed(), (80, 8), scene.NOW_US) == []
    for ever, said in ((True, "Nothing ended in the last 15m."), (False, "Nothing has ended yet.")):
        lines = metrics.empty(80, window="15m", ever=ever, key=lambda id_: id_)
        assert said in "\n".join(text_of(line) for line in lines)


def test_the_table_as_text_has_a_line_for_each_row(report: Report) -> None:
    lines = metrics.as_text(report).split("\n")
    assert len(lines) == len(report.lines) + 2
    assert lines[2].split()[:4] == ["issue.transitioned", "v1", "webhook", "437"]
