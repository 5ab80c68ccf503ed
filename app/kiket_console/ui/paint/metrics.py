"""The table of Metrics: one row for each handler, worker, source or outcome, and one for all.

  handler                calls    err      p50      p95   before → since the last save
  all                    1,204  0.4 %   3.1 ms    18 ms
▌ issue.transitioned v1    104  4.8 %   6.2 ms    41 ms   17 → 41 ms   slower ✗   app.py 14:12
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.telemetry import words
from kiket_console.telemetry.report import ALL
from kiket_console.telemetry.verdict import FASTER, SAME, SLOWER
from kiket_console.text import cell_width, clock, fit, fit_right, visible
from kiket_console.ui.paint.chart import bars
from kiket_console.ui.paint.line import PLAIN, joined, wrap

if TYPE_CHECKING:
    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Change, Report
    from kiket_console.telemetry.report import Line as Row
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.paint.teach import KeyOf

MARGIN: Final = "   "
ALL_ROW: Final = "all"
VERDICTS: Final = {SLOWER: "error", FASTER: "ok", SAME: "muted"}
"""The role of each verdict; there is too little to say of others."""
_GAP: Final = 2
_GRAVE: Final = 0.01
"""From this share of failures on they stand out."""
_LEAST_NAME: Final = 14
_SHORT_NAME: Final = 20
_USUAL_NAME: Final = 24
_MOST_NAME: Final = 40


class Column(Struct, frozen=True):
    """A column: its name, its cells, and its rank, 1 for what stays longest in little room."""

    name: str
    cells: int
    rank: int


_COLUMNS: Final = (
    Column("source", 9, 6),
    Column("worker", 12, 9),
    Column("calls", 8, 3),
    Column("rate", 8, 7),
    Column("err", 6, 4),
    Column("p50", 8, 5),
    Column("p95", 8, 1),
    Column("p99", 8, 10),
    Column("trend", 12, 8),
    Column("change", 25, 2),
    Column("save", 22, 11),
)
_RIGHT: Final = frozenset(("calls", "rate", "err", "p50", "p95", "p99"))
_TITLES: Final = {
    "rate": "often",
    "trend": "p95 trend",
    "change": "p95 before → since",
    "save": "",
}


def columns(width: int, group: str, *, several: bool) -> list[Column]:
    """Return the columns that there is room for; *several*: whether workers are told apart."""
    unneeded = {"source", "worker"} if group != "handler" else set() if several else {"worker"}
    if group != "handler":
        unneeded |= set() if group == "worker" else {"change", "save"}
    kept = [each for each in _COLUMNS if each.name not in unneeded]
    while kept and _taken(kept) + _least_name(width) > width:
        kept.remove(max(kept, key=lambda each: each.rank))
    return kept


def name_cells(width: int, kept: list[Column]) -> int:
    """Return how many cells are left for names."""
    return max(4, min(_MOST_NAME, width - _taken(kept)))


def header(width: int, report: Report, kept: list[Column]) -> Line:
    """Return the names of the columns."""
    cells = [fit(report.group, name_cells(width, kept))]
    for each in kept:
        title = _TITLES.get(each.name, each.name)
        cells.append(
            fit_right(title, each.cells) if each.name in _RIGHT else fit(title, each.cells)
        )
    return [(MARGIN + (" " * _GAP).join(cells), "muted")]


def row(line: Row, width: int, kept: list[Column], points: int = 0) -> Line:
    """Return a row; *points*: how many of the last ones are drawn, 0 for all."""
    change = line.culprit or line.change
    says_verdict = any(each.name == "change" for each in kept)
    pieces: list[Piece] = [(MARGIN, PLAIN) if says_verdict else _sign(change)]
    pieces.append((fit(words.name(line), name_cells(width, kept)), ""))
    for each in kept:
        pieces.append((" " * _GAP, PLAIN))
        match each.name:
            case "source":
                pieces.append((fit(visible(line.source), each.cells), line.source))
            case "worker":
                pieces.append((fit(visible(line.worker), each.cells), "muted"))
            case "trend":
                pieces.append(_trend(line, each.cells, points))
            case "change":
                pieces += _change(change, each.cells)
            case "save":
                pieces.append((fit(_save(change), each.cells), "muted"))
            case _:
                pieces.append(_figure(line, each))
    return pieces


def row_of_all(report: Report, width: int, kept: list[Column], points: int = 0) -> Line:
    """Return the row of all there is."""
    pieces: list[Piece] = [(MARGIN + fit(ALL_ROW, name_cells(width, kept)), "strong")]
    for each in kept:
        pieces.append((" " * _GAP, PLAIN))
        if each.name == "trend":
            pieces.append(_trend(report, each.cells, points))
        elif each.name in _RIGHT:
            pieces.append(_figure(report, each))
        else:
            pieces.append((" " * each.cells, PLAIN))
    return pieces


def summary(report: Report) -> Line:
    """Return what stands at the right end of the list's rule."""
    window = "all that is kept" if report.window == ALL else f"last {report.window}"
    parts: list[Line] = []
    if report.uncounted:
        parts.append([(f"{report.uncounted:,} more kinds not told apart", "warning")])
    parts += [[(window, "muted")], [(f"by {report.group}", "muted")]]
    if report.after is not None:
        parts.append([(f"since {save_name(report.after)}", "accent")])
    return joined(parts, " · ")


def _within(window: str) -> str:
    return "so far" if window == ALL else f"in the last {window}"


def subject(line: Row) -> str:
    """Write what a row stands for, and whose it is."""
    parts = [words.name(line)]
    if line.name:
        parts += [visible(each) for each in (line.source, line.worker) if each]
    return " · ".join(parts)


def as_text(report: Report, width: int = 120) -> str:
    """Return the table as text, with what each save changed."""
    kept = columns(width, report.group, several=True)
    lines = [header(width, report, kept), row_of_all(report, width, kept)]
    lines += [row(line, width, kept) for line in report.lines]
    return "\n".join("".join(text for text, _ in line).strip() for line in lines)


def save_name(save: Reload) -> str:
    """Write a save: the file that it was of, and when it served."""
    return f"{words.cause(save)} {clock(save.at_us, milliseconds=False)}"


def not_counted(width: int) -> list[Line]:
    """Return why there are no figures where none are wanted."""
    hint = "The setting telemetry is false: calls are recorded, and not counted."
    return [[], [("  Nothing is counted.", "strong")], *wrap(hint, width - 2, "muted", "  ")]


def nothing_narrowed(window: str, key: KeyOf) -> list[Line]:
    """Return why no row is shown: none that ended has the words that are asked for."""
    return [
        [],
        [(f"  Nothing that ended {_within(window)} has these words.", "strong")],
        [],
        [(f"  {key('back'):<8}", "accent"), ("shows all of them", "")],
        [(f"  {key('metrics.filter'):<8}", "accent"), ("changes the words", "")],
    ]


def empty(width: int, *, window: str, ever: bool, key: KeyOf) -> list[Line]:
    """Return why there are no figures: none in this window, or none ever."""
    if ever:
        return [
            [],
            [(f"  Nothing ended {_within(window)}.", "strong")],
            [],
            [(f"  {key('metrics.window'):<8}", "accent"), ("looks further back", "")],
            [(f"  {key('place.traffic'):<8}", "accent"), ("goes to Traffic", "")],
        ]
    hint = (
        "Each delivery, call to the platform, message between modules and produced message is "
        "counted here by its name: how often, how slow, how many failed, and whether your last "
        "save made it faster or slower."
    )
    return [
        [],
        [("  Nothing has ended yet.", "strong")],
        *wrap(hint, width - 2, "muted", "  "),
        [],
        [("  Press ", ""), (key("place.traffic"), "accent"), (" and then ", ""),
         (key("traffic.trigger"), "accent"), (" to send a sample to your code.", "")],
    ]  # fmt: skip


def _figure(of: Row | Report, column: Column) -> Piece:
    role = ""
    match column.name:
        case "calls":
            text = f"{of.count:,}"
        case "rate":
            text, role = words.per_time(of.rate_per_s), "muted"
        case "err":
            text = words.share(of.errors, of.count)
            grave = of.errors >= _GRAVE * of.count
            role = "error" if grave and of.errors else "" if of.errors else "muted"
        case "p50":
            text = words.took(of.p50_us)
        case "p95":
            text = words.took(of.p95_us)
        case _:
            text, role = words.took(of.p99_us), "muted"
    return fit_right(text, column.cells), role


def _change(change: Change | None, cells: int) -> list[Piece]:
    if change is None:
        return [(" " * cells, PLAIN)]
    percentile, before, since = words.moved(change)
    verdict = words.verdict(change)
    figures = words.from_to(before, since) if before is not None or since is not None else ""
    if percentile != "p95":
        figures = f"{percentile} {figures}"  # the column's title says p95
    room = cells - cell_width(verdict) - 1
    if cell_width(figures) > room:
        figures = figures.replace(" → ", "→")
    role = VERDICTS.get(change.verdict, "faint")
    return [(fit(figures, room) + " ", "" if change.verdict in (SLOWER, FASTER) else "muted"),
            (verdict, role)]  # fmt: skip


def _trend(of: Row | Report, cells: int, points: int) -> Piece:
    values = [point.p95_us for point in of.points[-points:]]
    return bars(values, cells, max((each or 0 for each in values), default=0)), "muted"


def _sign(change: Change | None) -> Piece:
    """Return a verdict as a sign in the margin, where it has no column."""
    verdict = change.verdict if change is not None else ""
    sign = words.SIGNS[verdict][-1] if verdict in (SLOWER, FASTER) else " "
    return f" {sign} ", VERDICTS.get(verdict, "")


def _save(change: Change | None) -> str:
    return save_name(change.reload) if change is not None else ""


def _taken(kept: list[Column]) -> int:
    return len(MARGIN) + sum(each.cells + _GAP for each in kept) + 1


def _least_name(width: int) -> int:
    return _LEAST_NAME if width < 60 else _SHORT_NAME if width < 100 else _USUAL_NAME
