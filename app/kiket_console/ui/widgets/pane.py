"""What a text to read and a list with a cursor have in common: the line API, no animation.

What is not on screen is neither laid out nor styled; a step of the cursor draws two lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.cache import LRUCache
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar

from kiket_console.ui.widgets.ink import Inked

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual.geometry import Size
    from textual.strip import Strip

STRIPS = 128


class Pane(Inked, ScrollView, inherit_bindings=False):
    """A pane that keeps the strips it has drawn."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._strips: LRUCache[Hashable, Strip] = LRUCache(STRIPS)

    def notify_style_update(self) -> None:
        """Forget styles and strips when a theme changes."""
        self._strips.clear()
        super().notify_style_update()

    def redraw(self) -> None:
        """Draw all visible lines again."""
        self._strips.clear()
        self.refresh()

    def resize(self, size: Size) -> None:
        """Take in how large what is shown is; only what moves others lays the screen out anew."""
        if size == self.virtual_size:
            return
        scrolls = size.height > self.container_size.height
        if self.styles.is_auto_height or scrolls != self.show_vertical_scrollbar:
            self.virtual_size = size
        else:
            self.set_reactive(Pane.virtual_size, size)
            self._scroll_update(size)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Draw the scrollbar again where its thumb moves: in a long list a row is far less."""
        if self.show_vertical_scrollbar and self._thumb(old_value) == self._thumb(new_value):
            self.vertical_scrollbar.set_reactive(ScrollBar.position, new_value)
            self.refresh(self.size.region)
        else:
            super().watch_scroll_y(old_value, new_value)

    def _thumb(self, position: float) -> int:
        """Return how many eighths of a cell the thumb is from the top, as Textual draws it."""
        cells, way = self.size.height, self.max_scroll_y
        if not way:  # nor need there be a row, when a list was emptied and is not laid out yet
            return 0
        thumb = max(1.0, cells * cells / self.virtual_size.height)
        return int((cells - thumb) * position / way * 8)

    @property
    def rows_shown(self) -> int:
        """How many rows fit."""
        return max(1, self.scrollable_content_region.height)
