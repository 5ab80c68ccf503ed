"""A list of which several rows can be picked, so that what is done next is done to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from kiket_console.ui.actions import Mode
from kiket_console.ui.filtering import F
from kiket_console.ui.pages import R
from kiket_console.ui.picks import MOST
from kiket_console.ui.screens.filtering import FilteringScreen

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Part


class PickingScreen(FilteringScreen[R, F], Generic[R, F]):
    """A place whose rows can be picked, one by one or as a range."""

    def action_pick(self) -> None:
        """Select the row under the cursor, or no longer."""
        self._rows.picks.toggle()
        self._picked()

    def action_pick_range(self) -> None:
        """Begin to select a range, or end it."""
        self._rows.picks.toggle_range()
        self._picked()

    def _picked(self) -> None:
        if self._rows.picks.is_full:
            self.console.say(f"No more than {MOST:,} {self.NOUN}s can be selected.")
        self.list.refresh()
        self.show_summary()

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        found = super().mode
        return Mode.SELECTION if found is Mode.LIST and self._rows.picks else found

    def counts(self) -> list[Part]:
        """Return how many rows there are, and how many of them are selected."""
        picks = self._rows.picks
        if not picks:
            return super().counts()
        said = f"{picks.count:,} selected{' in a range' if picks.ranging else ''}"
        return [(1, [(said, "accent")]), *super().counts()]

    def cursor_moved(self) -> None:
        """Show the details of the row once the cursor rests on it; a range goes along."""
        super().cursor_moved()
        if self._rows.picks.ranging:
            self.list.refresh()

    def action_back(self) -> None:
        """Step out of the details; in the list, select nothing; then show all rows again."""
        if self.opened or not self._rows.picks.clear():
            super().action_back()
        else:
            self._picked()
