"""A word beside what it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import cell_width, visible
from kiket_console.ui.widgets.ink import OneLine

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line


class Label(OneLine):
    """The name of a field.

    *beside*: the longest of the names that it stands under or above, so that fields are in line.
    """

    def __init__(self, text: str, *, id: str | None = None, beside: str = "") -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, classes="field-label")
        self._text = visible(text)
        self._bad = False
        self.styles.width = max(cell_width(self._text), cell_width(beside)) + 4

    def line(self, width: int) -> Line:  # noqa: ARG002 - it is as wide as it is
        """Return the line to draw."""
        return [(f"✗ {self._text}", "error")] if self._bad else [(f"  {self._text}", "muted")]

    def mark(self, *, bad: bool) -> None:
        """Show that something is wrong with the field, or no longer."""
        if bad != self._bad:
            self._bad = bad
            self.refresh()
