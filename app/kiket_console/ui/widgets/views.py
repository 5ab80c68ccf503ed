"""A list with a cursor, and what its rows are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.widgets.pane import Pane
from kiket_console.ui.widgets.selecting import SelectingDrawn

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from textual.events import Click

    from kiket_console.ui.paint.line import Line


class Rows(Protocol):
    """The rows of a list: how many, which is selected, and how each is drawn."""

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def cursor(self) -> int:
        """The selected row's position, -1 when there is none."""

    def move(self, position: int) -> None:
        """Select a row."""

    def key(self, position: int) -> Hashable | None:
        """Return what the drawing of a row depends on; None when it must not be kept."""

    def line(self, position: int, width: int) -> Line:
        """Return a row; the first cell is the cursor's."""

    def header(self, width: int) -> Line:
        """Return the names of the columns, empty for none."""

    def teach(self, width: int) -> list[Line]:
        """Return what an empty list says."""


class ListView(SelectingDrawn, Pane, can_focus=True):
    """A list with a cursor and, when its rows have one, a line of column names that stays.

    *active*: draw the cursor as if the list had the focus, where another widget gets its keys.
    """

    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.LIST)]
    MARGIN = 1  # the cursor's cell

    class Moved(Message):
        """The cursor is on another row, or on none."""

        def can_replace(self, message: Message) -> bool:
            """Only the last of several moves matters."""
            return isinstance(message, type(self))

    class Opened(Message):
        """A row was double-clicked."""

    def __init__(
        self,
        rows: Rows,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        has_header: bool = True,
        active: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._active = active
        self.rows = rows
        self._has_header = has_header
        self._head = 1 if has_header else 0
        self._drawn_cursor = -1

    def on_mount(self) -> None:
        """Show the newest rows at once."""
        self.sync()

    def on_resize(self) -> None:
        """Fit the rows to the new size."""
        self._strips.clear()
        self.sync()
        self.reveal()

    def show_header(self, shown: bool) -> None:
        """Name the columns, or leave that line to a row."""
        head = 1 if shown and self._has_header else 0
        if head != self._head:
            self._head = head
            self.sync()
            self.refresh()

    def sync(self) -> None:
        """Take in that rows were added or the cursor was moved."""
        empty = not self.rows.count
        height = self._head + self.rows.count
        self.resize(Size(self.row_width, height))
        if empty:
            self.refresh()
        self._show_cursor()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Keep the row under the cursor where it is on screen, while rows come and go around it."""
        line = self.rows.cursor - self.first_shown
        yield
        self.sync()
        room = self.rows_shown - self._head
        line = max(0, min(line, room - 1))
        self.scroll_to(y=max(0, self.rows.cursor - line), animate=False, force=True, immediate=True)

    def changed(self, positions: list[int]) -> None:
        """Take in that rows at these positions are drawn differently now."""
        for position in positions:
            self.refresh_line(position + self._head)

    @property
    def first_shown(self) -> int:
        """The position of the row at the top."""
        return int(self.scroll_offset.y)

    @property
    def last_shown(self) -> int:
        """The position of the row at the bottom."""
        return min(self.rows.count, self.first_shown + self.rows_shown - self._head) - 1

    def draw(self, lines: range) -> Iterator[Strip]:
        """Return some lines of what is on screen; those of rows that look the same are kept."""
        width, finish, rows = self.row_width, self.finishing(), self.rows
        count, cursor, below = rows.count, rows.cursor, self.first_shown - self._head
        is_marked = self.text_selection is not None
        for y in lines:
            position = y + below
            if not count or y < self._head:
                yield finish(self.strip(self._marked(self.drawn(y), y), self.ground))
            elif position >= count:
                yield finish(Strip.blank(width, self.ground))
            else:
                lively = self._lively if position == cursor else None
                depends = None if is_marked else rows.key(position)
                key = (depends, lively, width)
                strip = self._strips.get(key) if depends is not None else None
                if strip is None:
                    strip = finish(self._row(position, width, lively))
                    if depends is not None:
                        self._strips[key] = strip
                yield strip

    def _row(self, position: int, width: int, lively: bool | None) -> Strip:
        """Return a row; with the cursor on it, as that is *lively* or rests."""
        line = self._marked(self.rows.line(position, width), position + self._head)
        ground = self.ground
        if lively is not None:
            name = "ink--cursor" if lively else "ink--cursor-blurred"
            ground = self.screen.get_component_rich_style(name)
            line = _with_bar(line, "accent" if lively else "muted")
        return self.strip(line, ground).adjust_cell_length(width, ground)

    def _marked(self, line: Line, y: int) -> Line:
        """Return a line with what is selected of it marked."""
        return self.with_selection(line, y) or line

    def drawn(self, y: int) -> Line:
        """Return the names of the columns, or a row; of an empty list what it says instead."""
        width = self.row_width
        if not self.rows.count:
            lines = self.rows.teach(width)
            return lines[y] if y < len(lines) else ()
        if y < self._head:
            return self.rows.header(width)
        position = y - self._head
        return self.rows.line(position, width) if position < self.rows.count else ()

    @property
    def drawn_on_screen(self) -> range:
        """Which lines are on screen."""
        if not self.rows.count:
            return range(self.rows_shown)
        return range(self.first_shown + self._head, self.last_shown + self._head + 1)

    def line_at(self, row: int) -> int:
        """Return which line stands in a row of the screen: the names of the columns stay there."""
        return row if row < self._head or not self.rows.count else row + self.first_shown

    @property
    def _lively(self) -> bool:
        return self._active or self.has_focus

    def _show_cursor(self) -> None:
        cursor = self.rows.cursor
        if cursor != self._drawn_cursor:
            self.changed([self._drawn_cursor, cursor])
            self._drawn_cursor = cursor
            self.post_message(self.Moved())
            self.reveal()

    def reveal(self) -> None:
        """Scroll so that the cursor is on screen."""
        cursor = self.rows.cursor
        room = self.rows_shown - self._head
        if cursor < self.first_shown:
            self.scroll_to(y=max(0, cursor), animate=False, force=True, immediate=True)
        elif cursor >= self.first_shown + room:
            self.scroll_to(y=cursor - room + 1, animate=False, force=True, immediate=True)

    def _move(self, position: int) -> None:
        self.rows.move(max(0, min(self.rows.count - 1, position)))
        self._show_cursor()

    def on_focus(self) -> None:
        """Draw the cursor as one that keys move."""
        self.changed([self.rows.cursor])

    def on_blur(self) -> None:
        """Draw the cursor as one that rests."""
        self.changed([self.rows.cursor])

    def on_click(self, event: Click) -> None:
        """Select the row under the pointer; open it with a double click."""
        if self.text_selection is not None:
            return  # it was dragged over
        position = event.y + self.first_shown - self._head
        if self._head <= event.y and position < self.rows.count:
            self._move(position)
            if event.chain == 2:
                self.post_message(self.Opened())

    def action_step(self, by: int) -> None:
        """Move the cursor by rows."""
        self._move(self.rows.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._move(self.rows.cursor + by * max(1, self.rows_shown - self._head - 1))

    def action_half_page(self, by: int) -> None:
        """Move the cursor by half pages."""
        self._move(self.rows.cursor + by * max(1, self.rows_shown // 2))

    def action_oldest(self) -> None:
        """Move the cursor to the first row."""
        self._move(0)

    def action_newest(self) -> None:
        """Move the cursor to the last row."""
        self._move(self.rows.count - 1)


def _with_bar(line: Line, role: str) -> Line:
    """Return *line* with the cursor's bar in its first cell."""
    (text, first_role), *rest = line
    return [("▌", role), (text[1:], first_role), *rest]
