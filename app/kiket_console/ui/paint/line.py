"""A line of text with roles, and how lines are cut, spread and wrapped.

A piece is a text and the role that it plays; a theme decides what a role looks like. Texts may
come from outside: whoever draws a line makes its pieces visible, and whoever measures one here
does so beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from kiket_console.text import cell_width, fit, visible

Piece: TypeAlias = tuple[str, str]
Line: TypeAlias = Sequence[Piece]
Part: TypeAlias = tuple[int, Line]
"""A part of a line, and its rank: 1 for what stays longest when there is little room."""

ROLES = (
    "muted",  # labels, times, identifiers
    "faint",  # rules and grid
    "strong",
    "accent",
    "title",
    "ok",
    "warning",
    "error",
    "info",
    "webhook",
    "api",
    "ipc",
    "producer",
    "log",
    "name",  # keys of JSON, names of headers
    "text",  # strings in JSON
    "number",
    "word",  # keywords, true, false, null
    "sign",  # punctuation
    "match",  # what a search has found
    "found",  # the place that it is at
    "selected",  # with the mouse
    "picked",  # the number of a row that is one of several selected
)
PLAIN = ""
_NARROW = 4
"""More characters than so many for a cell are broken unmeasured: a text may be megabytes long."""
PICKED = "✓"
"""What stands before a row that is one of several selected ones."""


def marked(line: Line, start: int, end: int, role: str) -> Line:
    """Return *line* with its characters from *start* to *end* in another role."""
    pieces: list[Piece] = []
    begin = 0
    for text, its_role in line:
        low, high = max(0, start - begin), max(0, min(len(text), end - begin))
        if low < high:
            parts = ((text[:low], its_role), (text[low:high], role), (text[high:], its_role))
            pieces += [part for part in parts if part[0]]
        else:
            pieces.append((text, its_role))
        begin += len(text)
    return pieces


def with_bar(line: Line) -> Line:
    """Return *line* with the cursor's bar in its first cell, where that is blank."""
    if not line or not line[0][0].startswith(" "):
        return line
    (text, role), *rest = line
    return [("▌", "accent"), (text[1:], role), *rest]


def line_width(line: Line) -> int:
    """Return how many cells a line takes."""
    return sum(cell_width(visible(text)) for text, _ in line)


def spread(left: Line, right: Line, width: int, fill: Piece = (" ", PLAIN)) -> Line:
    """Return *left* and *right* pushed to the two ends of *width* cells; *left* gives way."""
    room = width - line_width(right)
    if room <= 0:
        return cut(right, width)
    left = cut(left, room)
    sign, role = fill
    return [*left, (sign * (room - line_width(left)), role), *right]


def cut(line: Line, width: int) -> Line:
    """Return *line* in at most *width* cells, with an ellipsis where it was cut."""
    if line_width(line) <= width:
        return line
    kept: list[Piece] = []
    for text, role in line:
        shown = visible(text)
        if width <= cell_width(shown):
            if width > 0:
                kept.append((fit(shown + " ", width), role))
            break
        kept.append((shown, role))
        width -= cell_width(shown)
    return kept


def shortened(text: str, width: int) -> str:
    """Return visible *text* in at most *width* cells, cut between words where that works."""
    if cell_width(text) <= width:
        return text
    head = _head(text, width - 1)
    space = head.rfind(" ")
    whole_word = text[len(head) : len(head) + 1] == " "
    if not whole_word and space > width // 3:
        head = head[:space]
    return fit(head.rstrip(" ,:") + "…", width).rstrip()


def wrap(text: str, width: int, role: str = PLAIN, indent: str = "") -> list[Line]:
    """Return *text* as lines of at most *width* cells, broken between words where that works."""
    room = max(8, width - len(indent))
    lines: list[Line] = []
    for paragraph in text.split("\n"):
        shown, at = visible(paragraph.rstrip("\r")), 0
        while len(shown) - at > _NARROW * room or cell_width(shown[at:]) > room:
            head = _head(shown[at : at + room], room)
            space = head.rfind(" ")
            rest = at + space + 1
            is_word = " " in shown[rest : rest + room + 1] or len(shown) - rest <= room
            if space > 0 and (space > room // 3 or is_word):
                head = head[:space]
            lines.append([(indent + head, role)])
            at += len(head)
            while shown.startswith(" ", at):
                at += 1
        lines.append([(indent + shown[at:], role)])
    return lines


def _head(text: str, width: int) -> str:
    """Return the longest beginning of *text* that fits *width* cells, one character at least."""
    if text.isascii():
        return text[:width]
    end = min(len(text), width)
    while end > 1 and cell_width(text[:end]) > width:
        end -= 1
    return text[:end]


def joined(groups: Iterable[Line], gap: str = "   ") -> Line:
    """Return lines one after the other as one line, with a gap between them."""
    pieces: list[Piece] = []
    for group in groups:
        if pieces:
            pieces.append((gap, PLAIN))
        pieces.extend(group)
    return pieces


def fitting(parts: Sequence[Part], width: int, gap: str = " · ") -> Line:
    """Return parts as one line of at most *width* cells, without those that say least.

    One part stays, however little room there is.
    """
    kept = list(parts)
    while len(kept) > 1 and line_width(joined([line for _, line in kept], gap)) > width:
        kept.remove(max(reversed(kept), key=lambda part: part[0]))
    return joined([line for _, line in kept], gap)
