"""A text to read, line by line as it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.geometry import Size
from textual.strip import Strip

from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.widgets.pane import Pane

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.paint.source import LineSource

SIDEWAYS_CELLS = 16
WIDEST = 2_100


class TextView(Pane, can_focus=True):
    """A text to read: scrolls, wraps nothing by itself, keeps its place while it is refreshed."""

    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.LIST, Scope.VIEW)]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._source: LineSource = Lines()
        self._make: Callable[[int], LineSource] | None = None

    def show(self, make: Callable[[int], LineSource], *, stay: bool = False) -> None:
        """Show the lines that *make* returns for a width; *stay* keeps the scroll position."""
        self._make = make
        self._lay_out()
        if not stay:
            self.scroll_to(0, 0, animate=False)

    def on_resize(self) -> None:
        """Lay the text out for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        if self._make is None or not width:
            return
        self._source = self._make(width)
        self.virtual_size = Size(width, self._source.count)
        self.redraw()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        left, top = self.scroll_offset
        index, width, ground = y + top, self.size.width, self.rich_style
        if index >= self._source.count:
            return Strip.blank(width, ground)
        strip = self._strips.get(index)
        if strip is None:
            strip = self.strip(self._source.line(index), ground)
            self._strips[index] = strip
            if strip.cell_length > self.virtual_size.width:
                wide = min(WIDEST, strip.cell_length + 1)
                self.call_later(self._widen, wide)
        return strip.crop_extend(left, left + width, ground)

    def _widen(self, width: int) -> None:
        """Make room to scroll sideways once a wide line has been seen."""
        if width > self.virtual_size.width:
            self.virtual_size = Size(width, self._source.count)

    def action_step(self, by: int) -> None:
        """Scroll by lines."""
        self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self.scroll_relative(y=by * max(1, self.rows_shown - 1), animate=False)

    def action_half_page(self, by: int) -> None:
        """Scroll by half pages."""
        self.scroll_relative(y=by * max(1, self.rows_shown // 2), animate=False)

    def action_oldest(self) -> None:
        """Scroll to the top."""
        self.scroll_to(y=0, animate=False)

    def action_newest(self) -> None:
        """Scroll to the bottom."""
        self.scroll_to(y=self._source.count, animate=False)

    def action_sideways(self, by: int) -> None:
        """Scroll sideways."""
        self.scroll_relative(x=by * SIDEWAYS_CELLS, animate=False)
