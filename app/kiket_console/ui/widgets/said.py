"""A sentence of one line: what went wrong, or what is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.paint.line import cut
from kiket_console.ui.widgets.ink import OneLine

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line


class Said(OneLine):
    """Says one thing at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._said: Line = ()

    def say(self, text: str, role: str) -> None:
        """Say *text*, in the role of a state."""
        self._said = [("  " + text, role)]
        self.refresh()

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        return cut(self._said, width)
