"""What is known of a row of Metrics: what saves did, its slowest exchanges, how long all took.

      since                before → since
      app.py 14:12:03      p50 6.1 → 6.2 ms   p95 17 → 41 ms   slower ✗   104 and 98 calls

      the slowest
       1203  14:12:31.112    412 ms  500 ✗

      how long they took
      3.0 - 3.5 ms  ███████████████████▌          412  39 %  p50

`enter` leads to an exchange, or shows where a save is in the charts.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from kiket_console.telemetry import words
from kiket_console.telemetry.histogram import PARTS, bounds, bucket
from kiket_console.telemetry.report import Line as Row
from kiket_console.text import cell_width, clock, duration, fit, fit_right, plural, visible
from kiket_console.ui.paint import metrics
from kiket_console.ui.paint.line import cut, fitting, line_width, wrap
from kiket_console.ui.paint.traffic import status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange
    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Change, Report, Side
    from kiket_console.ui.paint.line import Line, Part, Piece

MARGIN: Final = "  "
NONE_KEPT: Final = "None of these exchanges is kept any more."
_MOST_BARS: Final = 14
_TOGETHER: Final = (1, 2, 4, PARTS // 2, PARTS, 2 * PARTS, 4 * PARTS, 8 * PARTS)
"""How many buckets may stand for one bar; with 16 of them each bar is twice as long as the last."""
_BAR_CELLS: Final = 40
_RANGE_CELLS: Final = 18
_COUNT_CELLS: Final = 16
_NAMES_CELLS: Final = 13
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_SAVES: Final = 6
Detail = tuple["list[Line]", "dict[int, str]"]


def details(
    of: Row | Report,
    saves: Sequence[Reload],
    slowest: tuple[str, Sequence[Exchange]] | None,
    width: int,
    now_us: int,
) -> Detail:
    """Return all that is known of a row, and where `enter` leads from lines of it.

    *slowest*: of what they are the slowest, and the exchanges; None while they are looked for.
    """
    lines: list[Line] = []
    targets: dict[int, str] = {}
    told = _told(of)
    _add_changes(lines, targets, told, width)
    _add_slowest(lines, targets, slowest, width, now_us)
    lines += [[(f"{MARGIN}how long they took", "strong")], *distribution(of, width)]
    others = [save for save in saves if save not in [each.reload for each in told]]
    _add_saves(lines, targets, others, width, title="other saves" if told else "saves")
    return lines, targets


def _told(of: Row | Report) -> list[Change]:
    """Return what saves did to a row: the one that made it slower, and the newest."""
    if not isinstance(of, Row):
        return []
    return [each for each in dict.fromkeys((of.culprit, of.change)) if each is not None]


def _add_changes(
    lines: list[Line], targets: dict[int, str], told: Sequence[Change], width: int
) -> None:
    """Add what saves did."""
    if not told:
        return
    lines.append([(f"{MARGIN}{'since':<{_SAVE}}", "strong"), ("before → since", "muted")])
    for each in told:
        targets[len(lines)] = target(each.reload)
        lines += _change(each, width)
    lines.append([])


def _add_saves(
    lines: list[Line],
    targets: dict[int, str],
    others: Sequence[Reload],
    width: int,
    *,
    title: str,
) -> None:
    """Add which saves there were, the newest first."""
    if others:
        lines += [[], [(f"{MARGIN}{title}", "strong")]]
    for save in reversed(others[-_SAVES:]):
        targets[len(lines)] = target(save)
        whose = visible(save.worker)
        said: Line = [("did not come to serve", "error")] if save.problem else [
            (f"served after {duration(save.took_us)}", "muted")]  # fmt: skip
        line = [(f"{MARGIN}{fit(metrics.save_name(save), _SAVE - 2)}  ", ""), *said]
        lines.append(cut([*line, (f"   {whose}", "muted")], width))
        if save.problem:
            lines += wrap(visible(save.problem), width - 4, "error", MARGIN * 2)
    if len(others) > _SAVES:
        lines.append([(f"{MARGIN}… and {len(others) - _SAVES} before", "muted")])


_SAVE: Final = 24


def target(save: Reload) -> str:
    """Return what leads to a save."""
    return f"save:{save.at_us}"


def _change(change: Change, width: int) -> list[Line]:
    """Return what a save did: the verdict, and below it the numbers behind it."""
    before, since = change.before, change.since
    role = metrics.VERDICTS.get(change.verdict, "faint")
    name, first, then = words.moved(change)
    name_too, first_too, then_too = ("p50", before.p50_us, since.p50_us)
    if name == name_too:
        name_too, first_too, then_too = ("p95", before.p95_us, since.p95_us)
    failed = " → ".join(_failed(each) for each in (before, since))
    room = width - _SAVE - len(MARGIN)
    said: list[Part] = [
        (1, [(f"{name} ", "muted"), (fit(words.from_to(first, then), 14), "")]),
        (1, [(fit(words.verdict(change), 9), role)]),
        (2, [(f"failed {failed}" if before.errors or since.errors else "",
              "error" if since.errors else "muted")]),
    ]  # fmt: skip
    behind: list[Part] = [
        (2, [(f"{name_too} ", "muted"), (words.from_to(first_too, then_too), "muted")]),
        (1, [(f"{before.count:,} and {plural(since.count, 'call')}", "muted")]),
        (1, [(words.chance(change.p_value), "muted")]),
        (3, [(f"served after {duration(change.reload.took_us)}", "muted")]),
    ]
    return [
        [
            (MARGIN + fit(metrics.save_name(change.reload), _SAVE - 2) + "  ", ""),
            *fitting([each for each in said if each[1][0][0]], room, "  "),
        ],
        [
            (MARGIN + " " * _SAVE, ""),
            *fitting([each for each in behind if each[1][0][0]], room, " · "),
        ],
    ]


def _failed(side: Side) -> str:
    """Write which part failed; of no calls at all: nothing."""
    none = words.NOTHING if not side.count else "0 %"
    return words.share(side.errors, side.count) if side.errors else none


def _add_slowest(
    lines: list[Line],
    targets: dict[int, str],
    slowest: tuple[str, Sequence[Exchange]] | None,
    width: int,
    now_us: int,
) -> None:
    when, found = slowest if slowest is not None else ("", ())
    lines += [[(f"{MARGIN}the slowest", "strong"), (f"  {when}" if when else "", "muted")]]
    if slowest is None:
        lines.append([(f"{MARGIN}looking …", "muted")])
    elif not found:
        lines.append([(MARGIN + NONE_KEPT, "muted")])
    for each in found:
        word, role = status(each, now_us)
        taken = words.took(each.duration_us)
        line: list[Piece] = [
            (f"{MARGIN}{each.id:>6}  ", "muted"),
            (f"{clock(each.started_us)}  ", "muted"),
            (fit_right(taken, 8) + "  ", ""),
            (fit(word, 9) + " ", role),
        ]
        rest = width - line_width(line)
        named = f"{each.name} {each.version}".strip()
        if rest > 16:
            line.append((fit(visible(named), rest).rstrip(), "muted"))
        targets[len(lines)] = f"exchange:{each.id}"
        lines.append(line)
    lines.append([])


def distribution(of: Row | Report, width: int) -> list[Line]:
    """Return durations as bars, each with its range, its count and its share."""
    if not of.distribution:
        return [[(f"{MARGIN}Nothing ended.", "muted")]]
    together, counts = _together(of.distribution)
    greatest = max(counts.values())
    cells = max(
        4, min(_BAR_CELLS, width - len(MARGIN) - _RANGE_CELLS - _COUNT_CELLS - _NAMES_CELLS)
    )
    named = _named(of, together)
    lines: list[Line] = []
    for number in range(min(counts), max(counts) + 1):
        count = counts.get(number, 0)
        least, after = bounds(number * together)[0], bounds((number + 1) * together)[0]
        eighths = round(count / greatest * cells * 8)
        full, rest = divmod(max(eighths, 1 if count else 0), 8)
        bar = "█" * full + (_EIGHTHS[rest] if rest else "")
        share = words.share(count, of.count)
        lines.append(
            [
                (MARGIN + fit(_range(least, after), _RANGE_CELLS), "muted"),
                (bar + " " * (cells - cell_width(bar)), "info"),
                (fit_right(f"{count:,}" if count else "", 8), ""),
                (fit_right(share if count else "", 8), "muted"),
                ("  " + " ".join(named.get(number, [])), "accent"),
            ]
        )
    return lines


def _together(found: Sequence[tuple[int, int, int]]) -> tuple[int, dict[int, int]]:
    """Return how many buckets stand for one bar, and the count of each bar."""
    numbers = [bucket(least) for least, _, _ in found]
    together = next(
        (each for each in _TOGETHER if max(numbers) // each - min(numbers) // each < _MOST_BARS),
        _TOGETHER[-1],
    )
    counts: defaultdict[int, int] = defaultdict(int)
    for number, (_, _, count) in zip(numbers, found, strict=True):
        counts[number // together] += count
    return together, counts


def _named(of: Row | Report, together: int) -> dict[int, list[str]]:
    """Return the names of the percentiles that are in bars."""
    named: defaultdict[int, list[str]] = defaultdict(list)
    for name, value in (("p50", of.p50_us), ("p95", of.p95_us), ("p99", of.p99_us)):
        if value is not None:
            named[bucket(value) // together].append(name)
    return named


def _range(least_us: int, after_us: int) -> str:
    number, _, unit = words.took(least_us).partition(" ")
    after = words.took(after_us)
    if unit == after.partition(" ")[2] or not least_us:
        return f"{number} - {after}"
    return f"{number} {unit} - {after}"
