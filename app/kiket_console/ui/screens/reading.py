"""A place that shows what the engine says when it is asked, not what stands in the store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from textual.timer import Timer

    from kiket_console.model import Notice
    from kiket_console.ui.link import Engine

READ_EVERY_S: Final = 0.5
"""While calls come, what they changed is read so often."""
LOOK_EVERY_S: Final = 3.0
"""What other programs change through the control API brings no notice."""
AT_ONCE_S: Final = 0.01


class ReadingScreen(PlaceScreen):
    """Read what is shown when something was recorded, and now and then; never too often."""

    _timer: Timer | None = None
    _read_s = 0.0
    _change = -1
    _trouble = ""

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
            wait_s = self._read_s + READ_EVERY_S - time.monotonic()
            self._timer = self.set_timer(max(AT_ONCE_S, wait_s), self.read)

    def read(self) -> None:
        """Read it now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._read_s = time.monotonic()
        self.run_worker(self._read(), group="make", exclusive=True)

    async def _read(self) -> None:
        try:
            await self.fetch(self.console.connected())
            self._trouble = ""
        except ConsoleError as error:
            if str(error) != self._trouble and self.console.link.up:
                self._trouble = str(error)
                self.console.say(str(error), error=True)
        self._read_s = time.monotonic()
        self.show_read()
