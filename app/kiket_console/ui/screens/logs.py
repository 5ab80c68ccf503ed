"""Logs: what the code printed and logged, merged, newest at the bottom."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.worker import get_current_worker

from kiket_console.errors import ConsoleError
from kiket_console.filters.log_filter import LogFilter
from kiket_console.model import LogLine
from kiket_console.text import clock, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.feed import Feed
from kiket_console.ui.frames import targets, to_open
from kiket_console.ui.log_filters import LogFilters
from kiket_console.ui.log_rows import LogRows
from kiket_console.ui.pages import LogPages
from kiket_console.ui.paint import logs
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.picking import PickingScreen
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from textual.events import Resize

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.widgets.text_view import TextView


MEASURED_TOGETHER = 2_000


class LogsScreen(PickingScreen[LogLine, LogFilter]):
    """The list of log lines and one of them in full."""

    PLACE = Scope.LOGS
    TITLE = "Logs"
    NOUN = "line"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.LOGS)]
    language: LogFilters
    _rows: LogRows

    def __init__(self, console: ConsoleApp) -> None:
        feed: Feed[LogLine] = Feed(LogPages(console.reader))
        self._rows = LogRows(feed, lambda: console.status)
        self.language = LogFilters(console.folder)
        super().__init__(console, LogPages, feed, self._rows)

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read new lines."""
        if notice is None or notice.newest_log > self.feed.newest_id:
            self.feed.extend()
        if self.feed.stale:
            self.load_older()

    def show_details(self) -> None:
        """Show the selected line in full."""
        line = self.feed.selected
        if line is None:
            return
        word, role = logs.level(line)
        self.details_rule.show(f"{clock(line.at_us)}  {visible(line.worker)}", [(word, role)])
        status = self.console.status
        folder = status.folder if status is not None else ""
        self.text.show(partial(_whole, line, folder))

    def only(self, worker: str) -> None:
        """Show what one worker logged, and nothing else."""
        self.call_later(self.use_filter, self.language.of_worker(worker))  # once it is laid out

    # What a person does

    def action_open(self) -> None:
        """Unfold a record of several lines, or fold it; open the details of any other."""
        if self.opened or not self._rows.foldable:
            super().action_open()
            return
        with self.list.steady():
            self._rows.toggle()
        self.list.redraw()

    def action_worker(self) -> None:
        """Show one worker's lines: the selected line's, then the next worker's, then all again."""
        selected = self.feed.selected
        status = self.console.status
        known = [worker.name for worker in status.workers] if status is not None else []
        names = [*known, "engine"]
        shown = self.language.worker_of(self.filter_text)
        if shown is None:
            self.only(selected.worker if selected is not None else names[0])
        elif shown in names[:-1]:
            self.only(names[names.index(shown) + 1])
        else:
            self.use_filter(None)

    def action_wrap(self) -> None:
        """Wrap long lines in the list, or no longer."""
        if self._rows.wraps:
            self._wrapped(None)
        else:
            self._measure(self.list.scrollable_content_region.width)

    @work(thread=True, exclusive=True, group="wrap")
    def _measure(self, width: int) -> None:
        """Find out how many rows each line takes, without holding up the screen."""
        worker = get_current_worker()
        below: dict[int, int] = {}
        with closing(self.console.another_reader()) as reader:
            ids = reader.log_ids()
            for start in range(0, len(ids), MEASURED_TOGETHER):
                if worker.is_cancelled:
                    return
                for line in reader.log_page(ids[start : start + MEASURED_TOGETHER]):
                    if more := logs.rows_below(line, width):
                        below[line.id] = more
        newest = ids[-1] if ids else 0
        hand_over(self.app, self._wrapped, below, width, newest)

    def _wrapped(self, below: dict[int, int] | None, width: int = 0, newest: int = 0) -> None:
        with self.list.steady():
            self._rows.wrap(below, width, newest)
        self.list.redraw()

    def on_resize(self, event: Resize) -> None:
        """Wrap for the new width."""
        super().on_resize(event)
        if self._rows.wraps:
            self.call_after_refresh(self._wrap_again)

    def _wrap_again(self) -> None:
        self._measure(self.list.scrollable_content_region.width)

    def action_error(self, direction: int) -> None:
        """Go to the next error, or the one before."""
        selected = self.feed.selected_id
        if selected is not None:
            self._find_error(selected, direction)

    @work(thread=True, exclusive=True, group="error")
    def _find_error(self, beyond: int, direction: int) -> None:
        try:
            wanted = self.language.errors(self.filter_text if self.feed.narrowed else "")
        except ConsoleError as error:  # a saved filter that it names may be gone
            hand_over(self.app, self.console.say, str(error), error=True)
            return
        with closing(self.console.another_reader()) as reader:
            found = reader.next_log(wanted, beyond, newer=direction > 0)
        hand_over(self.app, self._go_to_error, found)

    def _go_to_error(self, found: int | None) -> None:
        if found is None or not self.feed.select(found):
            self.console.say("No error in that direction.")
            return
        self.list.sync()
        self.show_summary()

    def action_source(self) -> None:
        """Open the place in the code that the selected line names in an editor, own code first."""
        from kiket_console.ui.external import open_file, open_target

        line, status = self.feed.selected, self.console.status
        if line is None:
            return
        if self.opened and (target := self.text.source.target(self.text.cursor)):
            open_target(self.console, target)
            return
        folder = status.folder if status is not None else str(self.console.folder)
        frame = to_open("\n".join(logs.lines_of(line)), folder, self._rows.part)
        if frame is None:
            self.console.say("This line names no place in the code.")
        else:
            open_file(self.console, frame.file, frame.line)

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Open the place that the line under the cursor names."""
        from kiket_console.ui.external import open_target

        open_target(self.console, event.target)

    def action_cause(self) -> None:
        """Go to the exchange that the selected line belongs to."""
        line = self.feed.selected
        if line is None or line.exchange_id is None:
            self.console.say("This line belongs to no exchange.")
        elif not self.console.reader.page([line.exchange_id]):
            self.console.say(f"Exchange {line.exchange_id} is not there any more.")
        else:
            self.console.show_exchange(line.exchange_id)

    def action_copy(self) -> None:
        """Copy the lines that are picked, else the one under the cursor, all of each."""
        from kiket_console.ui.clipboard import copy

        picked = self.console.reader.log_page(self._rows.picks.ids)
        selected = self.feed.selected
        lines = picked or ([selected] if selected is not None else [])
        if lines:
            text = "\n".join(part for line in lines for part in logs.lines_of(line))
            one = f"The line of {visible(lines[0].worker)}"
            copy(self.console, text, one if len(lines) == 1 else f"What {len(lines):,} lines say")


def _whole(line: LogLine, folder: str, width: int) -> LineSource:
    lines = logs.whole(line, width, folder)
    return Lines(lines, targets(lines))
