"""Traffic: what was exchanged, and all that is known of the selected exchange."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work

from kiket_console.model import Exchange
from kiket_console.ui import moment
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.feed import Feed, TrafficPages
from kiket_console.ui.paint import body, detail, logs, signature, timeline
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.rows import TrafficRows
from kiket_console.ui.screens.following import FollowingScreen
from kiket_console.ui.widgets.bars import TabBar

if TYPE_CHECKING:
    from kiket_console.model import Detail, LogLine, Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.source import LineSource

TABS = ("request", "response", "headers", "signature", "timeline", "logs")
FAILING_SEARCH = 20_000
"""How many rows are looked at for the next failing one."""
PENDING_EVERY_S = 0.25


class TrafficScreen(FollowingScreen[Exchange]):
    """The list of exchanges and the details of one."""

    PLACE = Scope.TRAFFIC
    TITLE = "Traffic"
    NOUN = "exchange"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.TRAFFIC)]

    def __init__(self, console: ConsoleApp) -> None:
        feed: Feed[Exchange] = Feed(TrafficPages(console.reader))
        self._rows = TrafficRows(feed, lambda: console.status)
        self._tab_bar = TabBar()
        super().__init__(console, TrafficPages, feed, self._rows, self._tab_bar)
        self._detail: Detail | None = None
        self._logs: list[LogLine] = []
        self._tab = 0
        self._wanted: int | None = None

    def on_mount(self) -> None:
        """Keep an eye on rows whose answer is still to come."""
        self.set_interval(PENDING_EVERY_S, self._redraw_pending)

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read new and changed rows."""
        change = notice.newest_change if notice else self.console.reader.newest()[1]
        moved = self.feed.reread(self.console.newest.removals)
        if moved:
            self._redraw_rows()
        fresh = self.feed.extend()
        shown = self.list
        changed = self.feed.refresh(change, shown.first_shown, shown.last_shown)
        shown.changed(changed)
        if self._wanted is not None and (fresh or moved):
            self.go_to(self._wanted)
        if self.feed.stale:
            self.load_older()
        selected = self.feed.selected
        if selected is not None and self._detail is not None:
            known = self._detail.exchange
            if selected.id == known.id and (
                selected.change != known.change or (fresh and detail.may_grow(self._detail))
            ):
                self.show_details()

    def _redraw_rows(self) -> None:
        """Draw the list again after rows went away or came back, and the details with it."""
        self.list.redraw()
        self.list.sync()
        self.list.reveal()
        self.show_details()
        if not self.feed.count:
            self.action_back()

    def show_details(self) -> None:
        """Show the selected exchange in the tab that is chosen."""
        selected = self.feed.selected
        known = self._detail.exchange.id if self._detail else None
        self._detail = self.console.reader.detail(selected.id) if selected else None
        found = self._detail
        if found is None:
            return
        self._logs = self.console.reader.exchange_logs(found.exchange.id)
        now_us = moment.now_us()
        self.details_rule.show(detail.title(found), detail.outcome(found, now_us))
        self._show_tab(stay=known == found.exchange.id)

    def go_to(self, exchange_id: int) -> None:
        """Put the cursor on an exchange, as soon as it is in the list."""
        self.feed.extend()
        self._wanted = None if self.feed.select(exchange_id) else exchange_id
        self.list.sync()
        self.show_summary()

    def action_failing(self, direction: int) -> None:
        """Go to the next failing exchange."""
        position = self.feed.cursor + direction
        for _ in range(FAILING_SEARCH):
            row = self.feed.row(position)
            if row is None:
                break
            if row.failing:
                self.feed.move(position)
                self.list.sync()
                return
            position += direction
        self.console.say("No failing exchange in that direction.")

    def action_replay(self) -> None:
        """Send the selected delivery again, signed anew."""
        selected = self.feed.selected
        if selected is not None:
            self.console.requests.replay(selected)

    def action_trigger(self) -> None:
        """Choose a sample event and send it."""
        self.console.requests.trigger()

    def action_pin(self) -> None:
        """Keep the selected exchange whatever its age, or no longer."""
        selected = self.feed.selected
        if selected is not None:
            self.console.requests.pin(selected)

    def action_remove(self) -> None:
        """Delete the selected exchange, until it is undone."""
        selected = self.feed.selected
        if selected is not None:
            self.console.requests.remove(selected)

    def action_undo(self) -> None:
        """Take back what was done last."""
        self.console.requests.undo()

    def action_tab(self, by: int) -> None:
        """Show the next tab."""
        self._tab = (self._tab + by) % len(TABS)
        self._show_tab()

    def action_show_tab(self, name: str) -> None:
        """Show a tab by its name, in a low terminal over the list."""
        self._tab = TABS.index(name)
        self.show_details()
        self._show_tab()
        self.action_open()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Show the tab that was clicked."""
        self._tab = event.index
        self._show_tab()

    def _show_tab(self, *, stay: bool = False) -> None:
        found = self._detail
        if found is None:
            return
        labels = [name.capitalize() for name in TABS]
        labels[4] = f"Timeline {1 + len(found.children)}"
        labels[5] = f"Logs {len(self._logs)}" if self._logs else "Logs"
        self._tab_bar.show(tuple(labels), self._tab)
        wanted = TABS[self._tab]
        part = detail.body_of(found, wanted)
        if part is not None and len(part.raw) > body.SLOW_BYTES:
            self._lay_out_slowly(found, wanted, self.text.size.width)
            return
        source = partial(_tab_lines, found, self._logs, wanted)
        self.text.show(source, stay=stay)

    @work(thread=True, exclusive=True, group="body")
    def _lay_out_slowly(self, found: Detail, wanted: str, width: int) -> None:
        source = _tab_lines(found, self._logs, wanted, width)
        self.app.call_from_thread(self._laid_out, found, wanted, source)

    def _laid_out(self, found: Detail, wanted: str, source: LineSource) -> None:
        if found is self._detail and wanted == TABS[self._tab]:
            self.text.show(lambda _: source)

    def _redraw_pending(self) -> None:
        if self.is_current and self.feed.count:
            shown = self.list
            shown.changed(self._rows.pending(shown.first_shown, shown.last_shown))


def _tab_lines(found: Detail, lines: list[LogLine], tab: str, width: int) -> LineSource:
    """Return what a tab shows."""
    if tab == "request":
        return detail.request(found)
    if tab == "response":
        return detail.response(found, width)
    if tab == "headers":
        return detail.headers(found, width)
    if tab == "signature":
        return Lines(signature.signature(found, width))
    if tab == "timeline":
        return Lines(timeline.timeline(found, width, moment.now_us()))
    return Lines(logs.of_exchange(lines, width))
