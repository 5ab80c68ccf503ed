"""Logs: what the code printed and logged, merged, newest at the bottom."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.worker import get_current_worker

from kiket_console.errors import ConsoleError
from kiket_console.filters.log_filter import LogFilter
from kiket_console.model import LogLine
from kiket_console.text import clock, uncoloured, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.feed import Feed
from kiket_console.ui.frames import targets, to_open
from kiket_console.ui.log_filters import LogFilters
from kiket_console.ui.log_levels import LevelCounts
from kiket_console.ui.log_rows import LogRows
from kiket_console.ui.pages import LogPages
from kiket_console.ui.paint import logs, tracebacks
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.picking import PickingScreen
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from textual.events import Resize

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.pages import Reader
    from kiket_console.ui.paint.line import Part
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.scan import Sieve
    from kiket_console.ui.widgets.text_view import TextView


MEASURED_TOGETHER = 2_000
COUNT_EVERY_S = 0.25
RECOUNT_EVERY_S = 10.0
"""A flood makes room for itself all the time."""


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
        self._levels = LevelCounts()
        self._is_counting = False
        self._counted_anew_s = 0.0

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read new lines."""
        if notice is None or notice.newest_log > self.feed.newest_id:
            self.feed.extend()
        if self.feed.stale:
            self.load_older()
        self._count_soon()

    def show_matching(self, sieve: Callable[[Reader], Sieve] | None) -> None:
        """Show what a sieve lets through, and count how grave it is."""
        super().show_matching(sieve)
        self._levels = LevelCounts(None if sieve is None else self._filter)
        self._count_soon()

    def _loaded(self, ids: array[int]) -> None:
        """Take in all ids there are; what went away counts no longer, be it a little later."""
        super()._loaded(ids)
        now_s = time.monotonic()
        if now_s - self._counted_anew_s > RECOUNT_EVERY_S:
            self._counted_anew_s = now_s
            self._levels = LevelCounts(self._levels.wanted)
            self._count_soon()

    def counts(self) -> list[Part]:
        """Return how many lines there are, and how grave they are."""
        return [*self._levels.said(), *super().counts()]

    def on_mount(self) -> None:
        """Count what there is."""
        self._count_soon()

    def _count_soon(self) -> None:
        """Count what has come, at once when nothing is counted yet."""
        if self._is_counting or not self.is_mounted:
            return
        self._is_counting = True
        if self._levels.newest:
            self.set_timer(COUNT_EVERY_S, self._count)
        else:
            self._count()

    @work(thread=True, group="levels")
    def _count(self) -> None:
        """Count how grave the lines are, without holding up the screen."""
        levels, worker = self._levels, get_current_worker()
        with closing(self.console.another_reader()) as reader:
            for _ in levels.count(reader):
                if worker.is_cancelled or levels is not self._levels:
                    break
        hand_over(self.app, self._counted)

    def _counted(self) -> None:
        self._is_counting = False
        self.show_summary()
        if self._levels.newest < self.console.newest.newest_log:
            self._count_soon()

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

    def use_filter(self, wanted: LogFilter | None) -> None:
        """Show what *wanted* lets through, or all rows, and mark what it looks for."""
        super().use_filter(wanted)
        self._rows.seek(wanted.sought if wanted is not None else ())

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
            self._only(selected.worker if selected is not None else names[0])
        elif shown in names[:-1]:
            self._only(names[names.index(shown) + 1])
        else:
            self.use_filter(None)

    def _only(self, worker: str) -> None:
        self.use_filter(self.language.of_worker(worker))

    async def action_stderr(self) -> None:
        """Show only what was written to standard error, or no longer."""
        wanted = self.language.with_stderr(self.filter_text)
        self.use_filter(await self._parsed(wanted) if wanted else None)

    async def action_match(self, direction: int) -> None:
        """Go to the next line that the filter finds, or the one before; without one, ask for it."""
        wanted, selected = self._filter, self.feed.selected_id
        if wanted is not None and selected is not None:
            self._find(wanted, selected, direction, "No match in that direction.")
            return
        from kiket_console.ui.widgets.prompt import Prompt

        history = self.console.history(self.language.history).entries
        placeholder = self.language.example
        prompt = Prompt("n", history=history, placeholder=placeholder, verb="search", is_above=True)
        self.ask(prompt, self._sought, before=self._bar)

    async def _sought(self, text: str) -> str:
        """Go to the newest line that is found, and hide none; raises `ConsoleError`."""
        wanted = await self._parsed(text)
        self._remember(text)
        if text.strip():
            self.use_filter(wanted)
            self.action_suspend()
            self._find(wanted, self.feed.newest_id + 1, -1, "Nothing is found.")
        return ""

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

    def on_resize(self, _: Resize) -> None:
        """Wrap for the new width."""
        if self._rows.wraps:
            self.call_after_refresh(self._wrap_again)

    def _wrap_again(self) -> None:
        self._measure(self.list.scrollable_content_region.width)

    def action_error(self, direction: int) -> None:
        """Go to the next error, or the one before."""
        selected = self.feed.selected_id
        if selected is not None:
            self._find(None, selected, direction, "No error in that direction.")

    @work(thread=True, exclusive=True, group="find")
    def _find(self, wanted: LogFilter | None, beyond: int, direction: int, else_say: str) -> None:
        """Go to the line next to *beyond* that *wanted* finds; without it, to an error."""
        try:
            also = self.filter_text if self.feed.narrowed else ""
            wanted = self.language.errors(also) if wanted is None else wanted
        except ConsoleError as error:  # a saved filter that it names may be gone
            hand_over(self.app, self.console.say, str(error), error=True)
            return
        with closing(self.console.another_reader()) as reader:
            found = reader.next_log(wanted, beyond, newer=direction > 0)
        hand_over(self.app, self._go_to, found, else_say)

    def _go_to(self, found: int | None, else_say: str) -> None:
        if found is None or not self.feed.select(found):
            self.console.say(else_say)
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
        frame = to_open("\n".join(tracebacks.lines_of(line)), folder, self._rows.text_row)
        if frame is None:
            self.console.say("This line names no place in the code.")
        else:
            open_file(self.console, frame.file, frame.line)

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Open the place that the line under the cursor names."""
        from kiket_console.ui.external import open_target

        open_target(self.console, event.target)

    def action_timeline(self) -> None:
        """Go to the timeline of the exchange that the selected line belongs to, and to its row."""
        line = self.feed.selected
        if line is None or line.exchange_id is None:
            self.console.say("This line belongs to no exchange.")
        elif not self.console.reader.page([line.exchange_id]):
            self.console.say(f"Exchange {line.exchange_id} is not there any more.")
        else:
            self.console.show_timeline(line.exchange_id, f"log:{line.id}:{line.exchange_id}")

    def action_copy(self) -> None:
        """Copy the lines that are picked, else the one under the cursor, all of each."""
        from kiket_console.ui.clipboard import copy

        picked = self.console.reader.log_page(self._rows.picks.ids)
        selected = self.feed.selected
        lines = picked or ([selected] if selected is not None else [])
        if lines:
            text = "\n".join(uncoloured(line.text) for line in lines)
            one = f"The line of {visible(lines[0].worker)}"
            copy(self.console, text, one if len(lines) == 1 else f"What {len(lines):,} lines say")


def _whole(line: LogLine, folder: str, width: int) -> LineSource:
    lines = logs.whole(line, width, folder)
    return Lines(lines, targets(lines))
