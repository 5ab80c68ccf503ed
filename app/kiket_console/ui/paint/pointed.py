"""A sentence that points at a place of the line that it speaks of.

▲ There is no field "stat".       right of its sign, in as many lines as it needs
Did you mean "status"?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.text import cell_width
from kiket_console.ui.paint.line import line_width, shortened, wrap

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

MOST: Final = 3
"""More lines would hide what the sentence is about."""
_LEAST: Final = 24
"""Beside a sign there must be so many cells for a text that is broken into lines."""


def pointed(text: str, role: str, column: int | None, width: int, *, is_below: bool) -> list[Line]:
    """Return visible *text* as at most `MOST` lines of *width* cells.

    The sign stands in *column* (cells from the left; None: there is no place to point at), in the
    line that is next to the one spoken of: the first when it *is_below* that, else the last.
    """
    if column is None or not 0 <= column < width - 1:
        return _broken(text, role, width - 2, " ")
    sign = "▲" if is_below else "▼"
    right = width - column - 3
    if cell_width(text) <= right or right >= max(_LEAST, column):
        lines = _broken(text, role, right, " " * (column + 2))
        at = 0 if is_below else -1
        lines[at] = [(" " * column + sign + lines[at][0][0][column + 1 :], role)]
        return lines
    lines = _broken(text, role, column - 2, "")  # it stands left of the sign
    indent = " " * (column - 1 - max(map(line_width, lines)))
    lines = [[(indent + said[0][0], role)] for said in lines]
    at = 0 if is_below else -1
    lines[at] = [(lines[at][0][0].ljust(column) + sign, role)]
    return lines


def _broken(text: str, role: str, width: int, indent: str) -> list[Line]:
    lines = wrap(text, max(8, width))
    if len(lines) > MOST:
        rest = " ".join(line[0][0] for line in lines[MOST - 1 :])
        lines = [*lines[: MOST - 1], [(shortened(rest, max(8, width)), role)]]
    return [[(indent + line[0][0], role)] for line in lines]
