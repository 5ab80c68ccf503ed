"""What a text to read and a list with a cursor have in common: the line API, no animation.

What is not on screen is neither laid out nor styled; a step of the cursor draws two lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.cache import LRUCache
from textual.geometry import Region
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

    def draw_now(self) -> None:
        """Draw what changed here at once, not when the screen and its timer have heard of it.

        What has to be laid out first is left to these.
        """
        screen = self.screen
        if screen._layout_required or self._layout_required or self._scroll_required:
            return
        bars = [self.vertical_scrollbar] if self.show_vertical_scrollbar else []
        changed = {each for each in (self, *bars) if each._repaint_required}
        for each in changed:
            each._repaint_required = False
        if changed:
            screen._dirty_widgets |= changed
            screen._on_timer_update()

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
            self.refresh(Region(0, 0, self.row_width, self.size.height))
        else:
            super().watch_scroll_y(old_value, new_value)

    def _thumb(self, position: float) -> int:
        """Return how many eighths of a cell the thumb is from the top, as Textual draws it."""
        cells, way = self.size.height, self.max_scroll_y
        if not way:  # nor need there be a row, when a list was emptied and is not laid out yet
            return 0
        thumb = max(1.0, cells * cells / self.virtual_size.height)
        return int((cells - thumb) * position / way * 8)

    def refresh_line(self, y: int) -> None:
        """Draw a line again, and nothing of the scrollbar beside it."""
        self.refresh(Region(0, y - self.scroll_offset.y, self.row_width, 1))

    @property
    def row_width(self) -> int:
        """How many cells a row has."""
        return self.scrollable_content_region.width

    @property
    def rows_shown(self) -> int:
        """How many rows fit."""
        return max(1, self.scrollable_content_region.height)
