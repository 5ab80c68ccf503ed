"""A word beside what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import cell_width, visible
from kiket_console.ui.widgets.ink import OneLine

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line


class Label(OneLine):
    """The name of a field."""

    def __init__(self, text: str) -> None:
        super().__init__(classes="field-label")
        self._text = visible(text)
        self.styles.width = cell_width(self._text) + 4

    def line(self, width: int) -> Line:  # noqa: ARG002 - it is as wide as it is
        """Return the line to draw."""
        return [(f"  {self._text}", "muted")]
