"""A list that grows and shows only what a scan lets through; the scan runs in a thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from kiket_console.text import plural
from kiket_console.ui.actions import Mode
from kiket_console.ui.pages import Row
from kiket_console.ui.scan import Scan
from kiket_console.ui.screens.following import FollowingScreen

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Sequence

    from kiket_console.model import Notice
    from kiket_console.ui.pages import Reader
    from kiket_console.ui.paint.line import Part
    from kiket_console.ui.scan import Haul, Sieve
    from kiket_console.ui.store_view import StoreView

R = TypeVar("R", bound=Row)
TELL_EVERY_S = 0.08
"""How often a long scan shows what it found: each time costs a frame."""


class ScanningScreen(FollowingScreen[R]):
    """A place whose list shows all rows, or those that match."""

    class Hauled(Message):
        """Steps of a scan found something; *done*: there is nothing left to look at for now."""

        def __init__(self, scan: Scan, hauls: Sequence[Haul], *, done: bool) -> None:
            super().__init__()
            self.scan = scan
            self.hauls = hauls
            self.done = done

    _scan: Scan | None = None
    _fresh_scan = False
    _scanning = False
    _woken = False
    _scan_reader: StoreView | None = None
    _cursor_id: int | None = None
    """The row under the cursor when rows changed last; its position may be another one's now."""

    def on_unmount(self) -> None:
        """Give the store back."""
        self._scan = None
        if self._scan_reader is not None:
            self._scan_reader.close()

    @property
    def mode(self) -> Mode:
        """What the place is used for."""
        found = super().mode
        return Mode.FILTERED if found is Mode.EMPTY and self.feed.total else found

    @property
    def is_empty(self) -> bool:
        """Whether there is no row; while a scan looks for one, the details stay."""
        return super().is_empty and (self._scan is None or self._scan.done)

    def show_matching(self, sieve: Callable[[Reader], Sieve] | None) -> None:
        """Show what a sieve of a reader lets through, the newest first; without one, all rows."""
        self.workers.cancel_group(self, "scan")
        self._scanning = self._woken = False
        if sieve is None:
            self._scan = None
            with self.list.steady():
                self.feed.widen()
            self.rows_changed()
            return
        if self._scan_reader is None:
            self._scan_reader = self.console.another_reader()
        self._scan = Scan(sieve(self._scan_reader))
        self._fresh_scan = True
        self._look()

    def look_again(self, ids: Iterable[int]) -> None:
        """Look again whether rows match that a person has changed."""
        if self._scan is not None:
            self._scan.ask_again(ids)
            self._look()

    def look_anew(self) -> None:
        """Look at all rows again: some went away, or came back."""
        if self._scan is not None:
            self._scan.restart()
            self._look()

    def _look(self) -> None:
        """Go on scanning in a thread, or begin to."""
        if self._scan is None:
            return
        self._woken = self._scanning
        if not self._scanning:
            self._scanning = True
            self._run(self._scan)

    @work(thread=True, exclusive=True, group="scan")
    def _run(self, scan: Scan) -> None:
        worker = get_current_worker()
        hauls: list[Haul] = []
        told_s = 0.0
        while not worker.is_cancelled:
            haul = scan.step()
            if haul is not None:
                hauls.append(haul)
            if haul is None or time.monotonic() - told_s > TELL_EVERY_S:
                self.post_message(self.Hauled(scan, hauls, done=haul is None))
                hauls, told_s = [], time.monotonic()
            if haul is None:
                return

    def on_scanning_screen_hauled(self, event: Hauled) -> None:
        """Take in what was found."""
        if event.scan is not self._scan:
            return
        with self.list.steady():
            if self._fresh_scan:
                self._fresh_scan = False
                self.feed.narrow()
            for haul in event.hauls:
                self.feed.take(haul)
            self.hauled(event.hauls)
        if event.done:
            self._scanning = False
            if self._woken:
                self._look()
        self.rows_changed()

    def _loaded(self, ids: array[int]) -> None:
        """Take in all ids there are; what went away matches no longer."""
        super()._loaded(ids)
        self.look_anew()

    def hauled(self, hauls: Sequence[Haul]) -> None:
        """Take in what was found; the list has it already."""

    def rows_changed(self) -> None:
        """Draw the list and what is said about it again."""
        self._rows.looked_at = 1.0 if self._scan is None else self._scan.progress
        self.list.refresh()
        self.show_summary()
        if self.feed.selected_id != self._cursor_id:
            self._cursor_id = self.feed.selected_id
            self.cursor_moved()

    def heard(self, notice: Notice | None) -> None:
        """Take in that something was recorded, and look whether it matches."""
        super().heard(notice)
        if self._scan is not None and not self.paused:
            self._scan.wake()
            self._look()

    def tick(self) -> None:
        """Look again at what is under way: it may take long by now."""
        super().tick()
        if self._scan is not None and self._scan.waits and not self.paused:
            self._scan.wake()
            self._look()

    def counts(self) -> list[Part]:
        """Return how many rows are shown, of how many, and what is hidden."""
        if not self.feed.narrowed:
            return super().counts()
        noun = self.NOUN if self.feed.total == 1 else f"{self.NOUN}s"
        parts: list[Part] = [(2, [(f"{self.feed.count:,} of {self.feed.total:,} {noun}", "muted")])]
        if self.feed.hidden_failing:
            hidden = f"{plural(self.feed.hidden_failing, 'error')} hidden"
            parts.append((3, [(hidden, "warning")]))
        if self._scan is not None and not self._scan.done:
            parts.append((4, [(f"looking, {self._scan.progress:.0%}", "muted")]))
        return parts
