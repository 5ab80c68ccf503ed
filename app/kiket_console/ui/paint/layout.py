"""The rows of a stored text for one width: what is too long for a row takes several."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.ui.paint.json_index import JsonIndex
from kiket_console.ui.paint.text_index import STEP_LINES
from kiket_console.ui.paint.wraps import LINE_CELLS, Rows, Wraps, breaks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.ui.paint.folds import Folds
    from kiket_console.ui.paint.text_index import Characters, TextIndex

HANGING = 2
_KEPT = 256
_WIDEST_SIGN = 10  # cells: `\U000e0001`


class Shape(NamedTuple):
    """How wide a text is laid out, and whether its lines are wrapped at that width."""

    width: int
    wrap: bool


class Row(NamedTuple):
    """A row's part of its line; or, where *said*, the sentence on what is wrong above it."""

    start: int
    end: int
    said: bool = False


class Layout:
    """Which row shows what of which line."""

    def __init__(
        self, index: TextIndex, folds: Folds | None, characters: Characters, shape: Shape
    ) -> None:
        self._index = index
        self._characters = characters
        self.shape = shape
        self._wraps = Wraps()
        self.rows = Rows(self._wraps, folds)
        self._kept: OrderedDict[int, tuple[str, list[Row]]] = OrderedDict()
        self.measured = 0
        """How many lines have their rows."""

    @property
    def count(self) -> int:
        """How many rows there are now."""
        return self.rows.row_of(self.measured)

    @property
    def digits(self) -> int:
        """How many cells the line numbers take; what grows is guessed, so that nothing moves."""
        large = len(self._index.raw) > _KEPT << 10
        return max(3, len(str(len(self._index.raw) // 12 if large else self._index.count)))

    @property
    def margin_cells(self) -> int:
        """How many cells stand left of the text."""
        return self.digits + (4 if isinstance(self._index, JsonIndex) else 3)

    def measure(self) -> Iterator[None]:
        """Look for lines that take more than one row, among those that are new."""
        starts, per_byte = self._index.starts, _WIDEST_SIGN if self._characters.widened else 1
        longest = self._room(0)[0] // per_byte
        problem = self._index.problem
        while (begin := self.measured) < (count := self._index.ended):
            end = min(count, begin + STEP_LINES)
            lengths = list(map(sub, starts[begin + 1 : end], starts[begin:end]))
            if len(lengths) < end - begin:
                first, after = self._index.span(end - 1)
                lengths.append(after - first)
            if problem is not None or max(lengths) + 2 * self._index.deepest(begin, end) > longest:
                depth = self._index.depth
                for line, length in enumerate(lengths, begin):
                    wrong = problem is not None and line == problem.line - 1
                    if wrong or length + 2 * depth(line) > longest:
                        self._add(line)
            self.measured = end
            yield
        self.rows.folded()

    def indent(self, number: int, row: Row) -> int:
        """Return how many cells a row is indented: brackets alone must not fill the screen."""
        deep = min(2 * self._index.depth(number), max(8, self.shape.width // 3))
        return deep + (HANGING if row.start else 0)

    def at(self, row: int) -> tuple[int, int]:
        """Return the line that a row shows, and which of that line's rows it is."""
        return self.rows.line_at(row, max(1, self.measured))

    def line(self, number: int) -> tuple[str, list[Row]]:
        """Return a line's text and the rows it takes."""
        kept = self._kept.get(number)
        if kept is None:
            text = self._index.text(number)
            plain = self._characters.plain
            starts = [0, *breaks(text, *self._room(number), plain=plain)]
            ends = [*starts[1:], len(text)]
            rows = [Row(start, end) for start, end in zip(starts, ends, strict=True)]
            problem = self._index.problem
            if problem is not None and number == problem.line - 1:
                part = bisect_right(starts, self.mistake(number)) - 1
                rows.insert(part + 1, Row(rows[part].start, rows[part].end, said=True))
            kept = self._kept[number] = (text, rows)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept

    def mistake(self, number: int) -> int:
        """Return which character of line *number* is the one that is wrong."""
        problem = self._index.problem
        return 0 if problem is None else self._index.position(number, problem.offset)

    def _add(self, line: int) -> None:
        extra = len(self.line(line)[1]) - 1
        if extra:
            self._wraps.add(line, extra)

    def _room(self, number: int) -> tuple[int, int]:
        """Return how many cells the first row of a line has for its text, and the others."""
        if not self.shape.wrap:
            return LINE_CELLS, LINE_CELLS
        deep = self.indent(number, Row(0, 0)) if number < self._index.count else 0
        first = max(8, self.shape.width - self.margin_cells - deep - 1)
        return first, max(8, first - HANGING)
