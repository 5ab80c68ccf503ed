"""The charts of Metrics: calls and failures at the left, latency at the right, saves as marks.

calls 12.4/s · 1,204 · 0.4 % failed         latency p50 3.1 ms · p95 18 ms · p99 41 ms
15/s ⢀⣀⣤⣶⣿⣿⣶⣤⣀⣠⣴⣾⣿⣿⣷⣶⣤⣄⣀        60 ms ⠤⠤⠤⠒⠒⠉⠉⠒⠒⠤⠤⣀⣀⠤⠔⠒┊⠒⠒ p99 41 ms
 5 % ⠀⠀⠀⠀⢀⠀⠀⠀⠀⠀⠀⠀⠀⣀⠀⠀⠀⠀⠀         0 ms ⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀┊⣀⣀ p50 3.1 ms
     14:05          ▴      14:20           14:05           ▴ app.py  14:20
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.telemetry import words
from kiket_console.text import age, cell_width, duration, plural, visible
from kiket_console.ui.paint.chart import Curve, Frame, Mark, cell_of, nice, plot, point_of
from kiket_console.ui.paint.line import PLAIN, cut, fitting, line_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Line as Row
    from kiket_console.telemetry.report import Point, Report
    from kiket_console.ui.paint.line import Line, Part, Piece

SAVE: Final = "▴"
POINT: Final = "◆"
_LEFT: Final = 9
_RIGHT: Final = 13
_FAILED: Final = 9
_GAP: Final = 2
_LEAST: Final = 30
_PARTS: Final = (6, 3, 2)
_BOTH: Final = 60
"""In fewer cells there is room for one chart, of latency."""
_LATE_S: Final = 1.0
"""What ended is in the store after so long."""
_DAY_S: Final = 86_400


Figures: TypeAlias = "Report | Row"
"""What charts are of: all of a report, or one of its rows."""


class Pointed(Struct, frozen=True):
    """What a person looks at within the charts."""

    point: int | None = None
    """A step of time, by its place among the points."""
    save: Reload | None = None
    """A save that was gone to."""
    culprit: Reload | None = None
    """The save that made slower what is drawn."""


def clock(at_s: float, step_s: int, length_s: int) -> str:
    """Write a moment of a window in no more cells than its steps and its length ask for."""
    form = "%H:%M:%S" if step_s < 60 else "%H:%M"
    if length_s > 7 * _DAY_S:
        form = "%d %b" if step_s >= _DAY_S else f"%d %b {form}"
    elif length_s > _DAY_S:
        form = f"%a {form}"
    return time.strftime(form, time.localtime(at_s))


def cropped(report: Report) -> Report:
    """Return a report without most of the time before its first call, where that is long.

    What is left is a sixth of the window, a third, or a half: charts that follow time closely
    would never be still.
    """
    points = report.points
    first = next((at for at, point in enumerate(points) if point.count), 0)
    for part in _PARTS:
        kept = len(points) // part
        if kept and len(points) - first <= kept:
            since_s = report.until_s - kept * report.step_s
            return replace(report, since_s=since_s, points=points[-kept:])
    return report


def step(report: Report, point: int) -> str:
    """Write which time a point stands for: `14:12:30 - 14:12:40`."""
    begin_s = report.since_s + point * report.step_s
    length_s = report.until_s - report.since_s
    begin, end = (clock(at, report.step_s, length_s) for at in (begin_s, begin_s + report.step_s))
    return f"{begin} - {end}"


def span(report: Report, pointed: Pointed) -> Line:
    """Return what stands at the right end of the rule above charts: of which time they are."""
    if pointed.point is not None:
        return [(step(report, pointed.point), "accent")]
    if (save := pointed.save) is not None:
        at = time.strftime("%H:%M:%S", time.localtime(save.at_us // 1_000_000))
        name = visible(save.file) or "a start"
        became = f", served after {duration(save.took_us)}"
        if save.problem:
            became = ", did not come to serve"
        role = "error" if save.problem else "muted"
        return [(f"{SAVE} {name} {at}", "accent"), (became, role)]
    length_s = report.until_s - report.since_s
    begin, end = (clock(at, report.step_s, length_s) for at in (report.since_s, report.until_s))
    return [(f"{begin} - {end}, a point is {age(report.step_s)}", "muted")]


def lines(
    figures: Figures,
    report: Report,
    saves: Sequence[Reload],
    pointed: Pointed,
    size: tuple[int, int],
    now_us: int,
) -> list[Line]:
    """Return the charts of a report, or of one of its rows, in *size* cells (width, height).

    *figures* has as many points as *report*.
    """
    width, height = size
    if height < 4 or width < _LEAST or not figures.points:
        return []
    saves = [each for each in saves if each.at_us >= report.since_s * 1_000_000]
    left = _left_cells(width)
    marks, rows = _marks(report, saves, pointed), height - 2
    frame = Frame(width - (left + _GAP if left else 0), rows, _LEFT, _RIGHT, marks, pointed.point)
    latency: list[Line] = [
        _title(_latency(figures, pointed), frame.width),
        *_latency_rows(figures, frame),
        _axis(report, saves, pointed, frame),
    ]
    if not left:
        return latency
    frame = Frame(left, rows, _LEFT, _FAILED, marks, pointed.point)
    calls: list[Line] = [
        _title(_calls(figures, report, pointed, now_us), left),
        *_calls_rows(figures, report, frame, now_us),
        _axis(report, saves, pointed, frame),
    ]
    return [_side_by_side(one, left, other) for one, other in zip(calls, latency, strict=True)]


def point_at(cell: int, width: int, points: int) -> int | None:
    """Return which point is drawn in a cell of charts of *width* cells; None beside them."""
    left = _left_cells(width)
    begin = left + _GAP if left else 0
    for first, cells, labels in ((0, left, _FAILED), (begin, width - begin, _RIGHT)):
        plot_cells = cells - _LEFT - labels
        at = cell - first - _LEFT
        if 0 <= at < plot_cells:
            return point_of(at, points, plot_cells)
    return None


def _left_cells(width: int) -> int:
    """Return how many cells the chart of calls takes; none where there is room for one alone."""
    return (width - _GAP) * 9 // 20 if width >= _BOTH else 0


def _title(parts: Sequence[Part], width: int) -> Line:
    return [(" ", PLAIN), *cut(fitting(parts, width - 1, "  "), width - 1)]


def _calls(figures: Figures, report: Report, pointed: Pointed, now_us: int) -> list[Part]:
    """Return what is said above the chart of calls: of the window, or of the point."""
    if pointed.point is None:
        count, errors, when = figures.count, figures.errors, "calls"
        rate = figures.rate_per_s
    else:
        point = figures.points[pointed.point]
        count, errors = point.count, point.errors
        when = clock(point.at_s, report.step_s, report.until_s - report.since_s)
        rate = count / max(1.0, _seconds(point, report.step_s, now_us) or report.step_s)
    head = "muted" if pointed.point is None else "accent"
    parts: list[Part] = [(1, [(when, head)]), (1, [(words.per_time(rate), "strong")])]
    if errors:
        parts.append((2, [(f"{words.share(errors, count)} failed", "error")]))
    said = f"{count:,} in all" if pointed.point is None else plural(count, "call")
    return [*parts, (3, [(said, "muted")])]


def _latency(figures: Figures, pointed: Pointed) -> list[Part]:
    of = figures if pointed.point is None else figures.points[pointed.point]
    said = (("p50", of.p50_us, "info", 2), ("p95", of.p95_us, "accent", 1),
            ("p99", of.p99_us, "muted", 3))  # fmt: skip
    parts: list[Part] = [(4, [("latency", "muted")])]
    return parts + [
        (rank, [(f"{name} ", role), (words.took(value), "strong")])
        for name, value, role, rank in said
    ]


def _calls_rows(figures: Figures, report: Report, frame: Frame, now_us: int) -> list[Line]:
    """Return calls above, and below them which share of them failed."""
    failed_rows = 1 if frame.height < 6 else 2 if frame.height < 12 else 3
    rates = [_rate(point, report.step_s, now_us) for point in figures.points]
    top = nice(max((rate for rate in rates if rate), default=1 / report.step_s))
    calls = plot(
        [Curve(rates, "info", filled=True)],
        _of_height(frame, frame.height - failed_rows),
        top=top,
        write=lambda rate: words.per_time(rate, top) if rate else "0",
    )
    shares = [point.errors / point.count if point.count else None for point in figures.points]
    worst = nice(max(0.05, *(each or 0.0 for each in shares)))
    failed = plot(
        [Curve(shares, "error", "failed" if figures.errors else "", filled=True)],
        _of_height(frame, failed_rows),
        top=min(worst, 1.0),
        write=_share,
    )
    return [*calls, *failed]


def _latency_rows(figures: Figures, frame: Frame) -> list[Line]:
    points = figures.points
    longest = max((point.p99_us for point in points if point.p99_us is not None), default=1000)
    return plot(
        [
            Curve([point.p99_us for point in points], "muted", "p99"),
            Curve([point.p95_us for point in points], "accent", "p95"),
            Curve([point.p50_us for point in points], "info", "p50"),
        ],
        frame,
        top=nice(longest / 1000) * 1000 if longest < 1_000_000 else nice(longest / 1e6) * 1e6,
        write=lambda value: words.took(value) if value else "0",
    )


def _share(part: float) -> str:
    percent = part * 100
    return f"{percent:.1f} %" if 0 < percent < 9.95 and percent % 1 else f"{percent:.0f} %"


def _rate(point: Point, step_s: int, now_us: int) -> float | None:
    """Return the calls in a second of a step; None of one of which too little is known yet."""
    seconds = _seconds(point, step_s, now_us)
    return point.count / seconds if seconds is not None else None


def _seconds(point: Point, step_s: int, now_us: int) -> float | None:
    known_s = now_us / 1e6 - _LATE_S - point.at_s
    if known_s >= step_s:
        return float(step_s)
    return known_s if known_s >= max(step_s / 4, 0.5) else None


def _of_height(frame: Frame, height: int) -> Frame:
    return Frame(frame.width, height, frame.left, frame.right, frame.marks, frame.pointed)


def _marks(report: Report, saves: Sequence[Reload], pointed: Pointed) -> list[Mark]:
    """Return where saves are; the one that is looked at is drawn over others."""
    found = [Mark(_at(report, each), _role(each, pointed)) for each in saves]
    return sorted(found, key=lambda mark: mark.role != "faint")


def _role(save: Reload, pointed: Pointed) -> str:
    if save == pointed.save:
        return "accent"
    if save.problem:
        return "error"
    return "warning" if save == pointed.culprit else "faint"


def _at(report: Report, save: Reload) -> float:
    return (save.at_us / 1e6 - report.since_s) / report.step_s


def _axis(report: Report, saves: Sequence[Reload], pointed: Pointed, frame: Frame) -> Line:
    """Return the line below a picture: when it begins and ends, and whose saves there were."""
    cells = frame.plot
    length_s = report.until_s - report.since_s
    points = max(1, length_s // report.step_s)
    signs: list[Piece] = [(" ", PLAIN)] * cells
    begin, end = (clock(at, report.step_s, length_s) for at in (report.since_s, report.until_s))
    taken = {cell_of(_at(report, each), points, cells) for each in saves}
    if pointed.point is not None:
        taken.add(cell_of(pointed.point + 0.5, points, cells))
    for text, first in ((begin, 0), (end, cells - len(end))):
        around = range(first - 1, first + len(text) + 1)
        if len(begin) + len(end) + 2 <= cells and not taken.intersection(around):
            signs[first : first + len(text)] = [(sign, "muted") for sign in text]
    wanted = (pointed.save, pointed.culprit, *saves[-1:])
    told = next((each for each in wanted if each in saves), None)
    for save in sorted(saves, key=lambda each: each == told):
        cell = cell_of(_at(report, save), points, cells)
        role = _role(save, pointed)
        signs[cell] = (SAVE, "muted" if role == "faint" else role)
    if pointed.point is not None:
        signs[cell_of(pointed.point + 0.5, points, cells)] = (POINT, "accent")
    if told is not None:
        _name(signs, cell_of(_at(report, told), points, cells), told, _role(told, pointed))
    return [(" " * frame.left, PLAIN), *_merged(signs), (" " * frame.right, PLAIN)]


def _name(signs: list[Piece], cell: int, save: Reload, role: str) -> None:
    """Write whose save it was beside its mark, where nothing stands."""
    name = words.cause(save)
    if cell_width(name) != len(name):
        return  # a sign of two cells would shift what stands behind it
    after, before = cell + 2, cell - 1 - len(name)
    for first, last in ((after, after + len(name)), (before, cell - 1)):
        around = range(first if first == after else first - 1, last + 1 if first == after else last)
        if around.start >= 0 and around.stop <= len(signs) and _are_blank(signs, around):
            signs[first:last] = [(sign, "muted" if role == "faint" else role) for sign in name]
            return


def _are_blank(signs: Sequence[Piece], cells: range) -> bool:
    return all(signs[cell][0] == " " for cell in cells)


def _merged(signs: Sequence[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for sign, role in signs:
        if merged and merged[-1][1] == role:
            merged[-1] = (merged[-1][0] + sign, role)
        else:
            merged.append((sign, role))
    return merged


def _side_by_side(one: Line, cells: int, other: Line) -> Line:
    return [*one, (" " * (cells - line_width(one) + _GAP), PLAIN), *other]
