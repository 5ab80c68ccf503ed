"""Log lines: as rows of the list, and one of them in full."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.log_levels.told import told
from kiket_console.text import cell_width, clock, fit, uncoloured, visible
from kiket_console.ui.paint.line import PICKED, cut, joined, line_width, wrap
from kiket_console.ui.paint.tracebacks import beginning, holds_traceback, lines_of, text_lines
from kiket_console.ui.paint.workers import short_name, worker_role
from kiket_console.ui.paint.wraps import breaks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import LogLine
    from kiket_console.ui.paint.line import Line, Piece

MARGIN = "  "
STDERR = "┃ "
"""Before what was written to standard error."""
BEFORE_TEXT = 7
"""So many pieces of a row stand before what is said."""
_FULL_TIME = 92
_WITH_LEVEL = 60
"""In a narrower list the sign alone says how grave a line is."""
_WITH_WORKER = 48
"""In a narrower one the details alone say whose it is."""
_TRACEBACK = "Traceback "
_LEVEL_ROLES = {"DEBUG": "muted", "INFO": "muted", "WARNING": "warning", "ERROR": "error"}
_LEVEL_ROLES |= {"CRITICAL": "error"}


def header(width: int) -> Line:
    """Return the names of the columns."""
    worker, grave = _worker("from", width), _level("level", width)
    time = fit("time", 12 if width >= _FULL_TIME else 8)
    return [(f"   {time}  {worker}{grave}  text", "muted")]


def _worker(name: str, width: int) -> str:
    return fit(name, 10) + "  " if width >= _WITH_WORKER else ""


def _level(word: str, width: int) -> str:
    return fit(word, 8) if width >= _WITH_LEVEL else ""


def level(line: LogLine) -> tuple[str, str]:
    """Return a line's level as a word, and its role; a plain line says its stream."""
    if line.level:
        return visible(line.level.lower()), _LEVEL_ROLES.get(line.level.upper(), "warning")
    return ("stderr", "warning") if line.stream == "stderr" else (line.stream, "muted")


def sign(line: LogLine) -> tuple[str, str]:
    """Return a sign and its role: errors and what went to standard error stand out."""
    _, role = level(line)
    if role == "error" or holds_traceback(told(line.text)):
        return "✗", "error"
    return ("!", "warning") if role == "warning" else (" ", "")


def row(
    line: LogLine,
    width: int,
    workers: Sequence[str] = (),
    *,
    unfolded: bool = False,
    picked: bool = False,
) -> Line:
    """Return a log line as a row; of several lines the first and the last say most.

    Where there is no room for both, the exception at the end of a traceback comes first. Once
    *unfolded* its other lines stand below. *picked*: it is one of several that were selected.
    """
    word, role = level(line)
    first, *rest = lines_of(line)
    time = clock(line.at_us, milliseconds=width >= _FULL_TIME)
    said = (beginning(first, width), role if role == "error" else "")
    pieces: list[Piece] = [
        (" ", ""),
        sign(line),
        (PICKED if picked else " ", "accent"),
        (f"{time}  ", "picked" if picked else "muted"),
        (_worker(short_name(line.worker), width), worker_role(line.worker, workers)),
        (_level(word, width), role),
        (STDERR if line.stream == "stderr" else "  ", "warning"),
    ]
    if unfolded:
        return cut([*pieces, ("▾ ", "accent"), said], width)
    last = beginning(next((each for each in reversed(rest) if each.strip()), "").strip(), width)
    if not last:
        return cut([*pieces, said], width)
    pieces.append(("▸ ", "accent"))
    is_traceback = holds_traceback(told(line.text))
    more = (f"  +{len(rest)}", "muted")
    whole_row = [*pieces, said, (f"  ⏎ {last}", "error" if is_traceback else "muted"), more]
    if line_width(whole_row) <= width or not is_traceback:
        return cut(whole_row, width)
    pieces.append((last, "error"))
    if not first.startswith(_TRACEBACK):
        pieces += [(" · ", "muted"), (said[0], "")]
    return [*cut(pieces, width - line_width([more])), more]


def text_column(width: int) -> int:
    """Return in which cell of a row the text begins."""
    return line_width(header(width)) - len("text")


def rows_below(line: LogLine, width: int) -> int:
    """Return how many rows more a line takes when it is wrapped; none if it has several lines."""
    text = told(line.text)
    return 0 if "\n" in text else len(_pieces(text, width)) - 1


@lru_cache(maxsize=16)
def _pieces(text: str, width: int) -> list[str]:
    """Return what the rows of a line that is wrapped say; kept, for its rows are drawn together."""
    said = uncoloured(text)
    room = max(8, width - text_column(width))
    starts = [0, *breaks(said, room, room)]
    return [said[begin:end] for begin, end in zip(starts, [*starts[1:], None], strict=True)]


def wrapped_row(
    line: LogLine, part: int, width: int, workers: Sequence[str] = (), *, picked: bool = False
) -> Line:
    """Return one of the rows of a line that is wrapped; *part* counts them from 0."""
    whole_text = told(line.text)
    pieces = [] if "\n" in whole_text else _pieces(whole_text, width)
    if part >= max(1, len(pieces)):  # counted for another width, a moment before it is counted anew
        return [(" ", "")]
    if len(pieces) < 2:
        return row(line, width, workers, picked=picked)
    said = pieces[part]
    if not part:
        return row(replace(line, text=said.rstrip()), width, workers, picked=picked)
    role = level(line)[1]
    text = (visible(said.rstrip()), role if role == "error" else "")
    return cut([(" " * text_column(width), ""), text], width)


def brief(line: LogLine) -> Line:
    """Return a log line in a few pieces, where its worker is known; a traceback by its reason."""
    word, role = level(line)
    said = next((each for each in reversed(lines_of(line)) if each.strip()), "")
    head = [(clock(line.at_us, milliseconds=False) + "  ", "muted"), (fit(word, 8) + "  ", role)]
    return [*head, (visible(said), "error" if role == "error" else "")]


def whole(line: LogLine, width: int, folder: str = "") -> list[Line]:
    """Return a log line in full, with its logger, what it belongs to, and its fields if it is JSON.

    The places in the project's own code, in *folder*, stand out from those in libraries.
    """
    facts: list[Line] = []
    if line.logger:
        facts.append([(visible(line.logger), "muted")])
    if line.exchange_id is not None:
        facts.append([(f"belongs to {line.exchange_id}", "muted")])
    if line.trace_id:
        facts.append([(f"trace {visible(line.trace_id)}", "muted")])
    said = uncoloured(line.text)
    fields = _fields(said, width - 4)
    text = [[(MARGIN, ""), *each] for each in text_lines(line, width - 4, folder)]
    shown = [[(MARGIN, ""), *each] for each in fields]
    head = [*_facts(facts, width), []] if facts else []
    return [*head, *text, *([[], *shown] if shown else [])]


def _facts(facts: Sequence[Line], width: int) -> list[Line]:
    """Return facts on as many lines as they need."""
    lines: list[list[Line]] = [[]]
    for fact in facts:
        if lines[-1] and line_width(joined([*lines[-1], fact], "  ")) > width - 4:
            lines.append([])
        lines[-1].append(fact)
    return [[(MARGIN, ""), *joined(each, "  ")] for each in lines]


def _fields(text: str, width: int) -> list[Line]:
    """Return the members of a text that is a JSON object, each on its own line."""
    if not text.lstrip().startswith("{"):
        return []
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return []
    longest = max((cell_width(visible(name)) for name in members), default=0)
    cells = min(longest, max(8, width // 3))
    shown: list[Line] = []
    for name, value in members.items():
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        role = "text" if isinstance(value, str) else "number"
        wrapped = wrap(written, width - cells - 2, role)
        for number, each in enumerate(wrapped):
            label = fit("" if number else visible(name), cells)
            shown.append([(label + "  ", "name"), *each])
    return shown


def of_exchange(lines: Sequence[LogLine], width: int, folder: str = "") -> list[Line]:
    """Return the log lines of one exchange, each in full."""
    if not lines:
        return [[(MARGIN + "Nothing was logged while this was handled.", "muted")]]
    shown: list[Line] = []
    for line in lines:
        word, role = level(line)
        said, _, below = told(line.text).partition("\n")
        first, *more = wrap(uncoloured(said), width - 28)
        head = [(MARGIN + clock(line.at_us) + "  ", "muted"), (fit(word, 8) + "  ", role)]
        shown.append([*head, *first])
        shown += [[(" " * 26, ""), *each] for each in more]
        if below:
            rest = replace(line, text=below)
            others = text_lines(rest, width - 6, folder, inside=holds_traceback(said))
            shown += [[(MARGIN * 2, ""), *each] for each in others]
    return shown
