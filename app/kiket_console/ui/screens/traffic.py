"""Traffic: what was exchanged, and all that is known of the selected exchange."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.errors import ConsoleError
from kiket_console.filters import Filter
from kiket_console.model import Exchange, Source
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.feed import Feed
from kiket_console.ui.looking import Looking
from kiket_console.ui.pages import TrafficPages
from kiket_console.ui.paint import fate
from kiket_console.ui.produced import edit as edit_message
from kiket_console.ui.produced import produced, resend
from kiket_console.ui.rows import TrafficRows
from kiket_console.ui.scan import nearest
from kiket_console.ui.screens.exchange_details import TABS, ExchangeDetails
from kiket_console.ui.screens.ordering import OrderingScreen
from kiket_console.ui.traffic_filters import TrafficFilters, toggled_marks
from kiket_console.ui.way_back import Stop
from kiket_console.ui.widgets.bars import TabBar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.model import Notice
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.scan import Haul
    from kiket_console.ui.way_back import Back
    from kiket_console.ui.widgets.text_view import TextView

PENDING_EVERY_S = 0.25


class TrafficScreen(OrderingScreen[Exchange, Filter]):
    """The list of exchanges and the details of one."""

    PLACE = Scope.TRAFFIC
    TITLE = "Traffic"
    NOUN = "exchange"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.TRAFFIC)]
    language: TrafficFilters

    def __init__(self, console: ConsoleApp) -> None:
        feed: Feed[Exchange] = Feed(TrafficPages(console.reader))
        self._rows: TrafficRows = TrafficRows(feed, lambda: console.status)
        self._tab_bar = TabBar()
        self.language = TrafficFilters(console.folder)
        super().__init__(console, TrafficPages, feed, self._rows, self._tab_bar)
        self._details = ExchangeDetails(self, self._tab_bar, self.visit)
        self._looking = Looking(console)
        self._wanted: int | None = None
        self._visited: Exchange | None = None
        """What a person went to from the details of another; a filter may hide it."""
        self._way_back: list[Back] = []
        self._instead: list[Exchange] | None = None

    def on_mount(self) -> None:
        """Keep an eye on rows whose answer is still to come."""
        self.set_interval(PENDING_EVERY_S, self._redraw_pending)

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read new and changed rows."""
        change = notice.newest_change if notice else self.console.reader.newest()[1]
        moved = self.feed.reread(self.console.newest.removals)
        if moved:
            self._redraw_rows()
            self.look_anew()
        fresh = self.feed.extend()
        shown = self.list
        changed = self.feed.refresh(change, shown.first_shown, shown.last_shown)
        shown.changed(changed)
        if self._wanted is not None and (fresh or moved):
            self.go_to(self._wanted)
        if self.feed.stale:
            self.load_older()
        selected = self._looked_at
        shown_detail = self._details.detail
        if selected is not None and shown_detail is not None:
            known = shown_detail.exchange
            if selected.id == known.id and (
                selected.change != known.change or (fresh and known.is_open)
            ):
                self.show_details()

    @property
    def _looked_at(self) -> Exchange | None:
        """The exchange that the details are of, as it is now."""
        visited = self._visited
        if visited is None or self.feed.selected_id == visited.id:
            return self.feed.selected
        return next(iter(self.console.reader.page([visited.id])), None)

    def _redraw_rows(self) -> None:
        """Draw the list again after rows went away or came back, and the details with it."""
        self.list.redraw()
        self.list.sync()
        self.list.reveal()
        self.show_details()
        if not self.feed.count and self.opened:
            self.action_back()

    def show_details(self) -> None:
        """Show the exchange that is visited, or selected, in the tab that is chosen."""
        self._details.show(self._visited or self.feed.selected)

    def visit(self, stop: Stop, back: Back | None = None) -> None:
        """Go to the details of an exchange, whether the list shows it or not; `esc` goes *back*."""
        found = self.console.reader.page([stop.exchange_id])
        if not found:
            self.console.say(f"Exchange {stop.exchange_id} is not there any more.")
            return
        if back is not None:
            self._way_back.append(back)
        self._visited = found[0]
        if self.feed.select(stop.exchange_id):
            self.list.sync()
            self.show_summary()
        self._details.go(found[0], stop)
        self._set_opened(True)
        self.text.focus()

    def forget_way(self) -> None:
        """Show what is selected; `esc` leads to the list again."""
        self._visited = None
        self._way_back.clear()

    def cursor_moved(self) -> None:
        """Leave what was visited when the cursor goes elsewhere."""
        if self._visited is not None and self.feed.selected_id != self._visited.id:
            self.forget_way()
        super().cursor_moved()

    def action_back(self) -> None:
        """Go back to where a person came from, else step out of the details."""
        back = self._way_back.pop() if self.opened and self._way_back else None
        if isinstance(back, Stop):
            self.visit(back)
            return
        self.forget_way()
        super().action_back()
        if back is not None:
            self.console.go_to(back)

    def go_to(self, exchange_id: int) -> None:
        """Put the cursor on an exchange, as soon as it is in the list, which then goes on."""
        self.paused = False
        self.feed.extend()
        self._wanted = None if self.feed.select(exchange_id) else exchange_id
        if self._wanted is not None:
            self.look_again([self._wanted])  # a filter may not have come to it yet
        self.list.sync()
        self.show_summary()

    def hauled(self, hauls: Sequence[Haul]) -> None:
        """Go to the exchange that is waited for, or say that the filter hides it."""
        wanted = self._wanted
        if wanted is None or not any(haul.is_about(wanted) for haul in hauls):
            return
        if self.feed.lets(wanted) and not self.feed.shows(wanted):
            return  # it gets its place in the order soon
        self._wanted = None
        if not self.feed.select(wanted):
            key = self.console.registry.key("back")
            self.console.say(f"The filter hides {wanted}; {key} clears it.")

    def placed(self) -> None:
        """Go to the exchange that is waited for, once it has its place in the order."""
        if self._wanted is not None and self.feed.select(self._wanted):
            self._wanted = None

    def action_failing(self, direction: int) -> None:
        """Go to the next failing exchange."""
        at = self.feed.selected_id
        if at is not None:
            self.run_worker(self._go_to_failing(at, direction), group="failing", exclusive=True)

    async def _go_to_failing(self, at: int, direction: int) -> None:
        """Look for it in a thread: it may be a million exchanges away."""
        last = self.feed.newest_id if direction > 0 else 1
        failing = self.language.failing(self.seeking_reader)
        if (arrangement := self.feed.arrangement) is not None:
            found = await asyncio.to_thread(arrangement.next, failing, at, direction)
        else:
            found = await asyncio.to_thread(nearest, failing, at, last, self.feed.shows)
        if found is None or not self.feed.select(found):
            self.console.say("No failing exchange in that direction.")
        self.list.sync()

    def action_replay(self) -> None:
        """Send the chosen deliveries again, signed anew, or the chosen messages as they were."""
        chosen = self.chosen()
        messages = _messages(chosen)
        if chosen and len(produced(chosen)) == len(chosen):
            resend(self.console, chosen)
        elif produced(chosen):
            self.console.say("Choose messages to a producer, or others: not both at once.")
        elif not messages:
            self.console.deliveries.replay(chosen)
        elif len(messages) == len(chosen):
            self.console.messages.replay(chosen)
        else:
            self.console.say("Choose deliveries, or messages of modules: not both at once.")

    def action_ways(self) -> None:
        """Choose how to send them again."""
        chosen = self.chosen()
        if produced(chosen[:1]):
            edit_message(self.console, chosen[0])
        elif _messages(chosen):
            key = self.console.registry.key("traffic.replay")
            self.console.say(f"Messages of modules are not signed; {key} sends them again.")
        else:
            self.console.deliveries.ways(chosen)

    def action_attempt(self) -> None:
        """Make the next attempt at the chosen deliveries now."""
        self.console.requests.attempt(self.chosen())

    def action_give_up(self) -> None:
        """Make no more attempts at the chosen deliveries."""
        self.console.requests.give_up(self.chosen())

    def tick(self) -> None:
        """Count the seconds until the selected delivery is tried again."""
        super().tick()
        self._details.tick()
        detail = self._details.detail if self.text.size.height else None
        self._looking.tick(None if detail is None else detail.exchange)
        if (selected := self.feed.selected) is not None and fate.waits(selected):
            self.show_details()

    def action_edit(self) -> None:
        """Edit a delivery or a message, and send it."""
        self._edit()

    def action_edit_outside(self) -> None:
        """Edit a delivery or a message in the person's own editor, and send it."""
        self._edit(outside=True)

    def action_duplicate(self) -> None:
        """Edit a copy of a delivery or a message."""
        self._edit(linked=False)

    def _edit(self, *, outside: bool = False, linked: bool = True) -> None:
        chosen = self.chosen()
        if produced(chosen[:1]):
            edit_message(self.console, chosen[0])
        elif _messages(chosen[:1]):
            self.console.messages.edit(chosen[0], outside=outside, linked=linked)
        else:
            self.console.deliveries.edit(chosen, outside=outside, linked=linked)

    def action_trigger(self, event: str = "") -> None:
        """Choose an event, of those that have *event* in their name, and send it.

        At a module's row, or in a project of modules alone, it is a message to a module.
        """
        selected, status = self.feed.selected, self.console.status
        at_module = selected is not None and selected.source is Source.IPC
        alone = status is not None and bool(status.workers) and not status.extensions
        if event or not (at_module or alone):
            self.console.deliveries.trigger(event)
        else:
            self.console.messages.write(selected.worker if selected and at_module else "")

    @contextmanager
    def instead(self, numbers: Sequence[int]) -> Iterator[None]:
        """Let a command act on the exchanges of these numbers, whatever is selected.

        Raises `ConsoleError` when one of them is not there.
        """
        found = {row.id: row for row in self.console.reader.page(sorted(set(numbers)))}
        missing = next((number for number in numbers if number not in found), None)
        if missing is not None:
            raise ConsoleError(f"There is no exchange {missing}.")
        self._instead = [found[number] for number in sorted(found)]
        try:
            yield
        finally:
            self._instead = None

    def chosen(self) -> list[Exchange]:
        """Return the exchanges that are selected, else the one under the cursor."""
        if self._instead is not None:
            return self._instead
        picked = self._rows.picks.ids
        if picked:
            return self.console.reader.page(picked)
        selected = self._looked_at if self.opened else self.feed.selected
        return [] if selected is None else [selected]

    async def action_filter(self, text: str = "") -> None:
        """Narrow the list to what *text* says, which can ask for what it shows; without it, ask."""
        self.language.look_at(self.feed, self.filter_text)
        await super().action_filter(text)

    async def action_marked(self) -> None:
        """Show marked exchanges only, or what was shown before."""
        self.use_filter(await self._parsed(toggled_marks(self.filter_text)))

    def action_mark(self) -> None:
        """Keep the chosen exchanges whatever their age, or no longer."""
        if chosen := self.chosen():
            self.console.requests.pin(chosen)

    def action_note(self) -> None:
        """Ask for one line about the chosen exchanges."""
        from kiket_console.ui.screens.note import ask_for_note

        ask_for_note(self, self.chosen())

    def action_diff(self) -> None:
        """Compare two exchanges."""
        from kiket_console.ui.comparing import show_difference

        show_difference(self.console, self.chosen())

    def action_copy(self) -> None:
        """Choose what to copy of the chosen exchanges."""
        from kiket_console.ui.handing_out import copy

        copy(self, self.chosen())

    def action_export(self) -> None:
        """Write the chosen exchanges to a file."""
        from kiket_console.ui.handing_out import export

        export(self, self.chosen())

    def action_save(self) -> None:
        """Save the chosen delivery as a test."""
        from kiket_console.ui.handing_out import save

        save(self, self.chosen())

    def action_remove(self) -> None:
        """Delete the chosen exchanges, until it is undone."""
        if chosen := self.chosen():
            self._rows.picks.clear()
            self.console.requests.remove(chosen)

    def action_lines(self) -> None:
        """Go to Logs, to the lines of the exchange that is looked at."""
        if (looked_at := self._looked_at) is not None:
            self.console.show_log_lines(f"exchange:{looked_at.id}")

    def action_undo(self) -> None:
        """Take back what was done last."""
        self.console.requests.undo()

    def action_tab(self, by: int) -> None:
        """Show the next tab."""
        self._details.step_tab(by)

    def action_show_tab(self, name: str) -> None:
        """Show a tab by its name, in a low terminal over the list."""
        self._details.choose_tab(TABS.index(name))
        self.action_open()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Show the tab that was clicked."""
        self._details.choose_tab(event.index)

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Go to what a line of the details leads to."""
        self._details.follow(event.target)

    def _redraw_pending(self) -> None:
        if self.is_current and self.feed.count:
            shown = self.list
            shown.changed(self._rows.pending(shown.first_shown, shown.last_shown))


def _messages(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return those of some exchanges that are modules' messages."""
    return [each for each in exchanges if each.source is Source.IPC]
