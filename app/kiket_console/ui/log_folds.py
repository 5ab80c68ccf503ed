"""Which rows of the log's list belong to which record, where some take more than one row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kiket_console.model import LogLine
    from kiket_console.ui.feed import Feed


class LogFolds:
    """The records of *feed* that take several rows, worked out when they are asked for.

    *below* tells how many rows a record takes beyond its first; only those that arrive are asked
    about anew, as long as nothing else has changed.
    """

    def __init__(self, feed: Feed[LogLine], below: Callable[[int], int]) -> None:
        self._feed = feed
        self._below = below
        self._known: Hashable = None
        self._seen = 0
        """How many records have been asked about."""
        self._last = 0
        self._positions: list[int] = []
        self._rows: list[int] = []
        """Of each record with several rows, which row is its first."""
        self._extra: list[int] = []
        """How many rows those up to it take beyond one each."""

    def forget(self) -> None:
        """Work everything out anew."""
        self._known = None

    def count(self, several: Callable[[], list[int]]) -> int:
        """Return how many rows there are; *several* lists all records that take more than one."""
        self._follow(several)
        return self._feed.count + (self._extra[-1] if self._extra else 0)

    def row_of(self, position: int, several: Callable[[], list[int]]) -> int:
        """Return the first row of the record at *position*."""
        self._follow(several)
        at = bisect_left(self._positions, position)
        return position + (self._extra[at - 1] if at else 0)

    def locate(self, row: int, several: Callable[[], list[int]]) -> tuple[int, int]:
        """Return which record a row belongs to, and which of its rows it is, from 0."""
        self._follow(several)
        at = bisect_right(self._rows, row) - 1
        if at < 0:
            return row, 0
        position, first = self._positions[at], self._rows[at]
        before = self._extra[at - 1] if at else 0
        if row - first <= self._extra[at] - before:
            return position, row - first
        return row - self._extra[at], 0

    def _follow(self, several: Callable[[], list[int]]) -> None:
        """Take in what has changed in the feed."""
        feed = self._feed
        count = feed.count
        first = feed.id_at(0) if count else 0
        known = (feed.narrowed, first)
        is_same = self._known == known and count >= self._seen
        if is_same and self._seen and feed.id_at(self._seen - 1) != self._last:
            is_same = False
        if not is_same:
            self._known, self._seen = known, count
            self._positions, self._rows, self._extra = [], [], []
            shown = [record for record in several() if feed.shows(record)]
            for record in sorted(shown):
                self._add(feed.position_of(record), self._below(record))
        for position in range(self._seen, count):
            self._add(position, self._below(feed.id_at(position)))
        self._seen, self._last = count, feed.id_at(count - 1) if count else 0

    def _add(self, position: int, below: int) -> None:
        if below > 0:
            before = self._extra[-1] if self._extra else 0
            self._positions.append(position)
            self._rows.append(position + before)
            self._extra.append(before + below)
