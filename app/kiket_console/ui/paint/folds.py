"""Which lines of JSON are hidden because something above them is folded.

From some depth on everything may be folded; single lines are then the other way round. What is
folded within something folded is known when that is opened.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from kiket_console.ui.paint.json_index import DEEPEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.ui.paint.json_index import JsonIndex

UNFOLDED = DEEPEST + 1
"""A level that nothing is as deep as."""


class Folds:
    """The folds of one document."""

    def __init__(self, index: JsonIndex) -> None:
        self._index = index
        self.level = UNFOLDED
        self._others: set[int] = set()
        self.first = array("I")
        """The lines that hidden ranges begin with, ascending; the line before is what folds."""
        self.after = array("I")
        """The lines that come after those ranges."""

    def can_fold(self, line: int) -> bool:
        """Return whether a line opens something whose end is known."""
        return self._index.opens(line) and self._index.closes(line) > 0

    def folded(self, line: int) -> bool:
        """Return whether what a line opens is folded."""
        deep = self._index.depth(line) >= self.level
        return deep != (line in self._others) and self.can_fold(line)

    def holder(self, line: int) -> int:
        """Return the outermost folded line that hides *line*, -1 when it is not hidden."""
        at = bisect_right(self.first, line) - 1
        return self.first[at] - 1 if at >= 0 and line < self.after[at] else -1

    def toggle(self, line: int) -> None:
        """Fold what a visible line opens, or unfold it."""
        was = self.folded(line)
        self._others ^= {line}
        end = self._index.closes(line) + 1
        low = bisect_left(self.first, line + 1)
        high = bisect_left(self.first, end)
        ranges = list(self._within(line, end - 1)) if was else [(line + 1, end)]
        self.first[low:high] = array("I", [first for first, _ in ranges])
        self.after[low:high] = array("I", [after for _, after in ranges])

    def to_level(self, level: int) -> None:
        """Fold everything from a depth on, and nothing else."""
        self.level = level
        self._others = set()
        ranges = list(self._index.containers(level, 0, self._index.count))
        self.first = array("I", [opens + 1 for opens, _ in ranges])
        self.after = array("I", [closes + 1 for _, closes in ranges])

    def _within(self, line: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield what is hidden between an open line and the one that closes it."""
        depth = self._index.depth(line) + 1
        return self._ranges(line + 1, end, max(self.level, depth))

    def _ranges(self, low: int, high: int, depth: int) -> Iterator[tuple[int, int]]:
        """Yield what is hidden among some lines; above *depth* only single lines are folded."""
        candidates = dict(self._index.containers(depth, low, high))
        for line in self._others:
            if low <= line < high and self._index.depth(line) < self.level:
                candidates[line] = self._index.closes(line)
        seen = low
        for line in sorted(candidates):
            if line < seen:
                continue
            end = candidates[line]
            if self.folded(line):
                yield line + 1, end + 1
            else:
                yield from self._within(line, end)
            seen = end + 1
