"""A program on a terminal that draws one picture after another: `… KIND PICTURES RESULT`.

The next one is asked for when the last one was painted, however long that took. The median
processor time of one (ms, all threads) is written to RESULT: from its new numbers to the bytes
for the terminal, with all that Textual does for it.
"""

from __future__ import annotations

import gc
import math
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Label, Sparkline

from kiket_console.telemetry.report import Point, Report
from kiket_console.ui import themes
from kiket_console.ui.paint import metrics_charts
from kiket_console.ui.paint.chart import Curve, Frame, Mark, nice, plot
from kiket_console.ui.widgets.chart import Chart
from kiket_console.ui.widgets.ink import INK_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.widget import Widget

    from kiket_console.ui.paint.line import Line

    Drawn: TypeAlias = tuple[Sequence[Widget], Callable[[int], object]]
    """What is on screen, and what draws a picture by its number."""

POINTS: Final = 300
DIFFERENT: Final = 50
"""So many pictures there are; they come again."""
WARM: Final = 10
"""The first pictures count for nothing."""
CURVES: Final = (("p99", "muted", 40_000), ("p95", "accent", 18_000), ("p50", "info", 3_000))


def values(picture: int) -> list[list[float]]:
    """Return the points of the curves."""
    return [
        [
            height * (2 + math.sin((at + picture + number) / 9) + math.sin(at / 31))
            for at in range(POINTS)
        ]
        for number, (_, _, height) in enumerate(CURVES)
    ]


ALL_VALUES: Final = [values(picture) for picture in range(DIFFERENT)]


def label() -> Drawn:
    """Return a line that changes: the least that anything new takes in Textual."""
    shown = Label("0")
    return [shown], lambda picture: shown.update(f"{picture}", layout=False)


def sparkline() -> Drawn:
    """Return Textual's own, one for each curve, which have no axis."""
    shown = [Sparkline(each) for each in values(0)]

    def draw(picture: int) -> None:
        for sparkline, each in zip(shown, ALL_VALUES[picture], strict=True):
            sparkline.data = each

    return shown, draw


def chart() -> Drawn:
    """Return our lines of braille, with an axis, the last values and two marks."""

    def lines(picture: int, room: tuple[int, int]) -> Sequence[Line]:
        marks = (Mark(90.5, "faint"), Mark(200, "warning"))
        curves = [
            Curve(each, role, name)
            for each, (name, role, _) in zip(ALL_VALUES[picture], CURVES, strict=True)
        ]
        frame = Frame(*room, 9, 13, marks)
        return plot(curves, frame, top=nice(160_000), write=lambda value: f"{value:.0f}")

    return ours(lines)


def metrics() -> Drawn:
    """Return both charts of Metrics, as it draws them."""
    reports = [report(*each) for each in ALL_VALUES]

    def lines(picture: int, room: tuple[int, int]) -> Sequence[Line]:
        shown = reports[picture]
        return metrics_charts.lines(shown, shown, (), metrics_charts.Pointed(), room, 10**12)

    return ours(lines)


def ours(lines: Callable[[int, tuple[int, int]], Sequence[Line]]) -> Drawn:
    """Return a chart of what *lines* makes for a picture and a room."""
    shown = Chart()
    return [shown], lambda picture: shown.show(picture, lambda room: lines(picture, room))


def report(p99: list[float], p95: list[float], p50: list[float]) -> Report:
    """Return a report with a point for each value, and calls that come and go with them."""
    points = tuple(
        Point(at * 10, int(slow) // 1000, int(slow) // 20_000, int(fast), int(usual), int(slow))
        for at, (slow, usual, fast) in enumerate(zip(p99, p95, p50, strict=True))
    )
    return Report("15m", "handler", 0, POINTS * 10, 10, 9000, 90, 9.0, 3000, 18000, 41000,
                  points, (), (), (), 0)  # fmt: skip


KINDS: Final = {each.__name__: each for each in (label, sparkline, chart, metrics)}


class Main(Screen[None]):
    """All that is on screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES

    def __init__(self, widgets: Sequence[Widget]) -> None:
        super().__init__()
        self._widgets = widgets

    def compose(self) -> ComposeResult:
        yield from self._widgets


class Drawing(App[list[float]]):
    """Draws pictures, and returns what each took."""

    CSS_PATH = Path(themes.__file__).parent / "console.tcss"
    CSS = "Chart { width: 100; height: 20; } Sparkline { width: 100; height: 6; }"

    def __init__(self, kind: str, pictures: int) -> None:
        super().__init__()
        self.register_theme(themes.DUSK)
        self.theme = themes.DUSK.name
        self._kind = kind
        self._taken: list[float] = []
        self._left = pictures + WARM
        self._is_drawing = False

    def get_default_screen(self) -> Screen[Any]:
        shown, self._draw = KINDS[self._kind]()
        if self._kind == "metrics":
            shown[0].styles.width, shown[0].styles.height = 118, 10
        return Main(shown)

    def on_mount(self) -> None:
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        gc.collect()
        gc.freeze()  # the numbers of all pictures are no business of the collector's
        self._is_drawing = True
        self._next()

    def post_display_hook(self) -> None:
        if self._is_drawing:
            self._taken.append(time.process_time() - self._began)
            self.call_next(self._next)

    def _next(self) -> None:
        self._began = time.process_time()
        if self._left:
            self._left -= 1
            self._draw(self._left % DIFFERENT)
        else:
            self.exit(self._taken[WARM:])


if __name__ == "__main__":
    kind, pictures, result = sys.argv[1:]
    taken = Drawing(kind, int(pictures)).run()
    Path(result).write_text(str(1000 * statistics.median(taken or [])))
