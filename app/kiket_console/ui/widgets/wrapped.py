"""A few lines between panes, as many as there is something to say; none takes no room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.widgets.ink import Inked

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Size
    from textual.strip import Strip

    from kiket_console.ui.paint.line import Line


class Wrapped(Inked):
    """Lines that *make* returns for a width."""

    def __init__(self, make: Callable[[int], list[Line]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._make = make
        self._lines: list[Line] = []
        self.styles.height = "auto"
        self.display = False

    def write(self) -> None:
        """Take in that there is something else to say."""
        lines = self._make(self.size.width or self.app.size.width)
        if len(lines) != len(self._lines):
            self.display = bool(lines)
            self.refresh(layout=True)
        self._lines = lines
        self.refresh()

    def on_resize(self) -> None:
        """Break it anew."""
        self.write()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        """Return how many lines there are."""
        return len(self._make(width))

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width, ground = self.size.width, self.ground
        line = self._lines[y] if y < len(self._lines) else ()
        return self.strip(line, ground).adjust_cell_length(width, ground)
