"""Charts: lines that are made for the room there is, and kept until something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message
from textual.strip import Strip

from kiket_console.ui.widgets.selecting import SelectingDrawn

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from textual.events import Click
    from textual.selection import Selection

    from kiket_console.ui.paint.line import Line


class Chart(SelectingDrawn):
    """A picture of some lines."""

    class Clicked(Message):
        """A cell of the picture was clicked."""

        def __init__(self, cell: int) -> None:
            super().__init__()
            self.cell = cell

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._make: Callable[[tuple[int, int]], Sequence[Line]] | None = None
        self._depends: Hashable = None
        self._lines: Sequence[Line] = ()
        self._drawn: tuple[tuple[int, int], Sequence[Strip]] | None = None

    def show(self, depends: Hashable, make: Callable[[tuple[int, int]], Sequence[Line]]) -> None:
        """Show the lines that *make* returns for a width and a height.

        They are drawn again when *depends* is another, or the room is.
        """
        self._make = make
        if depends != self._depends:
            self._depends = depends
            self._drawn = None
            self.refresh()

    def draw(self, lines: range) -> Iterable[Strip]:
        """Return some lines, ready for the terminal."""
        finish, strips = self.finishing(), self._strips()
        return (finish(strips[y] if y < len(strips) else Strip([], 0)) for y in lines)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        return next(iter(self.draw(range(y, y + 1))))

    def _strips(self) -> Sequence[Strip]:
        """Return the lines of the picture, made for the room there is."""
        room = (self.size.width, self.size.height)
        if self._drawn is None or self._drawn[0] != room:
            self._lines = self._make(room) if self._make is not None else ()
            marked = (self.with_selection(line, y) or line for y, line in enumerate(self._lines))
            self._drawn = (room, [self.strip(line, self.ground) for line in marked])
        return self._drawn[1]

    def drawn(self, y: int) -> Line:
        """Return a line of the picture."""
        return self._lines[y] if y < len(self._lines) else ()

    @property
    def drawn_on_screen(self) -> range:
        """Return all lines."""
        return range(len(self._lines))

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._drawn = None
        super().selection_updated(selection)

    def on_click(self, event: Click) -> None:
        """Say where it was clicked, unless it was dragged over."""
        if self.text_selection is None:
            self.post_message(self.Clicked(event.x))

    def notify_style_update(self) -> None:
        """Draw anew when a theme changes."""
        self._drawn = None
        super().notify_style_update()
