"""Sources of lines: what a viewer shows, row by row, when a row is looked at.

A source knows more of its rows than what they look like: what stands left of them and stays there,
what can be folded, which JSON path they are at, what `enter` leads to, and where a text is found.
A *place* is such a find: a number that only its source can read, and that grows from top to bottom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.search import Query

_COLUMNS: Final = 1 << 20
_PARTS: Final = 1 << 48


class LineSource:
    """Rows that can be counted and looked at one by one; what most sources need not say."""

    @property
    def count(self) -> int:
        """How many rows there are now."""
        raise NotImplementedError

    def line(self, index: int) -> Line:
        """Return one row."""
        raise NotImplementedError

    def margin(self, index: int) -> Line:  # noqa: ARG002 - numbered sources look at it
        """Return what stands left of a row and stays there while it is scrolled sideways."""
        return ()

    def text(self, index: int) -> str:
        """Return a row as text, to search in it and to copy it: not made visible."""
        return "".join(text for text, _ in self.line(index))

    def continues(self, index: int) -> bool:  # noqa: ARG002 - sources that wrap look at it
        """Return whether a row goes on with the line of the row above."""
        return False

    def path(self, index: int) -> str:  # noqa: ARG002 - JSON looks at it
        """Return the JSON path of a row, empty where it has none."""
        return ""

    def folded(self, index: int) -> bool | None:  # noqa: ARG002 - JSON looks at it
        """Return whether a row hides others that can be unfolded; None when it cannot fold."""
        return None

    def fold(self, index: int) -> int:
        """Fold or unfold a row; return the row that it is now."""
        return index

    def turn(self, index: int) -> int:
        """Do what `enter` does on a row that leads nowhere; return the row that it is now."""
        return self.fold(index)

    def fold_level(self, index: int, by: int | None) -> int:  # noqa: ARG002 - JSON looks at it
        """Fold one level more (-1) or less (1); 0: fold everything; None: unfold everything.

        Return the row that *index* is then, or that hides it.
        """
        return index

    def value(self, index: int) -> bytes:
        """Return what a row stands for as it was sent: of JSON, the value with all it holds."""
        return self.text(index).strip().encode("utf-8", "surrogateescape")

    def above(self, index: int) -> int:
        """Return the row that opens what a row stands in, the row itself when there is none."""
        return index

    def target(self, index: int) -> str:  # noqa: ARG002 - sources that lead somewhere look at it
        """Return what `enter` leads to from a row, in the source's own words; empty: nothing."""
        return ""

    def name(self, index: int) -> str:
        """Return what a row is called, whatever stands above it; empty where it has no name."""
        return self.target(index)

    def row_of(self, name: str) -> int | None:  # noqa: ARG002 - sources with names look at it
        """Return the row that is called *name*; None where there is none."""
        return None

    def notable(self, index: int, by: int) -> int | None:  # noqa: ARG002 - timelines look at it
        """Return the next row (1), or the one before (-1), that a person should look at."""
        return None

    def find(self, query: Query) -> Iterator[Sequence[int]]:
        """Yield the places of *query* from top to bottom, a few milliseconds of work at a time."""
        for row in range(self.count):
            found = query.spans(self.text(row))
            yield [row * _COLUMNS + min(start, _COLUMNS - 1) for start, _ in found]

    def begin(self, index: int) -> int:
        """Return the first place that a row can have."""
        return index * _COLUMNS

    def show(self, place: int) -> tuple[int, int]:
        """Return the row of a place and its first character there, unfolded if it has to be."""
        return divmod(place, _COLUMNS)

    def spans(self, index: int, query: Query) -> list[tuple[int, int]]:
        """Return where *query* begins and ends in a row, in characters of its text."""
        return query.spans(self.text(index))


class Lines(LineSource):
    """Lines that are there already.

    *targets*: what `enter` leads to from some of them. *names*: what some are called, where that is
    not what they lead to.
    """

    def __init__(
        self,
        lines: Sequence[Line] = (),
        targets: dict[int, str] | None = None,
        names: dict[int, str] | None = None,
    ) -> None:
        self._lines = lines
        self._targets = targets or {}
        self._names = self._targets if names is None else names

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def line(self, index: int) -> Line:
        """Return one line."""
        return self._lines[index]

    def target(self, index: int) -> str:
        """Return what a line leads to."""
        return self._targets.get(index, "")

    def name(self, index: int) -> str:
        """Return what a line is called."""
        return self._names.get(index, "")

    def row_of(self, name: str) -> int | None:
        """Return the first line of that name."""
        return next((row for row, known in self._names.items() if known == name), None)


class Chain(LineSource):
    """Several sources, one below the other; only the last of them may grow."""

    def __init__(self, *sources: LineSource) -> None:
        self._sources: list[LineSource] = []
        for source in sources:
            self._sources += source._sources if isinstance(source, Chain) else [source]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(source.count for source in self._sources)

    def line(self, index: int) -> Line:
        """Return one row."""
        source, index, _ = self._at(index)
        return source.line(index)

    def margin(self, index: int) -> Line:
        """Return what stands left of a row."""
        source, index, _ = self._at(index)
        return source.margin(index)

    def text(self, index: int) -> str:
        """Return a row as text."""
        source, index, _ = self._at(index)
        return source.text(index)

    def continues(self, index: int) -> bool:
        """Return whether a row goes on with the line above."""
        source, index, _ = self._at(index)
        return source.continues(index)

    def path(self, index: int) -> str:
        """Return the JSON path of a row."""
        source, index, _ = self._at(index)
        return source.path(index)

    def folded(self, index: int) -> bool | None:
        """Return whether a row is folded."""
        source, index, _ = self._at(index)
        return source.folded(index)

    def fold(self, index: int) -> int:
        """Fold or unfold a row."""
        source, within, _ = self._at(index)
        return index - within + source.fold(within)

    def fold_level(self, index: int, by: int | None) -> int:
        """Fold or unfold in all sources; return the row that *index* is then."""
        here, within, number = self._at(index)
        for source in self._sources:
            if source is here:
                within = source.fold_level(within, by)
            elif source.count:
                source.fold_level(0, by)
        return within + sum(source.count for source in self._sources[:number])

    def value(self, index: int) -> bytes:
        """Return what a row stands for."""
        source, index, _ = self._at(index)
        return source.value(index)

    def above(self, index: int) -> int:
        """Return the row that opens what a row stands in."""
        source, within, _ = self._at(index)
        return index - within + source.above(within)

    def target(self, index: int) -> str:
        """Return what a row leads to."""
        source, index, _ = self._at(index)
        return source.target(index)

    def find(self, query: Query) -> Iterator[Sequence[int]]:
        """Yield the places of *query* in each source."""
        for number, source in enumerate(self._sources):
            for places in source.find(query):
                yield [number * _PARTS + place for place in places]

    def begin(self, index: int) -> int:
        """Return the first place that a row can have."""
        source, index, number = self._at(index)
        return number * _PARTS + source.begin(index)

    def show(self, place: int) -> tuple[int, int]:
        """Return the row of a place and its first character there."""
        number, place = divmod(place, _PARTS)
        number = min(number, len(self._sources) - 1)  # a place of what was here before
        row, start = self._sources[number].show(place)
        return row + sum(source.count for source in self._sources[:number]), start

    def spans(self, index: int, query: Query) -> list[tuple[int, int]]:
        """Return where *query* stands in a row."""
        source, index, _ = self._at(index)
        return source.spans(index, query)

    def _at(self, index: int) -> tuple[LineSource, int, int]:
        for number, source in enumerate(self._sources):
            if index < source.count:
                return source, index, number
            index -= source.count
        raise IndexError(index)
