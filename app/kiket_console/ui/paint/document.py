"""A stored text as rows: numbered, folded, wrapped, coloured where it is looked at."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from kiket_console import json_path
from kiket_console.text import cell_width, fit_right, plural, visible
from kiket_console.ui.paint.folds import UNFOLDED, Folds
from kiket_console.ui.paint.json_index import JsonIndex
from kiket_console.ui.paint.layout import Layout, Row, Shape
from kiket_console.ui.paint.source import LineSource
from kiket_console.ui.paint.syntax import coloured
from kiket_console.ui.paint.text_index import Characters, TextIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.paint.search import Query

FOLDED, OPEN = "▸", "▾"
_WHOLE = 20_000
"""In a line of more characters, what is coloured or marked is looked for around the row alone."""
_AROUND = 500


class Document(LineSource):
    """One text; *language* names its colours (`json` or empty)."""

    def __init__(self, index: TextIndex, language: str = "") -> None:
        self.index = index
        self.characters = Characters(index.raw)
        self._language = language
        self._json = index if isinstance(index, JsonIndex) else None
        self._folds = Folds(self._json) if self._json else None
        self._layout = Layout(index, self._folds, self.characters, Shape(80, wrap=False))
        self._deepest = 0

    def read(self, shape: Shape) -> Iterator[None]:
        """Find the lines, step by step; what was found can be looked at meanwhile."""
        yield from self.characters.read()
        shape = self._seen(shape)
        self._layout = Layout(self.index, self._folds, self.characters, shape)
        for _ in self.index.read():
            yield from self._layout.measure()
        yield from self._layout.measure()

    def fit(self, shape: Shape) -> Iterator[None]:
        """Lay the rows out anew, step by step; until that is done they stay as they were."""
        shape = self._seen(shape)
        if shape != self._layout.shape:
            layout = Layout(self.index, self._folds, self.characters, shape)
            yield from layout.measure()
            self._layout = layout

    def fits(self, shape: Shape) -> bool:
        """Return whether it is laid out for a shape."""
        return self._layout.shape == self._seen(shape)

    def _seen(self, shape: Shape) -> Shape:
        """Return *shape*, wrapped where a mistake has to be seen wherever in a line it is."""
        return shape if self.index.problem is None else Shape(shape.width, wrap=True)

    @property
    def count(self) -> int:
        """How many rows there are now."""
        return self._layout.count

    # What is drawn

    def line(self, index: int) -> Line:
        """Return one row."""
        number, place = self._layout.at(index)
        text, rows = self._layout.line(number)
        row = rows[place]
        if row.said:
            return self._mistake(number, text, row)
        indent = self._layout.indent(number, row)
        pieces: list[Piece] = [(" " * indent, "")] if indent else []
        pieces += self._coloured(text, row)
        if self._folds is not None and self._json is not None and self._folds.folded(number):
            items = plural(self._json.items(number), "item")
            pieces.append((f" {items} ", "muted"))
            pieces.append((self._json.text(self._json.closes(number)), "sign"))
        return pieces

    def _coloured(self, text: str, row: Row) -> Line:
        if row.start == 0 and row.end == len(text):
            return coloured(text, self._language)
        if len(text) > _WHOLE:
            return [(text[row.start : row.end], "text" if self._language else "")]
        pieces: list[Piece] = []
        begin = 0
        for piece, role in coloured(text, self._language):
            end = begin + len(piece)
            low, high = max(begin, row.start), min(end, row.end)
            if low < high:
                pieces.append((text[low:high], role))
            begin = end
        return pieces

    def _mistake(self, number: int, text: str, row: Row) -> Line:
        problem = self.index.problem
        if problem is None:
            return ()
        before = cell_width(visible(text[row.start : self._layout.mistake(number)]))
        before += self._layout.indent(number, row)
        said = f"line {problem.line:,}, column {problem.column:,}: {visible(problem.sentence)}"
        width = self._layout.shape.width - self._layout.margin_cells
        if before + 3 + len(said) <= width:
            return [(" " * before, ""), (f"▲ {said}", "error")]
        if before > len(said):
            return [(" " * (before - len(said) - 1), ""), (f"{said} ▲", "error")]
        return [(" " * before, ""), ("▲ here", "error")]

    def margin(self, index: int) -> Line:
        """Return the line's number, and whether it is folded."""
        number, place = self._layout.at(index)
        shown = fit_right("" if place else str(number + 1), self._layout.digits)
        if self._folds is None:
            return [(f" {shown}  ", "faint")]
        if place or not self._folds.can_fold(number):
            return [(f" {shown}   ", "faint")]
        if self._folds.folded(number):
            return [(f" {shown} ", "faint"), (f"{FOLDED} ", "accent")]
        return [(f" {shown} {OPEN} ", "faint")]

    def continues(self, index: int) -> bool:
        """Return whether a row goes on with the line above."""
        return self._layout.at(index)[1] > 0

    # What a person does with it

    def path(self, index: int) -> str:
        """Return the JSON path of a row."""
        return json_path.write(self._json.place(self._layout.at(index)[0])) if self._json else ""

    def value(self, index: int) -> bytes:
        """Return the JSON value of a row as it was sent; of other text, its line."""
        number = self._layout.at(index)[0]
        if self._json is not None:
            return self._json.value(number)
        return self.index.text(number).encode("utf-8", "surrogateescape")

    def folded(self, index: int) -> bool | None:
        """Return whether a row is folded; None when it cannot fold."""
        number, place = self._layout.at(index)
        if self._folds is None or place or not self._folds.can_fold(number):
            return None
        return self._folds.folded(number)

    def fold(self, index: int) -> int:
        """Fold or unfold what a row opens, or closes; return the row that opens it."""
        if self._folds is None or self._json is None:
            return index
        number = self._json.opened_by(self._layout.at(index)[0])
        if not self._folds.can_fold(number):
            return index
        self._folds.toggle(number)
        self._layout.rows.folded()
        return self._layout.rows.row_of(number)

    def fold_level(self, index: int, by: int | None) -> int:
        """Fold a level more or less, everything (0) or nothing (None); return the row's new one."""
        if self._folds is None or self._json is None or not self.index.complete:
            return index
        number = self._layout.at(index)[0]
        self._deepest = self._deepest or self._json.deepest(0, self._json.count)
        level = 1 if by == 0 else UNFOLDED
        if by:
            level = max(1, min(self._folds.level, self._deepest) + by)
        self._folds.to_level(level if level < self._deepest else UNFOLDED)
        self._layout.rows.folded()
        holder = self._folds.holder(number)
        return self._layout.rows.row_of(holder if holder >= 0 else number)

    def above(self, index: int) -> int:
        """Return the row that opens what a row stands in."""
        if self._json is None:
            return index
        parent = self._json.parent(self._layout.at(index)[0])
        return self._layout.rows.row_of(parent) if parent >= 0 else index

    # Where a text is

    def find(self, query: Query) -> Iterator[Sequence[int]]:
        """Yield the places of *query*: in all of the text, be it shown or not."""
        return query.offsets(self.index.raw, json=self._json is not None)

    def begin(self, index: int) -> int:
        """Return the first place that a row can have."""
        number, place = self._layout.at(index)
        text, rows = self._layout.line(number)
        start = self.index.starts[number]
        return start + len(text[: rows[place].start].encode("utf-8", "replace"))

    def show(self, place: int) -> tuple[int, int]:
        """Return the row of a place, unfolded if it has to be, and its first character there."""
        number = self.index.line_at(place)
        if self._folds is not None:
            while (holder := self._folds.holder(number)) >= 0:
                self._folds.toggle(holder)
            self._layout.rows.folded()
        text, rows = self._layout.line(number)
        position = min(self.index.position(number, place), max(0, len(text) - 1))
        parts = [(at, row) for at, row in enumerate(rows) if not row.said]
        part = bisect_right([row.start for _, row in parts], position) - 1
        at, row = parts[max(0, part)]
        first = self._layout.rows.row_of(number)
        return first + at, self._layout.indent(number, row) + position - row.start

    def spans(self, index: int, query: Query) -> list[tuple[int, int]]:
        """Return where *query* stands in a row; of one that goes over a row's end, its part."""
        number, place = self._layout.at(index)
        text, rows = self._layout.line(number)
        row = rows[place]
        if row.said:
            return []
        low, high = 0, len(text)
        if high > _WHOLE:
            low, high = max(0, row.start - _AROUND), row.end + _AROUND
        shift = self._layout.indent(number, row) - row.start
        found = [(start + low, end + low) for start, end in query.spans(text[low:high])]
        return [
            (max(start, row.start) + shift, min(end, row.end) + shift)
            for start, end in found
            if start < row.end and end > row.start
        ]
