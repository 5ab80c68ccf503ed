"""Take note of what a person looks at, and tell the engine now and then.

An exchange is looked at when its details stay on screen from one second to the next, while a
person is there. Stepping past it, or a list that goes on by itself, looks at nothing.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp

THERE_S: Final = 60.0
"""How long a person is taken to be there after a key or the mouse."""
MOST: Final = 1_000
"""So many exchanges wait to be told; the oldest are forgotten."""
TELL_EVERY: Final = 3
"""The engine is told every so many seconds."""


class Looking:
    """What a person looked at that the engine is still to be told."""

    def __init__(self, console: ConsoleApp) -> None:
        self._console = console
        self._waiting: dict[int, None] = {}
        self._shown = 0
        self._seconds = 0
        self._telling = False

    def tick(self, shown: Exchange | None) -> None:
        """Take in whose details are on screen; to be called each second."""
        before, self._shown = self._shown, 0
        console = self._console
        if shown is not None and console.app_focus and time.monotonic() < console.acted_s + THERE_S:
            self._shown = shown.id
            if shown.unread and shown.id == before:
                self._waiting[shown.id] = None
                if len(self._waiting) > MOST:
                    del self._waiting[next(iter(self._waiting))]
        self._seconds += 1
        if self._seconds % TELL_EVERY == 0 and self._waiting and console.link.up:
            console.run_worker(self._tell(), group="looking")

    async def _tell(self) -> None:
        """Tell the engine; what it cannot take now it is told later."""
        if self._telling:
            return
        self._telling = True
        try:
            ids = tuple(islice(self._waiting, MOST))
            await self._console.connected().mark_read(ids)
        except ConsoleError:
            return
        finally:
            self._telling = False
        for each in ids:
            self._waiting.pop(each, None)
        self._console.changed(ids)
