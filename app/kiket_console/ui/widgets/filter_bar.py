"""The filter that a list is under, in one line above it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from kiket_console.ui.paint.line import cut, line_width
from kiket_console.ui.widgets.ink import OneLine
from kiket_console.ui.widgets.spots import Spot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.filtering import Filter
    from kiket_console.ui.paint.line import Line

_LEAST = 12
"""A filter in fewer cells would say nothing."""


class FilterBar(OneLine):
    """Say which rows are shown; take no room while all of them are."""

    class Chosen(Message):
        """The bar was clicked."""

    def __init__(self) -> None:
        super().__init__(id="filter-bar")
        self.display = False
        self._filter: Filter | None = None
        self._suspended = False
        self._keys = ("", "")

    def show(self, wanted: Filter | None, *, suspended: bool, keys: tuple[str, str]) -> None:
        """Take in the filter; *keys* resume a suspended one, and regroup one that was read."""
        self._filter, self._suspended, self._keys = wanted, suspended, keys
        self.display = wanted is not None
        self.refresh()

    def on_click(self) -> None:
        """Let a person change the filter."""
        self.post_message(self.Chosen())

    def spots(self) -> Sequence[Spot]:
        """Return the filter, to change it."""
        return (Spot(0, 0, partial(self.post_message, self.Chosen()), 1),)

    def line(self, width: int) -> Line:
        """Return the line to draw."""
        if self._filter is None:
            return ()
        role = "muted" if self._suspended else ""
        typed: Line = [(" / ", "accent"), (self._filter.text, role)]
        said = self._said()
        room = width - line_width(said)
        if line_width(typed) > room and room < _LEAST:
            return cut(typed, width)
        return [*cut(typed, room), *said]

    def _said(self) -> Line:
        resume, regroup = self._keys
        if self._suspended:
            return [("   suspended, ", "warning"), (resume, "accent"), (" resumes it ", "muted")]
        if self._filter is not None and self._filter.reading:
            said = f"   read as {self._filter.reading}, "
            return [(said, "muted"), (regroup, "accent"), (" regroups ", "muted")]
        return ()
