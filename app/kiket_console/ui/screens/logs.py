"""Logs: what the code printed and logged, merged, newest at the bottom."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.model import LogLine
from kiket_console.text import clock
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.feed import Feed, LogPages
from kiket_console.ui.paint import logs
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.rows import LogRows
from kiket_console.ui.screens.following import FollowingScreen

if TYPE_CHECKING:
    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.source import LineSource


class LogsScreen(FollowingScreen[LogLine]):
    """The list of log lines and one of them in full."""

    PLACE = Scope.LOGS
    TITLE = "Logs"
    NOUN = "line"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.LOGS)]

    def __init__(self, console: ConsoleApp) -> None:
        feed: Feed[LogLine] = Feed(LogPages(console.reader))
        super().__init__(console, LogPages, feed, LogRows(feed, lambda: console.status))

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
        self.details_rule.show(clock(line.at_us), [(word, role)])
        self.text.show(partial(_whole, line))

    def action_cause(self) -> None:
        """Go to the exchange that the selected line belongs to."""
        line = self.feed.selected
        if line is None or line.exchange_id is None:
            self.console.say("This line belongs to no exchange.")
        elif not self.console.reader.page([line.exchange_id]):
            self.console.say(f"Exchange {line.exchange_id} is not there any more.")
        else:
            self.console.show_exchange(line.exchange_id)


def _whole(line: LogLine, width: int) -> LineSource:
    return Lines(logs.whole(line, width))
