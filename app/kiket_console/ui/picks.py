"""The rows that a person has picked, so that a command acts on several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiket_console.ui.feed import Feed

MOST = 1000
"""How many rows can be picked: what one request to the engine takes."""


class Picks:
    """Rows of *feed* picked one by one, and a range that ends at the cursor while it is open."""

    def __init__(self, feed: Feed[Any]) -> None:
        self._feed = feed
        self._ids: set[int] = set()
        self._anchor: int | None = None

    def __bool__(self) -> bool:
        """Whether anything is picked."""
        return bool(self._ids) or self._anchor is not None

    def __contains__(self, row_id: int) -> bool:
        """Whether a row is picked."""
        return row_id in self._ids or self._in_range(row_id)

    @property
    def ranging(self) -> bool:
        """Whether a range is open."""
        return self._anchor is not None

    @property
    def count(self) -> int:
        """How many rows are picked, the shown ones."""
        return len(self.ids)

    @property
    def ids(self) -> list[int]:
        """The picked rows that are shown, in order of time, `MOST` at most."""
        found = {each for each in self._ids if self._feed.shows(each)}
        if self._anchor is not None:
            found.update(self._feed.ids_from(*self._range, MOST + 1))
        return sorted(found)[:MOST]

    @property
    def is_full(self) -> bool:
        """Whether no more rows can be picked."""
        return self.count >= MOST

    def toggle(self) -> None:
        """Pick the row under the cursor, or no longer; not more than `MOST` rows."""
        row_id = self._feed.selected_id
        if row_id is None:
            return
        if row_id in self._ids:
            self._ids.discard(row_id)
        elif not self.is_full:
            self._ids.add(row_id)

    def toggle_range(self) -> None:
        """Open a range at the cursor, or take in the one that is open."""
        if self._anchor is None:
            self._anchor = self._feed.selected_id
            self._feed.stays = self.ranging
            self._feed.pause()
        else:
            self._ids.update(self.ids)
            self._end_range()

    def clear(self) -> bool:
        """Pick nothing; return whether anything was picked."""
        was = bool(self)
        self._ids.clear()
        self._end_range()
        return was

    def _end_range(self) -> None:
        self._anchor = None
        self._feed.stays = False

    def _in_range(self, row_id: int) -> bool:
        """Whether a shown row is in the open range."""
        return self._anchor is not None and self._feed.is_between(row_id, *self._range)

    @property
    def _range(self) -> tuple[int, int]:
        """The two rows at the ends of the open range."""
        anchor = self._anchor or 0
        cursor = self._feed.selected_id
        return anchor, anchor if cursor is None else cursor
