"""Sources of lines: what a viewer shows, line by line, when a line is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.paint.line import Line


class LineSource(Protocol):
    """Lines that can be counted and looked at one by one."""

    @property
    def count(self) -> int:
        """How many lines there are."""

    def line(self, index: int) -> Line:
        """Return one line."""


class Lines:
    """Lines that are there already."""

    def __init__(self, lines: Sequence[Line] = ()) -> None:
        self._lines = lines

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def line(self, index: int) -> Line:
        """Return one line."""
        return self._lines[index]


class Chain:
    """Several sources, one below the other."""

    def __init__(self, *sources: LineSource) -> None:
        self._sources = sources

    @property
    def count(self) -> int:
        """How many lines there are."""
        return sum(source.count for source in self._sources)

    def line(self, index: int) -> Line:
        """Return one line."""
        for source in self._sources:
            if index < source.count:
                return source.line(index)
            index -= source.count
        raise IndexError(index)
