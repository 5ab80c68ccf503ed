"""A text to read, row by row as it is looked at: with a cursor, folds, search and selection.

3 ▾ "labels": [            what stands left stays there when the text is scrolled sideways
4     "web",               the cursor's row, while the text has the focus
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from kiket_console.text import cell_width, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint.line import marked, with_bar
from kiket_console.ui.paint.source import Lines, LineSource
from kiket_console.ui.widgets.folding import Folding
from kiket_console.ui.widgets.pane import STRIPS, Pane
from kiket_console.ui.widgets.seeking import Seeking
from kiket_console.ui.widgets.selecting import Selecting
from kiket_console.ui.widgets.spots import Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from rich.style import Style
    from textual.events import Click

    from kiket_console.ui.paint.line import Line

SIDEWAYS_CELLS = 16
WIDEST = 2_100
_BESIDE = 3  # cells that the letter of jump mode takes


class TextView(Seeking, Folding, Selecting, Pane, can_focus=True):
    """A text to read; it keeps its place while it is shown anew."""

    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.LIST, Scope.VIEW)]

    class Remarked(Message):
        """What is to be said of the cursor's row, or of a search, is another."""

        def can_replace(self, message: Message) -> bool:
            """Only the last of several matters."""
            return isinstance(message, type(self))

    class Followed(Message):
        """A person wants what a row leads to."""

        def __init__(self, target: str) -> None:
            super().__init__()
            self.target = target

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.source: LineSource = Lines()
        self.cursor = 0
        """The row that keys act on."""
        self.wraps = False
        """Whether long lines are wrapped."""
        self.pretty = True
        """Whether JSON and the like are laid out, not shown as sent."""
        self._make: Callable[[int], LineSource] | None = None
        self._margin = 0
        self._brought: tuple[int, int | None] = (-1, None)
        """A row that the cursor was brought to, and for which place in it."""
        self._drawn: LRUCache[Hashable, tuple[Strip, Strip]] = LRUCache(STRIPS)
        self._wanted = ""
        """What the row is called that the cursor is to be on once the rows are laid out."""

    def show(self, make: Callable[[int], LineSource], *, stay: bool = False, at: str = "") -> None:
        """Show the rows that *make* returns for a width, with the cursor *at* a row's name.

        *stay* keeps place and search; the cursor stays with its row where that has a name.
        """
        self._make = make
        named = self.source.name(self.cursor) if stay and self.source.count > self.cursor else ""
        top = int(self.scroll_offset.y) - self.cursor
        if not stay:
            self.cursor = 0
            self.let_go()
            self.forget_search()
        self._wanted = at or (self._wanted if stay and not named else "")
        self._lay_out()
        if not stay and not at:
            self.scroll_to(0, 0, animate=False)
        elif named and not at and (row := self.source.row_of(named)) not in {None, self.cursor}:
            self.scroll_to(y=max(0, top + row), animate=False)
            self._go(row)

    def grown(self) -> None:
        """Take in that the source has other rows, or more, than when it was made."""
        self._drawn.clear()
        self.rows_moved()
        self._measure()
        self.refresh()

    def lengthened(self) -> None:
        """Take in that there are more rows below those that are shown."""
        self._measure()

    def relaid(self, source: LineSource) -> None:
        """Show *source*, the same text laid out, with the cursor where it was brought to."""
        row, place = self._brought
        self.source = source
        self.grown()
        if row == self.cursor:
            self._bring(place)

    def let_go(self) -> None:
        """Forget which place the cursor was brought to: its row may be another now."""
        self._brought = (-1, None)

    def _bring(self, place: int | None) -> None:
        """Put the cursor on the row of a place, and remember which place that was."""
        if place is not None and self.source.count:
            self._go(self.source.show(place)[0])
        self._brought = (self.cursor, place)

    def redraw(self) -> None:
        """Draw all visible rows again."""
        self._drawn.clear()
        super().redraw()

    def notify_style_update(self) -> None:
        """Forget what was drawn when a theme changes."""
        self._drawn.clear()
        super().notify_style_update()

    def on_resize(self) -> None:
        """Lay the text out for the new width."""
        self._lay_out()

    def watch_show_vertical_scrollbar(self) -> None:
        """Do the same when the bar takes a cell of each row, or gives it back: the size stays."""
        self.call_later(self._lay_out)

    @property
    def place(self) -> int | None:
        """Where the cursor is, whatever the rows are; None in an empty text."""
        row, place = self._brought
        if row == self.cursor:
            return place
        return self.source.begin(self.cursor) if self.source.count > self.cursor else None

    @property
    def path_at_cursor(self) -> str:
        """The JSON path of the cursor's row; empty where it has none."""
        return self.source.path(self.cursor) if self.source.count > self.cursor else ""

    @property
    def value_at_cursor(self) -> bytes:
        """What the cursor's row stands for, as it was sent: of JSON, the whole value."""
        return self.source.value(self.cursor) if self.source.count > self.cursor else b""

    def remark(self, width: int) -> Line:
        """Return the cursor's path and the count of a search, in *width* cells."""
        said = self.search_remark()
        path = visible(self.path_at_cursor) if self.has_focus else ""
        room = width - sum(cell_width(text) for text, _ in said) - (3 if said else 0)
        if cell_width(path) > room:
            path = "…" + path[-(room - 1) :] if room > 8 else ""
        if not path:
            return said
        return [(path, "muted"), *([(" · ", "faint")] if said else []), *said]

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        if self._make is None or not width:
            return
        self.source = self._make(width)
        self._margin = 0
        self.grown()
        self.scroll_to(x=0, animate=False)
        self._land()

    def _land(self) -> None:
        """Put the cursor on the row that is wanted, as soon as there is one."""
        row = self.source.row_of(self._wanted) if self._wanted else None
        if row is not None:
            self._wanted = ""
            self.look_at(row, 0)

    def _measure(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        count = self.source.count
        self.cursor = max(0, min(self.cursor, count - 1))
        self._margin = sum(len(text) for text, _ in self.source.margin(count - 1)) if count else 0
        wide = self.virtual_size.width if self.scroll_x else 0
        # What is about to be drawn counts at once: another size may mean another layout.
        self.resize(Size(max(width, wide, self._widest_shown()), count))
        self.post_message(self.Remarked())

    def _widest_shown(self) -> int:
        """Return how many cells the widest row takes that is shown, if that is more than fit."""
        top, room = self.scroll_offset.y, self.size.width
        widest = 0
        for row in range(top, min(top + self.rows_shown, self.source.count)):
            margin, strip = self._row(row, self.ground, current=False)
            widest = max(widest, margin.cell_length + strip.cell_length)
        return min(WIDEST, widest + 1) if widest > room else 0

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        left, top = self.scroll_offset
        row, width, ground = y + top, self.size.width, self.ground
        if row >= self.source.count:
            return Strip.blank(width, ground)
        current = row == self.cursor and self.has_focus
        if current:
            ground = self.screen.get_component_rich_style("ink--cursor")
        margin, strip = self._row(row, ground, current=current)
        room = max(0, width - margin.cell_length)
        if not left and strip.cell_length > room:
            self.call_later(self._widen, min(WIDEST, strip.cell_length + margin.cell_length + 1))
        shown = strip.crop_extend(left, left + room, ground)
        return Strip.join([
            margin.apply_offsets(0, row), shown.apply_offsets(left + margin.cell_length, row)
        ])  # fmt: skip

    def _row(self, row: int, ground: Style, *, current: bool) -> tuple[Strip, Strip]:
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        key = (row, current)
        kept = self._drawn.get(key) if span is None else None
        if kept is None:
            line = self.source.line(row)
            for start, end, role in self.marks(row):
                line = marked(line, start, end, role)
            margin = self.source.margin(row)
            beside = sum(len(text) for text, _ in margin)
            if span is not None:
                start, end = self.selected_in(row, span, beside)
                line = marked(line, start, end, "selected")
            if current:
                margin, line = (with_bar(margin), line) if margin else ((), with_bar(line))
            kept = (self.strip(margin, ground), self.strip(line, ground))
            if span is None:
                self._drawn[key] = kept
        return kept

    def _widen(self, width: int) -> None:
        """Make room to scroll sideways once a wide row has been seen."""
        if width > self.virtual_size.width:
            self.resize(Size(width, self.source.count))

    def spots(self) -> Iterator[Spot]:
        """Return the text itself, and each row in sight that leads somewhere."""
        if not self.focusable:
            return
        yield Spot(0, 0, self.focus)
        top = int(self.scroll_offset.y)
        for row in range(top, min(top + self.rows_shown, self.source.count)):
            if target := self.source.target(row):
                text = self.source.text(row)
                left = self._margin + len(text) - len(text.lstrip(" ▸▾└├│─")) - _BESIDE
                left = max(left, _BESIDE if row == top else 0)
                yield Spot(left, row - top, partial(self._follow, row, target), 2)

    def _follow(self, row: int, target: str) -> None:
        """Go where a row leads, as if the cursor was on it."""
        self.focus()
        self._go(row)
        self.post_message(self.Followed(target))

    # The cursor

    def _go(self, row: int) -> None:
        """Put the cursor on a row, and the row on screen."""
        row = max(0, min(row, self.source.count - 1))
        if row != self.cursor:
            before, self.cursor = self.cursor, row
            self.refresh_line(before)
            self.refresh_line(row)
            self.remarked()
        top = self.scroll_offset.y
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + self.rows_shown:
            self.scroll_to(y=row - self.rows_shown + 1, animate=False)

    def go_to_row(self, row: int, top: int) -> None:
        """Put the cursor on a row, and row *top* at the top of the screen."""
        self.scroll_to(y=top, animate=False)
        self._go(row)

    def look_at(self, row: int, column: int) -> None:
        """Put the cursor on a row and show what stands at a character of it."""
        top, shown = int(self.scroll_offset.y), self.rows_shown
        if not top <= row < top + shown:
            self.scroll_to(y=max(0, row - shown // 3), animate=False)
        self._go(row)
        cell = cell_width(visible(self.source.text(row)[:column]))
        room = self.size.width - self._margin
        if not self.scroll_x <= cell < self.scroll_x + room - SIDEWAYS_CELLS:
            left = max(0, cell - room // 2)
            self._widen(min(WIDEST, left + self.size.width + 1))
            self.scroll_to(x=left if cell >= room - SIDEWAYS_CELLS else 0, animate=False)

    def remarked(self) -> None:
        """Say that something else is to be said."""
        self.post_message(self.Remarked())

    def _move(self, by: int) -> None:
        """Move the cursor, from the edge where it was scrolled out of sight."""
        if not self.has_focus:  # nobody sees it
            self.scroll_relative(y=by, animate=False)
            return
        top = int(self.scroll_offset.y)
        seen = max(top, min(self.cursor, top + self.rows_shown - 1))
        self._go(seen + by)

    def on_focus(self) -> None:
        """Show the cursor where the text is looked at."""
        top = int(self.scroll_offset.y)
        self.cursor = max(top, min(self.cursor, top + self.rows_shown - 1, self.source.count - 1))
        self.refresh_line(self.cursor)
        self.post_message(self.Remarked())

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh_line(self.cursor)
        self.post_message(self.Remarked())

    def on_click(self, event: Click) -> None:
        """Put the cursor on a row; fold where its sign is clicked, follow with a double click."""
        row = event.y + int(self.scroll_offset.y)
        if row >= self.source.count or self.text_selection is not None:
            return
        self._go(row)
        folds = self.source.folded(row) is not None
        if (folds and event.x < self._margin) or event.chain == 2:
            self.action_turn()

    def action_step(self, by: int) -> None:
        """Move by rows."""
        self._move(by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._jump(by * max(1, self.rows_shown - 1))

    def action_half_page(self, by: int) -> None:
        """Move by half pages."""
        self._jump(by * max(1, self.rows_shown // 2))

    def _jump(self, rows: int) -> None:
        """Scroll by rows and take the cursor along, so that it stays where it is on screen."""
        self.scroll_relative(y=rows, animate=False)
        if self.has_focus:
            self._go(self.cursor + rows)

    def action_oldest(self) -> None:
        """Go to the top."""
        self.scroll_to(y=0, animate=False)
        self._go(0)

    def action_newest(self) -> None:
        """Go to the bottom."""
        self.scroll_to(y=self.source.count, animate=False)
        self._go(self.source.count - 1)

    def action_sideways(self, by: int) -> None:
        """Fold and unfold where that can be done; scroll sideways; go to what holds this."""
        folded = self.source.folded(self.cursor) if self.source.count else None
        if folded is (by > 0):
            self.folded(self.source.fold(self.cursor))
        elif by > 0 or self.scroll_x > 0:
            self.scroll_relative(x=by * SIDEWAYS_CELLS, animate=False)
        else:
            self._go(self.source.above(self.cursor))

    # What can be done with the whole

    def action_wrap(self) -> None:
        """Wrap long lines, or no longer."""
        self.wraps = not self.wraps
        self._anew()

    def action_pretty(self) -> None:
        """Show the text as it was sent, or laid out again."""
        self.pretty = not self.pretty
        self._anew()

    def _anew(self) -> None:
        place = self.place
        self._lay_out()
        self._bring(place)
        self.search_again()
