"""Read a report when there is anything new in it; belongs in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.telemetry.reporting import Look, Reporting
from kiket_console.telemetry.windows import window

if TYPE_CHECKING:
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.pages import Reader


class Found(Struct, frozen=True):
    """A report, and what was asked for."""

    look: Look
    report: Report
    ever: bool
    """Whether anything was ever measured."""


class MetricsReading:
    """Reports of one store; for one thread at a time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._reporting = Reporting(reader)
        self._stamp: object = None

    def read(self, look: Look, now_s: float) -> Found | None:
        """Return what *look* asks for at a moment (Unix seconds); None when it is as before.

        Raises `ConsoleError`.
        """
        oldest_s = self._reader.oldest_measure()
        stamp = (look, self._reader.measured(), window(look.window, now_s, oldest_s))
        if stamp == self._stamp:
            return None
        report = self._reporting.report(look, now_s, self._reader.too_many())
        self._stamp = stamp
        return Found(look, report, oldest_s is not None)

    def close(self) -> None:
        """Give the store back."""
        self._reader.close()
