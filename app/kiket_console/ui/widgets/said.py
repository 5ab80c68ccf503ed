"""A sentence: what went wrong, or what is under way; it takes more lines where it needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.paint.line import cut, wrap
from kiket_console.ui.widgets.wrapped import Wrapped

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line

MOST_LINES = 4
INDENT = "  "


class Said(Wrapped):
    """Says one thing at a time; its first line is there also while nothing is said."""

    def __init__(self) -> None:
        super().__init__(self._broken)
        self._said = ("", "")
        self.display = True

    def say(self, text: str, role: str) -> None:
        """Say *text*, in the role of a state."""
        self._said = text, role
        self.write()

    def _broken(self, width: int) -> list[Line]:
        text, role = self._said
        lines = wrap(text, width, role, INDENT)
        if len(lines) > MOST_LINES:
            rest = " ".join(part.strip() for line in lines[MOST_LINES - 1 :] for part, _ in line)
            lines[MOST_LINES - 1 :] = [cut([(INDENT + rest, role)], width)]
        return lines
