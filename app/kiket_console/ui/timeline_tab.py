"""The timeline of an exchange while it is looked at: read at once, or in a thread if large."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from kiket_console.tracing.kin import MOST
from kiket_console.ui import moment
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.tracing.kin import Kin
    from kiket_console.tracing.tree import Timeline
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.screens.place import PlaceScreen

AT_ONCE: Final = 300
"""Of more exchanges, spans or log lines all are read in a thread; the first show meanwhile."""
AGAIN_S: Final = 0.9
LARGE_AGAIN_S: Final = 5.0
"""A large one is read again no sooner than this."""
COUNTED: Final = 1_000


class TimelineTab:
    """What the timeline of the selected exchange shows.

    *changed* is called when there is something else to show.
    """

    def __init__(self, screen: PlaceScreen, changed: Callable[[], None]) -> None:
        self._screen = screen
        self._changed = changed
        self._exchange_id = 0
        self._kin: Kin | None = None
        self._shown: Timeline | None = None
        self._note = ""
        self._is_large = False
        self._folds: set[str] = set()
        self._read_s = 0.0
        self._newest: tuple[int, ...] = ()
        self._reading = 0

    def label(self, exchange_id: int) -> str:
        """Return the tab's label: how many exchanges belong together."""
        count = self._screen.console.reader.kin_count(exchange_id, COUNTED)
        return f"Timeline {count:,}{'+' if count >= COUNTED else ''}"

    def rows(self, exchange_id: int, width: int) -> LineSource:
        """Return the rows of the timeline of an exchange."""
        if exchange_id != self._exchange_id:
            self._folds = set()
            self._look(exchange_id)
        if self._shown is None:
            return Lines([[("  This exchange is not there any more.", "muted")]])
        from kiket_console.ui.paint.timeline import TimelineRows

        return TimelineRows(
            self._shown, width, moment.now_us(), self._folds,
            note=self._note, next_key=self._screen.console.registry.key("view.next-match"),
        )  # fmt: skip

    def forget(self) -> None:
        """Read anew when it is looked at next: nobody looks now."""
        self._exchange_id = 0

    def tick(self) -> None:
        """Let pending bars grow, and show what has come meanwhile; a second went by."""
        if self._shown is None or self._exchange_id == 0:
            return
        pause_s = LARGE_AGAIN_S if self._is_large else AGAIN_S
        if time.monotonic() - self._read_s < pause_s:
            return
        if self._shown.pending or self._news() != self._newest:
            before = self._kin
            self._look(self._exchange_id)
            if self._shown.pending or self._kin != before:
                self._changed()

    def _news(self) -> tuple[int, ...]:
        """Return numbers that are others when something was recorded."""
        reader = self._screen.console.reader
        return (*reader.newest(), reader.measured())

    def _look(self, exchange_id: int) -> None:
        known = self._exchange_id == exchange_id and self._is_large
        self._exchange_id = exchange_id
        self._read_s = time.monotonic()
        self._newest = self._news()
        if not known:
            kin = self._kin = self._screen.console.reader.kin(exchange_id, AT_ONCE)
            self._shown = _grown(kin)
            self._is_large = kin is not None and kin.more
            self._note = "reading the rest …" if self._is_large else ""
        if self._is_large and self._reading != exchange_id:
            self._reading = exchange_id
            self._screen.run_worker(
                self._read, group="timeline", description="timeline", exclusive=True, thread=True
            )

    def _read(self) -> None:
        exchange_id = self._reading
        with closing(self._screen.console.another_reader()) as reader:
            kin = reader.kin(exchange_id, MOST)
        hand_over(self._screen.app, self._was_read, exchange_id, _grown(kin))

    def _was_read(self, exchange_id: int, shown: Timeline | None) -> None:
        if self._reading == exchange_id:
            self._reading = 0
        if self._exchange_id == exchange_id and shown is not None:
            self._shown, self._note = shown, ""
            self._changed()


def _grown(kin: Kin | None) -> Timeline | None:
    """Return what was read as bars, as they are now."""
    from kiket_console.tracing.tree import timeline

    return timeline(kin, moment.now_us()) if kin is not None else None
