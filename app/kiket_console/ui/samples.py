"""What the selected worker used lately, read in a thread when there may be something new."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.ui import moment
from kiket_console.ui.paint.usage import STEP_S, WINDOW_S, Used
from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from kiket_console.model import Worker
    from kiket_console.ui.pages import Reader

AGAIN_S = 5.0
ENGINE = "engine"
"""Under this name the engine's own samples are kept."""


class Samples:
    """Samples of one worker at a time, and of the engine; *changed* is told of news.

    *reader* opens the store.
    """

    def __init__(
        self, screen: Screen[None], reader: Callable[[], Reader], changed: Callable[[], object]
    ) -> None:
        self._screen = screen
        self._reader = reader
        self._changed = changed
        self._used: Used | None = None
        self._of = ""
        self.engine: Used | None = None
        """What the engine used; None while that is not known."""
        self._asked = ("", 0.0)

    def of(self, worker: Worker) -> Used | None:
        """Return what is known of a worker; None while that is nothing."""
        return self._used if self._of == worker.name else None

    def look(self, worker: Worker) -> None:
        """Read anew what a worker used, now and then; at once when it is another worker."""
        now_s = time.monotonic()
        name, at_s = self._asked
        if name == worker.name and now_s - at_s < AGAIN_S:
            return
        self._asked = worker.name, now_s

        def read() -> None:
            self._read(worker.name)

        self._screen.run_worker(read, thread=True, exclusive=True, group="samples")

    def _read(self, name: str) -> None:
        until_s = (moment.now_us() // 1_000_000 // STEP_S + 1) * STEP_S
        with suppress(ConsoleError):  # the store is being made anew; the next look may read it
            with closing(self._reader()) as reader:
                used, engine = (
                    Used(tuple(reader.samples(STEP_S, until_s - WINDOW_S, until_s, each)), until_s)
                    for each in (name, ENGINE)
                )
            hand_over(self._screen.app, self._take, name, used, engine)

    def _take(self, name: str, used: Used, engine: Used) -> None:
        self._of, self._used, self.engine = name, used, engine
        self._changed()
