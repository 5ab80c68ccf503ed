"""What all screens have: select with the mouse and copy; what changed alone is drawn and styled."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from textual.actions import SkipAction
from textual.errors import NoWidget
from textual.screen import Screen, ScreenResultType

from kiket_console.ui.redrawing import ChangedLines
from kiket_console.ui.widgets.selecting import SelectingDrawn

if TYPE_CHECKING:
    from textual.css.query import DOMQuery
    from textual.events import ScreenResume
    from textual.geometry import Offset, Size
    from textual.widget import Widget

    from kiket_console.ui.app import ConsoleApp


class Copying(Screen[ScreenResultType]):
    """A screen of which texts, and lists and pictures as they are drawn, can be copied.

    It stands behind other bases: Textual takes styles from the first one alone.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._compositor = ChangedLines()
        self._was_shown = False

    def _on_screen_resume(self, event: ScreenResume) -> None:
        """Style no screen again that is shown for the first time: its widgets have just been."""
        event.refresh_styles = self._was_shown
        self._was_shown = True
        self._racks.set(display=True)

    @property
    def _racks(self) -> DOMQuery[Widget]:
        return self.query_children("ToastRack")

    def on_screen_suspend(self) -> None:
        """Leave what is said in passing to the screen above, which knows when its time is over."""
        self._racks.set(display=False)

    def _screen_resized(self, size: Size) -> None:
        """Lay the screen out for another size: of the one it has it hears three times at first.

        What it tells itself once it is laid out may come behind word of the terminal's next size,
        and even in its place.
        """
        size = self.app.size
        if size != self.outer_size:
            super()._screen_resized(size)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """Return what is drawn at a cell, and which place in it: for selecting."""
        with suppress(NoWidget):
            widget, _ = self.get_widget_at(x, y)
            if isinstance(widget, SelectingDrawn):
                return widget, widget.place_at(x, y)
        return super().get_widget_and_offset_at(x, y)

    def text_select_all(self) -> None:
        """Select nothing with three clicks: a screen is no text."""

    def action_copy_text(self) -> None:
        """Copy what is selected with the mouse; without a selection, ctrl+c says how to leave."""
        selected = self.get_selected_text()
        if not selected:
            raise SkipAction
        from kiket_console.ui.clipboard import copy

        copy(cast("ConsoleApp", self.app), selected, "The selection")
        self.clear_selection()
