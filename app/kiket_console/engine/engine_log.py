"""The engine's own warnings, as lines of the Logs."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from kiket_console.store.records import NewLog

if TYPE_CHECKING:
    import asyncio

    from kiket_console.engine.recorder import Recorder


class EngineLog(logging.Handler):
    """Record the engine's own warnings as log lines of the worker `engine`.

    Takes records of any thread; `recorder` belongs to *loop*.
    """

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record over; without a loop to take it, it is in `engine.log` alone."""
        line = NewLog(
            at_us=int(record.created * 1_000_000),
            worker="engine",
            stream="log",
            level=record.levelname,
            logger=record.name,
            text=self.format(record),
        )
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._recorder.log, line)
