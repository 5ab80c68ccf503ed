"""A list that can be put in another order than that of time; the store does it, in a thread.

    ─ Traffic ───────────────────────── slowest first · 1,204 exchanges ─

New and changed rows take their places by themselves, as often as that costs little: it rests for
some times as long as it took. Until then they are counted. `p` holds such a list still, too.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, Generic

from textual import work

from kiket_console.errors import ConsoleError
from kiket_console.order import TIME, Column, Order
from kiket_console.ui.arrangement import Arrangement
from kiket_console.ui.filtering import F
from kiket_console.ui.pages import R
from kiket_console.ui.screens.picking import PickingScreen
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

    from textual.timer import Timer

    from kiket_console.model import Notice
    from kiket_console.ui.pages import Reader
    from kiket_console.ui.paint.line import Part
    from kiket_console.ui.scan import Scan, Sieve

REST_S: Final = 0.25
RESTS: Final = 9
"""Rows are put in order again after so long, or so many times as long as it took."""
SLOW_S: Final = 0.5
"""A person is told that rows are put in order when that takes so long."""


class OrderingScreen(PickingScreen[R, F], Generic[R, F]):
    """A place whose rows are in order of time, or in one that a person chose."""

    order = TIME
    _is_arranging = False
    _is_stale = False
    """Whether rows came, went or changed since those that are shown were read."""
    _is_urgent = False
    """Whether a person waits for it: a filter is another one, or has looked at all rows."""
    _ended: Scan | None = None
    """The scan whose end was taken in."""
    _took_s = 0.0
    _due_s = 0.0
    _due: Timer | None = None

    # What a person does

    def action_order(self, column: str = "") -> None:
        """Put the list in the order of a column, the same one reversed; without it, ask."""
        if not column:
            from kiket_console.ui.screens.orders import ask_for_order

            ask_for_order(self)
            return
        found = next((each for each in Column if each.value == column.strip().lower()), None)
        if found is None:
            raise ConsoleError(
                f"There is no column {column!r} to order by.", hint=f"Say {', '.join(Column)}."
            )
        self.use_order(self.order.chosen(found))

    def use_order(self, order: Order) -> None:
        """Put the list in an order."""
        self.order = order
        self.workers.cancel_group(self, "arrange")
        self._is_arranging = False
        if order.is_usual:
            with self.list.steady():
                self.feed.arrange(None)
            self.rows_changed()
            return
        self._arrange()
        self.show_summary()

    def action_follow(self) -> None:
        """Follow what is new, in order of time, or stop."""
        if not self.order.is_usual:
            self.use_order(TIME)
            self.feed.to_newest()
            self.list.sync()
            self.show_summary()
            self.console.say("Following, in order of time again.")
            return
        super().action_follow()

    def action_back(self) -> None:
        """Step out of what was done in the list, at last of the order."""
        is_last = not (self.opened or self._rows.picks or self._filter is not None)
        if is_last and not self.order.is_usual:
            self.use_order(TIME)
        else:
            super().action_back()

    # What is said of it

    def counts(self) -> list[Part]:
        """Return the order, and how many rows there are."""
        if self.order.is_usual:
            return super().counts()
        return [(1, [(self.order.words, "accent")]), *super().counts()]

    def _pace(self) -> list[Part]:
        """Return what has no place in the order yet."""
        if self.order.is_usual or self.paused:
            return super()._pace()
        arrangement = self.feed.arrangement
        if arrangement is None or (self._is_arranging and self._took_s > SLOW_S):
            return [(3, [("putting in order", "muted")])]
        if self._took_s > SLOW_S and self.feed.unseen:
            return [(3, [(f"{self.feed.unseen:,} new, soon in place", "accent")])]
        return []

    # What keeps it in order

    def heard(self, notice: Notice | None) -> None:
        """Take in that something was recorded; it gets its place soon."""
        super().heard(notice)
        self._arrange_soon()

    def show_matching(self, sieve: Callable[[Reader], Sieve] | None) -> None:
        """Show what a sieve lets through, in order at once."""
        super().show_matching(sieve)
        self._is_urgent = True
        self._arrange_soon()

    def rows_changed(self) -> None:
        """Put what a scan has found in its place."""
        super().rows_changed()
        if self._scan is not None and self._scan.done and self._scan is not self._ended:
            self._ended = self._scan
            self._is_urgent = True
        self._arrange_soon()

    def _loaded(self, ids: array[int]) -> None:
        super()._loaded(ids)
        self._arrange_soon()

    def _arrange_soon(self) -> None:
        """Put rows in order anew as soon as it is due."""
        if self.order.is_usual or self.paused:
            return
        self._is_stale = True
        wait_s = 0.0 if self._is_urgent else self._due_s - time.monotonic()
        if self._is_arranging or (self._due is not None and wait_s > 0):
            return
        if wait_s > 0:
            self._due = self.set_timer(wait_s, self._is_due)
        else:
            self._arrange()

    def _is_due(self) -> None:
        self._due = None
        if self._is_stale and not (self.order.is_usual or self.paused or self._is_arranging):
            self._arrange()

    def _arrange(self) -> None:
        self._is_arranging, self._is_stale, self._is_urgent = True, False, False
        self._run_arranging(self.order, self.feed.in_time[:])

    @work(thread=True, exclusive=True, group="arrange")
    def _run_arranging(self, order: Order, ids: array[int]) -> None:
        began_s = time.monotonic()
        with closing(self.console.another_reader()) as reader:
            found = ids[::-1] if order.column is Column.TIME else reader.ordered(order, ids)
        arrangement = Arrangement(found, *((ids[0], ids[-1]) if ids else (1, 0)))
        hand_over(self.app, self._arranged, arrangement, time.monotonic() - began_s)

    def _arranged(self, arrangement: Arrangement, took_s: float) -> None:
        """Show what was put in order."""
        self._is_arranging, self._took_s = False, took_s
        self._due_s = time.monotonic() + max(REST_S, RESTS * took_s)
        begins = self.feed.follow
        with self.list.steady():
            self.feed.arrange(arrangement)
        if begins:
            self.list.reveal()
        self.placed()
        super().rows_changed()
        if self._is_stale:
            self._arrange_soon()

    def placed(self) -> None:
        """Take in that rows have their places."""
