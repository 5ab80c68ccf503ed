"""Log lines: as rows of the list, and one of them in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import clock, fit, visible
from kiket_console.ui.paint.line import cut, joined, line_width, wrap
from kiket_console.ui.paint.syntax import traceback_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import LogLine
    from kiket_console.ui.paint.line import Line, Piece

MARGIN = "  "
TEXT_LINES = 2_000
_FULL_TIME = 92
_TRACEBACK = "Traceback "
_LEVEL_ROLES = {"DEBUG": "muted", "INFO": "muted", "WARNING": "warning", "ERROR": "error"}
_LEVEL_ROLES |= {"CRITICAL": "error"}
_SOURCES = ("webhook", "api", "ipc", "producer")


def header(width: int) -> Line:
    """Return the names of the columns."""
    time = fit("time", 12 if width >= _FULL_TIME else 8)
    return [(f"   {time}  {fit('from', 10)}  {fit('level', 8)}  text", "muted")]


def level(line: LogLine) -> tuple[str, str]:
    """Return a line's level as a word, and its role; a plain line says its stream."""
    if line.level:
        return visible(line.level.lower()), _LEVEL_ROLES.get(line.level.upper(), "warning")
    return ("stderr", "warning") if line.stream == "stderr" else (line.stream, "muted")


def row(line: LogLine, width: int, workers: Sequence[str] = ()) -> Line:
    """Return a log line as a row; of several lines the first and the last say most.

    Where there is no room for both, the exception at the end of a traceback comes first.
    """
    word, role = level(line)
    first, *rest = line.text.split("\n", TEXT_LINES)
    said = (visible(first), role if role == "error" else "")
    pieces: list[Piece] = [
        ("   " + clock(line.at_us, milliseconds=width >= _FULL_TIME) + "  ", "muted"),
        (fit(short_name(line.worker), 10) + "  ", worker_role(line.worker, workers)),
        (fit(word, 8) + "  ", role),
    ]
    last = visible(next((each for each in reversed(rest) if each.strip()), "").strip())
    if not last:
        return cut([*pieces, said], width)
    more = (f"  +{len(rest)}", "muted")
    whole_row = [*pieces, said, (f"  ⏎ {last}", "error"), more]
    if line_width(whole_row) <= width or not _holds_traceback(line.text):
        return cut(whole_row, width)
    pieces.append((last, "error"))
    if not first.startswith(_TRACEBACK):
        pieces += [(" · ", "muted"), (said[0], "")]
    return [*cut(pieces, width - line_width([more])), more]


def whole(line: LogLine, width: int) -> list[Line]:
    """Return a log line in full, with its logger and what it belongs to."""
    word, role = level(line)
    facts: list[Line] = [[(clock(line.at_us), "muted")], [(visible(line.worker), "log")]]
    facts.append([(word, role)])
    if line.logger:
        facts.append([(visible(line.logger), "muted")])
    if line.exchange_id is not None:
        facts.append([(f"belongs to {line.exchange_id}", "muted")])
    text = [[(MARGIN, ""), *each] for each in _text_lines(line.text, width - 4)]
    return [[(MARGIN, ""), *joined(facts, "  ")], [], *text]


def of_exchange(lines: list[LogLine], width: int) -> list[Line]:
    """Return the log lines of one exchange, each in full."""
    if not lines:
        return [[(MARGIN + "Nothing was logged while this was handled.", "muted")]]
    shown: list[Line] = []
    for line in lines:
        word, role = level(line)
        first, *rest = _text_lines(line.text, width - 26)
        head = [(MARGIN + clock(line.at_us) + "  ", "muted"), (fit(word, 8) + "  ", role)]
        shown.append([*head, *first])
        shown += [[(" " * 24, ""), *each] for each in rest]
    return shown


def _holds_traceback(text: str) -> bool:
    return text.startswith(_TRACEBACK) or f"\n{_TRACEBACK}" in text


def _text_lines(text: str, width: int) -> list[Line]:
    """Return a logged text: tracebacks with their colours, anything else wrapped."""
    shown: list[Line] = []
    in_traceback = False
    for each in text.split("\n", TEXT_LINES):
        in_traceback = in_traceback or each.startswith(_TRACEBACK)
        shown += traceback_lines(each, width) if in_traceback else wrap(each, width)
    return shown


def short_name(worker: str) -> str:
    """Return the last part of a worker's name, which is enough to tell it from others."""
    return visible(worker.rstrip(".").rpartition(".")[2])


def worker_role(worker: str, workers: Sequence[str] = ()) -> str:
    """Return the colour that a worker keeps; the engine itself stays muted.

    Among the project's *workers*, neighbours differ.
    """
    if worker == "engine":
        return "log"
    if worker in workers:
        return _SOURCES[workers.index(worker) % len(_SOURCES)]
    return _SOURCES[sum(worker.encode("utf-8", "replace")) % len(_SOURCES)]
