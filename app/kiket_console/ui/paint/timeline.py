"""What an exchange caused and when, as bars on one scale.

    webhook  issue.transitioned     ████████████████████████████████████████  18.9 ms  500 ✗
     try 1   marketing#3             ██████████████████████████████████████   18.7 ms  500 ✗
     api     GET custom_data            ████████                               3.8 ms  200
     log     warning retrying CRM                    ▏

`enter` leads to the exchange, the attempt or the log line of a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kiket_console.model import Source
from kiket_console.text import clock, duration, fit, fit_right, visible
from kiket_console.ui.paint import messages
from kiket_console.ui.paint.attempts import ending
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.traffic import status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Detail, Exchange, LogLine
    from kiket_console.ui.paint.line import Line

MARGIN = "  "
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NAME_CELLS = 34
SHOWN = 200
"""More rows than this are counted, not drawn."""


class _Bar(NamedTuple):
    """One row: when it began, how long it took (None: a moment), and what it was."""

    started_us: int
    duration_us: int | None
    label: str
    role: str
    name: str
    word: str
    word_role: str
    target: str
    error: str = ""


def timeline(
    detail: Detail, logs: Sequence[LogLine], width: int, now_us: int
) -> tuple[list[Line], dict[int, str]]:
    """Return attempts, children and log lines of an exchange, and where `enter` leads from them."""
    exchange = detail.exchange
    name_cells = max(16, min(_NAME_CELLS, width // 3))
    bar_cells = max(8, width - name_cells - 35)
    begin_us = exchange.started_us
    own = _exchange(exchange, now_us)._replace(target="")
    rows = [own, *sorted(_rows(detail, logs, now_us), key=lambda row: row.started_us)]
    span_us = max(1, *(row.started_us - begin_us + (row.duration_us or 0) for row in rows))
    lines: list[Line] = [_times(detail), []]
    targets: dict[int, str] = {}
    for row in rows[: SHOWN + 1]:
        took = "" if row.duration_us is None else duration(row.duration_us)
        label = row.label if row is own else f" {row.label}"
        if row.target:
            targets[len(lines)] = row.target
        lines.append(
            [
                (MARGIN + fit(label, 9), row.role),
                (fit(visible(row.name), name_cells) + "  ", row.word_role if row.error else ""),
                (_bar(row, begin_us, span_us, bar_cells), row.role),
                (fit_right(took, 10) + "  ", "muted"),
                (fit(row.word, 9), row.word_role),
            ]
        )
        if row.error:
            lines += wrap(row.error, width - 11, "error", " " * 11)
    if len(rows) > SHOWN + 1:
        lines.append([(f"{MARGIN}… and {len(rows) - SHOWN - 1:,} more", "muted")])
    return lines, targets


def _times(detail: Detail) -> Line:
    """Return when it came, how long it waited, and how long its last attempt took."""
    exchange = detail.exchange
    pieces = [(f"{MARGIN}{clock(exchange.started_us)}", ""), ("  came", "muted")]
    if detail.attempts:
        waited = max(0, detail.attempts[0].started_us - exchange.started_us)
        last = detail.attempts[-1]
        first = "tried" if exchange.source is Source.WEBHOOK else "taken on"
        pieces += [(" · ", "faint"), (duration(waited), ""), (f" until it was {first}", "muted")]
        if last.duration_us is not None:
            of = "the last of them" if len(detail.attempts) > 1 else "the answer"
            pieces += [(" · ", "faint"), (duration(last.duration_us), ""), (f" for {of}", "muted")]
    return pieces


def _rows(detail: Detail, logs: Sequence[LogLine], now_us: int) -> list[_Bar]:
    rows = [_exchange(child, now_us) for child in detail.children]
    if len(detail.attempts) > 1 or any(attempt.error for attempt in detail.attempts):
        for attempt in detail.attempts:
            word, role = ending(attempt)
            rows.append(
                _Bar(
                    attempt.started_us, attempt.duration_us, f"try {attempt.number}", "muted",
                    attempt.target, word, role or "muted", f"attempt:{attempt.number}",
                    attempt.error,
                )
            )  # fmt: skip
    for line in logs:
        level = line.level.lower() or line.stream
        said = line.text.split("\n", 1)[0]
        role = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}.get(line.level, "log")
        rows.append(
            _Bar(line.at_us, None, "log", role, f"{level} {said}", "", "", f"log:{line.id}")
        )
    return rows


def _exchange(exchange: Exchange, now_us: int) -> _Bar:
    word, role = status(exchange, now_us)
    name = messages.name(exchange, _NAME_CELLS, with_module=True)
    return _Bar(
        exchange.started_us, exchange.duration_us or 0, messages.source(exchange),
        exchange.source.value, name, word, role, f"exchange:{exchange.id}",
    )  # fmt: skip


def _bar(row: _Bar, begin_us: int, span_us: int, cells: int) -> str:
    """Return a bar in eighths of a cell; whatever was too short to see still leaves a mark."""
    first = max(0, min(cells - 1, int((row.started_us - begin_us) / span_us * cells)))
    eighths = max(0, min((cells - first) * 8, round((row.duration_us or 0) / span_us * cells * 8)))
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[rest] if rest else "")
    return fit(" " * first + (drawn or "▏"), cells)
