"""What a list showed at one moment, for filters that ask for it: `@focus`, `@shown`, `@hidden`."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from array import array

    from kiket_console.ui.feed import Feed
    from kiket_console.ui.pages import R


class Snapshot(Struct, frozen=True):
    """The row that was selected, and which of those up to the newest were shown."""

    focus: int | None
    newest: int
    ids: array[int] | None
    """Those that were shown, ascending; None: all of them."""

    def shown(self, row_id: int) -> bool:
        """Whether the list showed a row."""
        if self.ids is None:
            return row_id <= self.newest
        position = bisect_left(self.ids, row_id)
        return row_id in self.ids[position : position + 1]

    def hidden(self, row_id: int) -> bool:
        """Whether there was a row that the list did not show."""
        return row_id <= self.newest and not self.shown(row_id)


def snapshot(feed: Feed[R]) -> Snapshot:
    """Return what a list shows now."""
    return Snapshot(feed.selected_id, feed.newest_id, feed.in_time[:] if feed.narrowed else None)
