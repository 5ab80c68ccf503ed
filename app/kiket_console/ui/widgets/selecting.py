"""Select in a text with the mouse: what is copied is what was sent, not what is drawn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from kiket_console.text import cell_width, visible

if TYPE_CHECKING:
    from textual.selection import Selection

    from kiket_console.ui.widgets.text_view import TextView

MOST_ROWS = 20_000
"""A selection of more is not worked out row by row."""


class Selecting(Widget):
    """The part of a text view that selects."""

    ALLOW_SELECT = True

    @property
    def _view(self) -> TextView:
        return cast("TextView", self)

    def text_select_all(self) -> None:
        """Select nothing with a double click, which folds; `y` copies a whole body."""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text as it was sent, a wrapped line as one line."""
        last = self._view.source.count - 1
        first = 0 if selection.start is None else selection.start.y
        final = last if selection.end is None else min(last, selection.end.y)
        if final - first >= MOST_ROWS:
            return None  # of millions of rows only `y` copies all
        pieces: list[str] = []
        for row in range(max(0, first), final + 1):
            span = selection.get_span(row)
            if span is None:
                continue
            beside = sum(len(text) for text, _ in self._view.source.margin(row))
            start, end = self.selected_in(row, span, beside)
            if pieces and not self._view.source.continues(row):
                pieces.append("\n")
            text = self._view.source.text(row)[start:end]
            pieces.append(text.lstrip(" ") if self._view.source.continues(row) else text)
        return "".join(pieces), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - it is asked for
        """Draw the selection."""
        self._view.redraw()

    def selected_in(self, row: int, span: tuple[int, int], beside: int) -> tuple[int, int]:
        """Return which characters of a row are in a span of cells; its margin is none of it."""
        text = self._view.source.text(row)
        start, end = span
        first = _character(text, max(0, start - beside))
        return first, len(text) if end < 0 else max(first, _character(text, max(0, end - beside)))


def _character(text: str, cell: int) -> int:
    """Return which character of a text is shown in a cell."""
    if text.isascii() and text.isprintable():
        return min(cell, len(text))
    for at, sign in enumerate(text):
        cell -= cell_width(visible(sign))
        if cell < 0:
            return at
    return len(text)
