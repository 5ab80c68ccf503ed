"""A place that shows what the engine says when it is asked, not what stands in the store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from textual.timer import Timer
    from textual.worker import WorkType

    from kiket_console.model import Notice
    from kiket_console.ui.link import Engine

READ_EVERY_S: Final = 0.5
"""While calls come, what they changed is read so often."""
RESTS: Final = 4
"""What takes long to read is read so many times as long apart."""
LOOK_EVERY_S: Final = 3.0
"""What other programs change through the control API brings no notice."""
AT_ONCE_S: Final = 0.01


class ReadingScreen(PlaceScreen):
    """Read what is shown when something was recorded, and now and then; never too often."""

    _timer: Timer | None = None
    _read_s = 0.0
    _change = -1
    _trouble = ""
    _reading: object | None = None
    _again = False
    _took_s = 0.0

    async def fetch(self, engine: Engine) -> None:
        """Read what is to be shown; raises `ConsoleError`."""
        raise NotImplementedError

    def show_read(self) -> None:
        """Draw what is known now."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Read it at once."""
        self.read()

    def refresh_rows(self, notice: Notice | None = None) -> None:
        """Read it again when calls may have changed it."""
        change = (notice or self.console.newest).newest_change
        if notice is None or change != self._change:
            self._change = change
            self.read_soon()

    def tick(self) -> None:
        """Look now and then for what came without a notice."""
        super().tick()
        if time.monotonic() - self._read_s > LOOK_EVERY_S:
            self.read_soon()

    def read_soon(self) -> None:
        """Read it, not too often."""
        if self._timer is None and self.is_current:
            pause_s = max(READ_EVERY_S, RESTS * self._took_s)
            wait_s = self._read_s + pause_s - time.monotonic()
            self._timer = self.set_timer(max(AT_ONCE_S, wait_s), self._due)

    def _due(self) -> None:
        """Read it unless that is under way, and then once more: it may take longer than a turn."""
        self._timer = None
        if self._reading is None:
            self.read()
        else:
            self._again = True

    def read(self) -> None:
        """Read it now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._read_s = time.monotonic()
        work: WorkType[None] = self._read  # made when it runs: another one may come before
        self.run_worker(work, group="make", exclusive=True)

    async def _read(self) -> None:
        mine = self._reading = object()
        began_s = time.monotonic()
        try:
            await self.fetch(self.console.connected())
            self._trouble = ""
        except ConsoleError as error:
            if str(error) != self._trouble and self.console.link.up:
                self._trouble = str(error)
                self.console.say(str(error), error=True)
        finally:
            if self._reading is mine:  # else it was cancelled for another one
                self._reading = None
        self._read_s = time.monotonic()
        self._took_s = self._read_s - began_s
        self.show_read()
        if self._again:
            self._again = False
            self.read_soon()
