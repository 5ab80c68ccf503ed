"""One of a few values, side by side where there is room: a field that is not typed into."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from textual.message import Message

from kiket_console.text import cell_width, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import cut, joined, line_width
from kiket_console.ui.widgets.ink import OneLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.events import Click

    from kiket_console.ui.paint.line import Line


class Pick(OneLine, can_focus=True):
    """A field that holds one of *values*; `←` and `→` go through them.

    It may hold another one, as whatever was read may; that stands in front of them then.
    """

    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.FIELD)]

    class Changed(Message):
        """A person took another value."""

    def __init__(
        self,
        values: Sequence[str],
        *,
        id: str,  # noqa: A002 - Textual's name for it
        otherwise: str = "",
        notes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Take what it may hold, what stands for nothing where that means something, and notes.

        The note on the value that it holds is said where there is room.
        """
        super().__init__(id=id)
        self._values = tuple(values)
        self._otherwise = otherwise
        self._notes = notes
        self.value = ""

    def show(self, value: str) -> None:
        """Hold *value*."""
        if value != self.value:
            self.value = value
            self.refresh()

    def allow(self, values: Sequence[str]) -> None:
        """Take in what it may hold."""
        if tuple(values) != self._values:
            self._values = tuple(values)
            self.refresh()

    def action_choose(self, by: int) -> None:
        """Take the next value."""
        held = self.value or self._otherwise
        at = self._values.index(held) + by if held in self._values else 0
        if self._values:
            self._take(self._values[at % len(self._values)])

    def on_click(self, event: Click) -> None:
        """Take the value under the pointer, or the next one."""
        left = 1
        gap = self._gap(self.size.width)
        if gap:
            for value in self._shown:
                right = left + cell_width(visible(value)) + gap
                if left <= event.x < right:
                    self._take(value)
                    return
                left = right
        else:
            self.action_choose(1)

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        held, gap = self.value or self._otherwise, self._gap(width)
        chosen = "picked" if self.has_focus else "title"
        if held not in self._values:
            chosen = "error"
        if not gap:
            sign = "accent" if self.has_focus else "faint"
            return cut([("◂ ", sign), (visible(held) or "-", chosen), (" ▸", sign)], width)
        groups: list[Line] = [
            [(visible(value), chosen if value == held else "muted")] for value in self._shown
        ]
        pieces = [(" ", ""), *joined(groups, " " * gap)]
        note = self._notes.get(held, "")
        if note and line_width(pieces) + cell_width(note) + gap + 2 <= width:
            pieces.append((f"{' ' * gap}({note})", "muted"))
        return cut(pieces, width)

    def on_focus(self) -> None:
        """Stand out."""
        self.refresh()

    def on_blur(self) -> None:
        """Stand out no longer."""
        self.refresh()

    def _take(self, value: str) -> None:
        if value != self.value:
            self.show(value)
            self.post_message(self.Changed())

    @property
    def _shown(self) -> tuple[str, ...]:
        other = self.value if self.value not in self._values else ""
        return (*((other,) if other else ()), *self._values)

    def _gap(self, width: int) -> int:
        """Return how far apart the values stand; 0: there is no room for all of them."""
        cells = sum(cell_width(visible(value)) for value in self._shown) + 1
        for gap in (3, 2, 1):
            if cells + gap * (len(self._shown) - 1) <= width:
                return gap
        return 0
