"""Select with the mouse: of a text what was sent is copied, of a list or a picture what is drawn.

So a value that is hidden is never copied: it is not drawn.
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any, cast

from textual.geometry import Offset
from textual.widget import Widget

from kiket_console.text import cell_width, visible
from kiket_console.ui.paint.line import marked
from kiket_console.ui.widgets.ink import Inked

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.selection import Selection

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.widgets.text_view import TextView

MOST_ROWS = 20_000
"""A selection of more is not worked out row by row."""
MOST_DRAWN = 5_000
"""No more lines of a list are copied as they are drawn: each has to be read."""


def copy_of_screen(screen: Screen[Any]) -> None:
    """Copy what is selected on a screen; where nothing is, say how to leave, as ctrl+c does."""
    if screen.get_selected_text():
        screen.action_copy_text()
    else:
        screen.app.action_help_quit()


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


class SelectingDrawn(Inked):
    """The part of a list or a picture that selects, line by line."""

    ALLOW_SELECT = True
    MARGIN = 0
    """So many cells at the left are none of a line's text."""

    def drawn(self, y: int) -> Line:
        """Return a line as it is drawn, *y* lines below the first one there is."""
        raise NotImplementedError

    @property
    def drawn_on_screen(self) -> range:
        """Which lines are on screen."""
        raise NotImplementedError

    def text_select_all(self) -> None:
        """Select nothing with two clicks, which open."""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return what is drawn of the selected lines, without blanks at their ends."""
        there = self.drawn_on_screen
        first = there.start if selection.start is None else selection.start.y
        last = there.stop - 1 if selection.end is None else selection.end.y
        if last - first >= MOST_DRAWN:
            return None
        texts: list[str] = []
        for y in range(max(0, first), last + 1):
            text = "".join(visible(each) for each, _ in self.drawn(y))
            start, end = self._selected(text, selection, y)
            texts.append(text[start:end].rstrip())
        return (dedent("\n".join(texts)).strip("\n"), "\n") if any(texts) else None

    def with_selection(self, line: Line, y: int) -> Line | None:
        """Return a line with what is selected of it marked, None where nothing is."""
        selection = self.text_selection
        if selection is None or selection.get_span(y) is None:
            return None
        shown = [(visible(text), role) for text, role in line]
        start, end = self._selected("".join(text for text, _ in shown), selection, y)
        return marked(shown, start, end, "selected")

    def place_at(self, x: int, y: int) -> Offset:
        """Return which cell of which line is drawn at a cell of the screen.

        To write that into each strip, for Textual to find it there, takes longer than to draw it.
        """
        content = self.content_region
        row = max(0, min(y, content.bottom - 1) - content.y)
        return Offset(max(0, x - content.x), self.line_at(row))

    def line_at(self, row: int) -> int:
        """Return which line stands in a row of what is on screen."""
        return row

    def _selected(self, text: str, selection: Selection, y: int) -> tuple[int, int]:
        start, end = selection.get_span(y) or (0, 0)
        first = _character(text, max(start, self.MARGIN))
        return first, len(text) if end < 0 else max(first, _character(text, end))


def _character(text: str, cell: int) -> int:
    """Return which character of a text is shown in a cell."""
    if text.isascii() and text.isprintable():
        return min(cell, len(text))
    for at, sign in enumerate(text):
        cell -= cell_width(visible(sign))
        if cell < 0:
            return at
    return len(text)
