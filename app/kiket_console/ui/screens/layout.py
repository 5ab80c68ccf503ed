"""Where the details of a place are: nowhere until they are opened, beside the list, or below it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kiket_console.ui.screens.asking import Asking

if TYPE_CHECKING:
    from textual.geometry import Size

TALL_ROWS = 30
WIDE_COLUMNS = 160


class Layout(StrEnum):
    """Where the details are."""

    LIST = "list"
    """Nowhere; opened, they take the list's place."""
    SIDE = "side"
    STACKED = "stacked"


class LaidOut(Asking[None]):
    """A screen of two panes, laid out by its size until a person chooses a layout."""

    zoomed = False
    """Whether the pane that has the focus has all room."""
    _chosen: Layout | None = None

    def show_summary(self) -> None:
        """Write what depends on the room that there is."""
        raise NotImplementedError

    def natural_layout(self, size: Size) -> Layout:
        """Return the layout that a person gets who has not chosen one."""
        return Layout.STACKED if size.height >= TALL_ROWS else Layout.LIST

    def action_layout(self) -> None:
        """Go to the next layout."""
        layouts = tuple(Layout)
        now = self._chosen or self.natural_layout(self.size)
        self._chosen = layouts[(layouts.index(now) + 1) % len(layouts)]
        self.zoomed = False
        self.lay_out(self.size)

    def action_zoom(self) -> None:
        """Give all room to the pane that has the focus, or share it again."""
        self.zoomed = not self.zoomed
        self.lay_out(self.size)

    def begin_in(self, size: Size) -> None:
        """Begin as a screen of *size*: else all would be styled, and laid out, again for it."""
        app = self.app
        for cells, classes in (
            (size.width, app.HORIZONTAL_BREAKPOINTS), (size.height, app.VERTICAL_BREAKPOINTS),
        ):  # fmt: skip
            fitting = [name for least, name in classes or () if cells >= least]
            self.add_class(*fitting[-1:], update=False)
        self.add_class(f"-{self.natural_layout(size)}", update=False)

    def lay_out(self, size: Size) -> None:
        """Put the panes where they belong in a screen of *size*."""
        layout = self._chosen or self.natural_layout(size)
        shown = Layout.LIST if self.zoomed else layout
        self.update_classes({f"-{each}": each is shown for each in Layout})
        self.call_after_refresh(self.show_summary)  # once the rule has its width
