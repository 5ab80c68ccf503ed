"""Lines that need several rows, and which row of the screen is which line.

Only lines that are too long are remembered: where they break is worked out when they are seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import accumulate
from operator import add, sub
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.text import cell_width, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.paint.folds import Folds

LINE_CELLS = 2_000
"""What is longer takes several rows even where lines are not wrapped."""
_EXACT = 20_000
"""In a longer line that is not plain, rows are as long as they can be if each sign is wide."""


def breaks(text: str, first: int, others: int, *, plain: bool = False) -> list[int]:
    """Return where the rows of a line begin, the first (at 0) left out.

    *first* and *others*: how many cells the first row has, and those below it. Rows end between
    words where that costs them less than a third. *plain*: each character is known to be one cell.
    """
    plain = plain or (text.isascii() and text.isprintable())
    if plain and len(text) <= first:
        return []
    if not plain and len(text) > _EXACT:
        return list(range(max(1, first // 2), len(text), max(1, others // 2)))
    found: list[int] = []
    begin, room = 0, max(1, first)
    while True:
        end = begin + room if plain else _fitting(text, begin, room)
        if end >= len(text):
            return found
        space = text.rfind(" ", begin + (end - begin) * 2 // 3, end + 1)  # at the edge it may hang
        begin = space + 1 if space > begin else end
        found.append(begin)
        room = max(1, others)


def _fitting(text: str, begin: int, room: int) -> int:
    """Return the end of the longest piece that begins at *begin* and fits, of one sign at least."""
    end, left = begin, room
    while end < len(text):
        left -= _cells(text[end])
        if left < 0 and end > begin:
            return end
        end += 1
    return end


@lru_cache(maxsize=4096)
def _cells(sign: str) -> int:
    return cell_width(visible(sign))


class Wraps:
    """The lines that take more than one row."""

    def __init__(self) -> None:
        self._lines = array("I")
        self._extra = array("I")
        """Of each, how many rows it and those before it take beyond one each."""

    def add(self, line: int, extra: int) -> None:
        """Take in that a line further down takes *extra* rows more than one."""
        self._extra.append((self._extra[-1] if self._extra else 0) + extra)
        self._lines.append(line)

    def __len__(self) -> int:
        """Return how many lines take more than one row."""
        return len(self._lines)

    def before(self, line: int) -> int:
        """Return how many rows the lines before *line* take beyond one each."""
        at = bisect_left(self._lines, line)
        return self._extra[at - 1] if at else 0


class _Hidden(NamedTuple):
    """Ranges of hidden lines, and how many rows they and those before them would take."""

    first: Sequence[int] = ()
    after: Sequence[int] = ()
    rows: Sequence[int] = ()


class Rows:
    """Which row is which line, where some are hidden and some take several rows."""

    def __init__(self, wraps: Wraps, folds: Folds | None) -> None:
        self._wraps = wraps
        self._folds = folds
        self._hidden = _Hidden()
        self.folded()

    def folded(self) -> None:
        """Take in that something was folded or unfolded."""
        if self._folds is None or not self._folds.first:
            self._hidden = _Hidden()
            return
        first, after = self._folds.first, self._folds.after
        hidden = map(sub, after, first)
        if self._wraps:
            before = self._wraps.before
            extra = map(sub, map(before, after), map(before, first))
            hidden = map(add, hidden, extra)
        self._hidden = _Hidden(first, after, list(accumulate(hidden)))

    def row_of(self, line: int) -> int:
        """Return the first row of *line*; of a hidden one, that of the next that is not."""
        row = line + self._wraps.before(line)
        hidden = self._hidden
        at = bisect_left(hidden.first, line) if hidden.rows else 0
        if not at:
            return row
        first, after = hidden.first[at - 1], hidden.after[at - 1]
        if line >= after:
            return row - hidden.rows[at - 1]
        earlier = hidden.rows[at - 2] if at > 1 else 0
        return first + self._wraps.before(first) - earlier

    def line_at(self, row: int, count: int) -> tuple[int, int]:
        """Return the line (of *count*) that a row shows, and which of its rows it is."""
        line = bisect_right(range(count), row, key=self.row_of) - 1
        return line, row - self.row_of(line)
