"""A few lines that are told what to show; how many there are is a matter of layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.widgets.ink import Inked

if TYPE_CHECKING:
    from textual.strip import Strip

    from kiket_console.ui.paint.line import Line


class Told(Inked):
    """Lines from the top; what does not fit is not shown."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._said: tuple[Line, ...] = ()

    def say(self, *said: Line) -> None:
        """Show these lines instead."""
        self._said = said
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        line = self._said[y] if y < len(self._said) else ()
        width, ground = self.size.width, self.ground
        return self.strip(line, ground).adjust_cell_length(width, ground)
