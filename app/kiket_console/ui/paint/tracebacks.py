"""Logged texts of several lines: tracebacks in their colours, with what their frames held.

In the list the project's own frames tell of their locals; in the details all do:

      File "/srv/shop/main.py", line 12, in transition
        total += line.amount / line.count
        │ line = Line(amount=3, count=0)
        │ total = 0
    ZeroDivisionError: division by zero
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.log_levels.told import told
from kiket_console.text import uncoloured, visible
from kiket_console.ui.frames import frames, is_own
from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.paint.syntax import coloured, traceback_lines

if TYPE_CHECKING:
    from kiket_console.model import LogLine
    from kiket_console.traced_frames import Placed
    from kiket_console.ui.paint.line import Line, Piece

TEXT_LINES: Final = 2_000
_HEAD = re.compile(r"^\s*(?:\+ )?(?:Exception Group )?Traceback \(", re.MULTILINE)
_BAR: Final = "│ "
_INDENT: Final = 4
_FULL_TIME: Final = 92
_MOST_SIGNS: Final = 4
"""How many characters one cell may take: a family of emoji has seven in two."""


class Part(NamedTuple):
    """A row of a record that is unfolded."""

    row: int
    """Which line of the text it is, or stands below, from 0."""
    name: str = ""
    """Of which local it tells; empty: it is that line."""
    value: str = ""
    more: int = 0
    """How many locals it says that there are besides."""
    is_traceback: bool = False

    @property
    def is_value(self) -> bool:
        """Whether it tells of locals."""
        return bool(self.name or self.more)


def holds_traceback(text: str) -> bool:
    """Tell whether a Python traceback is in *text*."""
    return _HEAD.search(text) is not None


def lines_of(line: LogLine) -> list[str]:
    """Return the lines of a record as a list tells them, without the codes that colour them."""
    return uncoloured(told(line.text)).split("\n", TEXT_LINES)


def beginning(text: str, width: int) -> str:
    """Return what a row of *width* cells may show of a text: the rest would be measured in vain."""
    return visible(text[: width * _MOST_SIGNS])


def parts(line: LogLine, folder: str = "") -> tuple[Part, ...]:
    """Return the rows of a record: its lines, and below the project's own frames their locals."""
    return _parts(told(line.text), line.frames, folder)


@lru_cache(maxsize=128)
def _parts(text: str, kept: str, folder: str) -> tuple[Part, ...]:
    lines = uncoloured(text).split("\n", TEXT_LINES)
    places = {each.last: each.frame for each in _placed(kept, lines)}
    found: list[Part] = []
    inside = False
    for number, each in enumerate(lines):
        inside = inside or holds_traceback(each)
        found.append(Part(number, is_traceback=inside))
        frame = places.get(number)
        if frame is None or not is_own(frame.file, folder):
            continue
        found += [Part(number, name, value) for name, value in frame.values]
        if frame.more:
            found.append(Part(number, more=frame.more))
    return tuple(found)


def row(line: LogLine, part: int, width: int, folder: str = "") -> Line:
    """Return one of the rows of an unfolded record; *part* counts them from 0."""
    known = parts(line, folder)
    if part >= len(known):
        return [(" ", "")]
    shown = known[part]
    indent: Piece = (" " * (5 if width < _FULL_TIME else 16), "")
    if shown.is_value:
        return cut([indent, (" " * _INDENT, ""), *_value(shown)], width)
    text = lines_of(line)[shown.row]
    if not shown.is_traceback:
        return cut([indent, (beginning(text, width), "")], width)
    said = traceback_lines(text, width - len(indent[0]))[0]
    return cut([indent, *_stepped_back(said, text, folder)], width)


def text_lines(line: LogLine, width: int, folder: str = "", *, inside: bool = False) -> list[Line]:
    """Return a logged text as it came: tracebacks with their colours and locals, the rest wrapped.

    *inside*: it begins within a traceback.
    """
    lines = uncoloured(line.text).split("\n", TEXT_LINES)
    places = _placed(line.frames, lines)
    at = {each.first: each for each in places}
    shown: list[Line] = []
    past = -1
    for number, each in enumerate(lines):
        if number <= past:
            continue
        inside = inside or holds_traceback(each)
        if not inside:
            shown += wrap(each, width)
            continue
        said = traceback_lines(each, width)
        shown += [_stepped_back(piece, each, folder) for piece in said] if folder else said
        if (place := at.get(number)) is not None:
            past = place.last
            shown += _held(place, lines, width, is_own=is_own(place.frame.file, folder))
    return shown


def _held(place: Placed, lines: list[str], width: int, *, is_own: bool) -> list[Line]:
    """Return a frame's source, with what stands around it where it is the project's own; locals."""
    frame = place.frame
    shown: list[Line] = []
    if is_own and any(each.strip() for each in frame.source):
        margin = min(_margin(each) for each in frame.source if each.strip())
        digits = len(str(frame.first + len(frame.source) - 1))
        for number, text in enumerate(frame.source, frame.first):
            here = number == frame.line
            sign = "▸" if here else " "
            label: Piece = (f"    {sign} {number:>{digits}}  ", "error" if here else "muted")
            code = coloured(visible(text[margin:]), "python")
            shown.append(cut([label, *(code if here else _muted(code))], width))
    else:
        for text in lines[place.first + 1 : place.last + 1]:
            shown += [_muted(each) for each in traceback_lines(text, width)]
    known = [Part(place.last, name, value) for name, value in frame.values]
    known += [Part(place.last, more=frame.more)] if frame.more else []
    for each in known:
        shown += _wrapped_value(each, width)
    return shown


def _wrapped_value(part: Part, width: int) -> list[Line]:
    lead: Piece = (" " * 6 + _BAR, "muted")
    if part.more:
        return [cut([lead, *_value(part)[1:]], width)]
    name = visible(part.name)
    first, *rest = wrap(f"{name} = {part.value}", max(8, width - 10))
    said = "".join(text for text, _ in first)
    head: Line = first
    if said.startswith(f"{name} ="):
        head = [(name, "name"), (" =", "muted"), *coloured(said[len(name) + 2 :], "python")]
    return [[lead, *head], *([lead, ("  ", ""), *each] for each in rest)]


def _value(part: Part) -> list[Piece]:
    if part.more:
        return [(_BAR, "muted"), (f"… and {part.more} more", "muted")]
    text = visible(part.value)
    said = coloured(text, "python")
    return [(_BAR, "muted"), (visible(part.name), "name"), (" = ", "muted"), *said]


def _stepped_back(shown: Line, text: str, folder: str) -> Line:
    """Return a line of a traceback, less loud where it is a place in a library."""
    named = frames(text)
    return _muted(shown) if named and not is_own(named[0].file, folder) else shown


def _muted(line: Line) -> Line:
    return [(text, "muted") for text, _ in line]


def _margin(text: str) -> int:
    return len(text) - len(text.lstrip())


def _placed(kept: str, lines: list[str]) -> list[Placed]:
    if not kept:
        return []
    from kiket_console import traced_frames

    return traced_frames.placed(traced_frames.read(kept), lines)
