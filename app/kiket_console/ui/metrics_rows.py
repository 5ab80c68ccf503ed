"""The rows of Metrics: all there is, and one for each handler (or what a report is grouped by)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.ui.paint import metrics, metrics_charts, teach
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kiket_console.engine_status import EngineStatus
    from kiket_console.telemetry.report import Line as Row
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.paint.line import Line

Identity = tuple[str, str, str, str, str]
EVERYTHING: Final[Identity] = ("", "", "", "", "")


class MetricsRows:
    """A report as a list wants it; the cursor stays on the same thing while figures change.

    It begins on what got slower, else on all there is.
    """

    def __init__(self, status: Callable[[], EngineStatus | None]) -> None:
        self._status = status
        self.report: Report | None = None
        self.only = ""
        """The words that rows are narrowed to."""
        self.window = ""
        """What is read, or is being read."""
        self.is_reading = True
        """Whether nothing was read yet."""
        self.ever = False
        """Whether anything was ever measured."""
        self.key_of: teach.KeyOf = usual_key
        self._chosen: Identity | None = None
        self._at = 0
        self._shown: list[Row | None] = []
        self._drawn: tuple[int, list[metrics.Column]] = (-1, [])
        self._points = 0
        self._generation = 0

    # What is known

    def take(self, report: Report, only: str, *, ever: bool) -> None:
        """Take in a report, what it is narrowed to, and whether anything was ever measured."""
        self.is_reading = False
        if self.report is not None and report.group != self.report.group:
            self._chosen = None
        self.report, self.only, self.ever = report, only, ever
        if self._chosen is None and report.lines and report.lines[0].culprit is not None:
            self._chosen = _identity(report.lines[0])
        self._shown = [None, *report.lines] if report.count else []
        self._points = len(metrics_charts.cropped(report).points)
        self._drawn = (-1, [])
        self._generation += 1

    @property
    def selected(self) -> Row | Report | None:
        """What is under the cursor: a row, or all there is; None where there is nothing."""
        if not self._shown:
            return None
        return self._shown[self.cursor] or self.report

    @property
    def selected_row(self) -> Row | None:
        """The row under the cursor; None for all there is."""
        return self._shown[self.cursor] if self._shown else None

    # What the list asks

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._shown)

    @property
    def cursor(self) -> int:
        """The position of what is selected."""
        if not self._shown:
            return -1
        wanted = self._chosen or EVERYTHING
        found = (at for at, each in enumerate(self._shown) if _identity(each) == wanted)
        return next(found, min(self._at, len(self._shown) - 1))

    def move(self, position: int) -> None:
        """Select a row."""
        if 0 <= position < len(self._shown):
            self._at = position
            self._chosen = _identity(self._shown[position])

    def key(self, position: int) -> Hashable | None:
        """Return what the drawing of a row depends on."""
        return (self._generation, position, self._several)

    def line(self, position: int, width: int) -> Line:
        """Return a row."""
        row, kept = self._shown[position], self._columns(width)
        if row is not None:
            return metrics.row(row, width, kept, self._points)
        if self.report is None:
            return ()
        return metrics.row_of_all(self.report, width, kept, self._points)

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        if self.report is None or not self._shown:
            return ()
        return metrics.header(width, self.report, self._columns(width))

    def teach(self, width: int) -> list[Line]:
        """Return what an empty list says."""
        if self.is_reading:
            return [[], [("  reading …", "muted")]]
        status = self._status()
        if status is not None and not status.counts:
            return metrics.not_counted(width)
        if self.only:
            return metrics.nothing_narrowed(self.window, self.key_of)
        return metrics.empty(width, window=self.window, ever=self.ever, key=self.key_of)

    @property
    def _several(self) -> bool:
        status = self._status()
        return status is not None and len(status.workers) > 1

    def _columns(self, width: int) -> list[metrics.Column]:
        if self._drawn[0] != width and self.report is not None:
            found = metrics.columns(width, self.report.group, several=self._several)
            self._drawn = (width, found)
        return self._drawn[1]


def _identity(line: Row | None) -> Identity:
    if line is None:
        return EVERYTHING
    return (line.source, line.worker, line.name, line.version, line.outcome)
