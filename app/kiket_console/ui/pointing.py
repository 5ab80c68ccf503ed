"""What a person looks at within charts: a step of time or a save, which stay while time goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.paint.metrics_charts import Pointed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Line, Point, Report


class Pointing:
    """Nothing at first; a step of time, or a save."""

    def __init__(self) -> None:
        self._at_s: int | None = None
        self.save: Reload | None = None

    def point(self, report: Report) -> int | None:
        """Return the place of the step among a report's points; None without one within it."""
        if self._at_s is None or not report.since_s <= self._at_s < report.until_s:
            return None
        return (self._at_s - report.since_s) // report.step_s

    def pointed(self, of: Line | Report, report: Report) -> Pointed:
        """Return what charts of a row, or of all, are to show of it."""
        change = getattr(of, "culprit", None)
        return Pointed(self.point(report), self.save, change.reload if change else None)

    def at(self, point: Point) -> None:
        """Look at a step of time."""
        self._at_s, self.save = point.at_s, None

    def step(self, points: Sequence[Point], report: Report, by: int) -> None:
        """Look at the next step that had calls, in one direction; at the newest at first."""
        place = self.point(report)
        if place is None:
            by, place = -1, len(points)
        place += by
        while 0 <= place < len(points):
            if points[place].count:
                self.at(points[place])
                return
            place += by

    def go_to_save(self, saves: Sequence[Reload], by: int) -> bool:
        """Look at the next save, or the one before, at the newest at first; False without any."""
        if not saves:
            return False
        if self.save in saves:
            place = max(0, min(len(saves) - 1, saves.index(self.save) + by))
        else:
            place = len(saves) - 1
        self._at_s, self.save = None, saves[place]
        return True

    def clear(self) -> bool:
        """Look at nothing of it; False when that is so already."""
        was = self._at_s is not None or self.save is not None
        self._at_s = self.save = None
        return was
