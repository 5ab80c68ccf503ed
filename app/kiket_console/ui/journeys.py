"""From one place to another: to an exchange, its timeline, a worker's logs, what a filter finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App

from kiket_console.errors import ConsoleError
from kiket_console.ui.screens.filtering import FilteringScreen
from kiket_console.ui.screens.place import PlaceScreen
from kiket_console.ui.screens.traffic import TrafficScreen
from kiket_console.ui.way_back import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.store_view import StoreView

Whereabouts = tuple[str, int | None]
"""The name of a place, and the exchange that the cursor stays on there."""


class Journeys(App[bool]):
    """The part of the program that goes from place to place."""

    reader: StoreView

    def say(self, text: str, *, error: bool = False) -> None:
        """Tell a person something."""
        raise NotImplementedError

    @property
    def place(self) -> PlaceScreen | None:
        """The place that is shown, be it under a dialog."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, PlaceScreen):
                return screen
        return None

    def go_to(self, name: str) -> None:
        """Show a place."""
        if name == "processes":
            self.clear_notifications()  # what they say of workers is seen there
        self.switch_mode(name)

    def show_exchange(self, exchange_id: int) -> None:
        """Go to Traffic, and there to an exchange."""
        self.go_to("traffic")
        if isinstance(self.place, TrafficScreen):
            self.place.go_to(exchange_id)

    @property
    def whereabouts(self) -> Whereabouts:
        """The place and, in Traffic, the exchange that a person stays at: None while it follows."""
        feed = self.place.feed if isinstance(self.place, TrafficScreen) else None
        return self.current_mode, None if feed is None or feed.follow else feed.selected_id

    def show_outcome(self, exchange_id: int, left: Whereabouts) -> None:
        """Go to what was sent, unless a person has *left* for elsewhere, or selects a range."""
        place = self.place
        ranging = isinstance(place, TrafficScreen) and place.feed.stays
        if self.whereabouts == left and not ranging:
            self.show_exchange(exchange_id)

    def show_timeline(self, exchange_id: int, at: str = "") -> None:
        """Go to Traffic, to the timeline of an exchange; `esc` comes back to this place.

        *at*: the row to go to, as `log:99:1203`; empty: that of the exchange.
        """
        came_from = self.current_mode
        self.go_to("traffic")
        if isinstance(self.place, TrafficScreen):
            back = None if came_from == "traffic" else came_from
            self.place.visit(Stop(exchange_id, "timeline", at), back)

    def show_logs(self, worker: str) -> None:
        """Go to Logs, and there to what a worker logged; `esc` comes back to this place."""
        from kiket_console.filters.log_lines import quoted

        self.show_log_lines(f"worker:{quoted(worker)}")

    def show_log_lines(self, wanted: str) -> None:
        """Go to Logs, and there to what a filter finds; `esc` comes back to this place."""
        from kiket_console.ui.screens.logs import LogsScreen

        came_from = self.current_mode
        self.go_to("logs")
        if isinstance(self.place, LogsScreen):
            self.place.narrow_to(wanted, came_from)

    def show_calls(self, wanted: str) -> None:
        """Go to Traffic, and there to what a filter finds; `esc` comes back to this place."""
        self.run_worker(self.show_exchanges(wanted), group="filter")

    async def show_exchanges(self, wanted: str, exchange_id: int | None = None) -> None:
        """Do the same to the end, and put the cursor on one of them."""
        came_from = self.current_mode
        self.go_to("traffic")
        if isinstance(self.place, TrafficScreen):
            await self.place.narrow(wanted, came_from)
            if exchange_id is not None:
                self.place.go_to(exchange_id)

    def changed(self, ids: Sequence[int]) -> None:
        """Take in that a person changed exchanges: a filter may see them with other eyes."""
        if isinstance(self.place, TrafficScreen):
            self.place.look_again(ids)

    def action_go(self, number: str) -> None:
        """Go to the exchange of this number; raises `ConsoleError` when it is not there."""
        from kiket_console.ui.command_line import numbers

        wanted = numbers(number)[0]
        if not self.reader.page([wanted]):
            raise ConsoleError(f"There is no exchange {wanted}.")
        self.show_exchange(wanted)

    def action_place(self, name: str) -> None:
        """Show a place."""
        if isinstance(self.place, TrafficScreen):
            self.place.forget_way()
        self.go_to(name)
        if isinstance(self.place, FilteringScreen):
            self.place.forget_journey()
