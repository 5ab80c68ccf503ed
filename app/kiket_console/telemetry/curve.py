"""One curve of a chart: durations by step of a window, what they add up to, and its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.telemetry.histogram import Histogram, bounds
from kiket_console.telemetry.report import Point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.telemetry.windows import Window

SHARES: Final = (0.5, 0.95, 0.99)


class Curve:
    """Durations by the number of their step; a step that is closed is a point, and added up."""

    __slots__ = ("_errors", "_points", "_steps", "errors", "total")

    def __init__(self) -> None:
        self.total = Histogram()
        """All of closed steps; as `errors`."""
        self.errors = 0
        self._steps: dict[int, Histogram] = {}
        self._errors: dict[int, int] = {}
        self._points: dict[int, Point] = {}

    def add(self, step: int, durations: Histogram, errors: int) -> None:
        """Count *durations* in a step that is not closed yet; so many of them failed."""
        known = self._steps.get(step)
        if known is None:
            known = self._steps[step] = Histogram()
        known.merge(durations)
        self._errors[step] = self._errors.get(step, 0) + errors

    def close(self, window: Window) -> Iterator[tuple[int, Histogram, int]]:
        """Close all steps; yield the number, durations and errors of each."""
        for step, durations in self._steps.items():
            errors = self._errors[step]
            at_s = window.since_s + step * window.step_s
            p50, p95, p99 = durations.percentiles(SHARES)
            self._points[step] = Point(at_s, durations.count, errors, p50, p95, p99)
            self.total.merge(durations)
            self.errors += errors
            yield step, durations, errors
        self._steps, self._errors = {}, {}

    def copy(self) -> Curve:
        """Return another curve of the same closed steps."""
        made = Curve()
        made.total.merge(self.total)
        made.errors = self.errors
        made._points = dict(self._points)
        return made

    def points(self, empty: tuple[Point, ...]) -> tuple[Point, ...]:
        """Return a point for each step: of *empty*, where nothing ended."""
        points = list(empty)
        for step, point in self._points.items():
            points[step] = point
        return tuple(points)

    def distribution(self) -> tuple[tuple[int, int, int], ...]:
        """Return from, to (µs, exclusive) and count of each bucket that is not empty."""
        found = sorted(self.total.buckets.items())
        return tuple((*bounds(number), count) for number, count in found)


def no_points(window: Window) -> tuple[Point, ...]:
    """Return the points of a window in which nothing ended."""
    return tuple(
        Point(at_s, 0, 0, None, None, None)
        for at_s in range(window.since_s, window.until_s, window.step_s)
    )
