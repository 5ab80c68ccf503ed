"""What an exchange caused and when, as bars on one scale.

    webhook  issue.transitioned     ████████████████████████████████████████  18.9 ms
     api     GET custom_data            ████████                               3.8 ms

Below the bars stand the attempts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import duration, fit, fit_right, visible
from kiket_console.ui.paint.attempts import attempt_lines
from kiket_console.ui.paint.traffic import status

if TYPE_CHECKING:
    from kiket_console.model import Detail, Exchange
    from kiket_console.ui.paint.line import Line

MARGIN = "  "
_EIGHTHS = " ▏▎▍▌▋▊▉█"
SHOWN = 200
"""More children than this are counted, not drawn."""


def timeline(detail: Detail, width: int, now_us: int) -> list[Line]:
    """Return the attempts and children of an exchange as lines."""
    exchange = detail.exchange
    name_cells = max(16, min(34, width // 3))
    bar_cells = max(8, width - name_cells - 35)
    begin_us = exchange.started_us
    rows = [exchange, *detail.children[:SHOWN]]
    span_us = max(1, *(_end_us(row) - begin_us for row in rows))
    lines: list[Line] = []
    for row in rows:
        word, role = status(row, now_us)
        took = "" if row.duration_us is None else duration(row.duration_us)
        label = row.source.value if row is exchange else f" {row.source.value}"
        lines.append(
            [
                (MARGIN + fit(label, 9), row.source.value),
                (fit(visible(row.name), name_cells) + "  ", ""),
                (_bar(row, begin_us, span_us, bar_cells), row.source.value),
                (fit_right(took, 10) + "  ", "muted"),
                (fit(word, 9), role),
            ]
        )
    if len(detail.children) > SHOWN:
        lines.append([(f"{MARGIN}… and {len(detail.children) - SHOWN:,} more", "muted")])
    return [*lines, [], *attempt_lines(detail.attempts, width)]


def _end_us(exchange: Exchange) -> int:
    return exchange.started_us + (exchange.duration_us or 0)


def _bar(exchange: Exchange, begin_us: int, span_us: int, cells: int) -> str:
    """Return a bar in eighths of a cell; whatever was too short to see still leaves a mark."""
    first = min(cells - 1, int((exchange.started_us - begin_us) / span_us * cells))
    eighths = min(cells * 8, round((exchange.duration_us or 0) / span_us * cells * 8))
    full, rest = divmod(eighths, 8)
    drawn = "█" * full + (_EIGHTHS[rest] if rest else "")
    return fit(" " * max(0, first) + (drawn or "▏"), cells)
