"""What a new picture of a chart costs: three curves of 300 points each, in 100 by 20 cells.

chart       our chart: lines of braille, with two marks, made and painted
metrics     both charts of Metrics over the same points, 118 cells wide and 10 high, with titles
sparkline   the peer: three `Sparkline` of Textual, 6 rows each, which have no axis

Each is a program on a pseudo-terminal that gets other numbers fifty times a second; what counts is
the processor time of its thread for each of them, painting included, less what a program takes that
does nothing as often.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks._terminal import Terminal, places

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM = """
import json, math, sys, time
from textual.app import App
from textual.screen import Screen
from textual.widgets import Sparkline
from kiket_console.telemetry.report import Point, Report
from kiket_console.ui.paint import metrics_charts
from kiket_console.ui.paint.chart import Curve, Frame, Mark, nice, plot
from kiket_console.ui.themes import DUSK
from kiket_console.ui.widgets.chart import Chart
from kiket_console.ui.widgets.ink import INK_CLASSES

kind, rounds, place = sys.argv[1], int(sys.argv[2]), sys.argv[3]
POINTS = 300

def values(shift, height):
    return [height * (2 + math.sin((at + shift) / 9) + math.sin(at / 31)) for at in range(POINTS)]

def chart_lines(shift, room):
    width, height = room
    frame = Frame(width, height, 9, 13, (Mark(90.5, "faint"), Mark(200, "warning")))
    curves = [Curve(values(shift + n, each), role, name) for n, (each, role, name) in enumerate(
        ((40_000, "muted", "p99"), (18_000, "accent", "p95"), (3_000, "info", "p50")))]
    return plot(curves, frame, top=nice(160_000), write=lambda value: f"{value:.0f}")

def metrics_lines(shift, room):
    made = tuple(
        Point(at * 10, int(a), int(b) // 20, int(b) * 100, int(b) * 900, int(a) * 2000)
        for at, (a, b) in enumerate(zip(values(shift, 40), values(shift + 3, 20)))
    )
    report = Report("15m", "handler", 0, POINTS * 10, 10, 9000, 90, 9.0, 3000, 18000, 41000,
                    made, (), (), (), 0)
    return metrics_charts.lines(report, report, (), metrics_charts.Pointed(), room, 10**12)

class Main(Screen):
    COMPONENT_CLASSES = INK_CLASSES
    def compose(self):
        if kind == "sparkline":
            yield from (Sparkline(values(0, 1)) for _ in range(3))
        else:
            yield Chart()

class Bench(App):
    CSS_PATH = metrics_charts.__file__.replace("paint/metrics_charts.py", "console.tcss")
    CSS = "Chart { width: %d; height: %d; } Sparkline { width: 100; height: 6; }" % (
        (118, 10) if kind == "metrics" else (100, 20))
    def __init__(self):
        super().__init__()
        self.register_theme(DUSK)
        self.theme = DUSK.name
        self.shift = self.made = 0
    def get_default_screen(self):
        return Main()
    def on_mount(self):
        self.set_timer(0.3, lambda: self.set_interval(0.02, self.draw))
    def draw(self):
        if not self.shift:
            self.began = time.thread_time()
        if self.shift == rounds:
            with open(place, "w") as file:
                json.dump([1000 * (time.thread_time() - self.began) / rounds, self.made], file)
            self.exit()
            return
        self.shift += 1
        if kind == "sparkline":
            for number, each in enumerate(self.screen.query(Sparkline)):
                each.data = values(self.shift + number, 1)
        elif kind != "nothing":
            shift = self.shift
            self.screen.query_one(Chart).show(shift, lambda room: self.make(shift, room))
    def make(self, shift, room):
        self.made += 1
        return (chart_lines if kind == "chart" else metrics_lines)(shift, room)

Bench().run()
"""
KINDS = ("nothing", "chart", "metrics", "sparkline")
PATIENCE_S = 30.0
GOALS = {"update_ms.chart": "<= 6", "update_ms.metrics": "<= 16"}


def measure(quick: bool) -> dict[str, Any]:
    """Let each draw; return the medians of processor time (ms), and how they compare."""
    rounds = 60 if quick else 300
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = places(Path(place))
        taken = {kind: _update_ms(kind, rounds, Path(place), environment) for kind in KINDS}
    nothing = taken.pop("nothing")
    taken = {kind: round(each - nothing, 2) for kind, each in taken.items()}
    return {
        "benchmark": "a chart's update: 3 curves of 300 points, painted",
        "rounds": rounds,
        "update_ms": taken,
        "ratios": {"chart_of_sparkline": round(taken["chart"] / taken["sparkline"], 2)},
        "goals": GOALS,
    }


def _update_ms(kind: str, rounds: int, place: Path, environment: Mapping[str, str]) -> float:
    result = place / kind
    command = [sys.executable, "-c", PROGRAM, kind, str(rounds), str(result)]
    deadline_s = time.monotonic() + PATIENCE_S
    with Terminal(command, environment) as screen:
        while not (result.exists() and result.read_text()):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{kind} did not come to its end.")
            screen.settle(0.1)
    taken: float
    made: int
    taken, made = json.loads(result.read_text())
    if kind in ("chart", "metrics") and made < rounds * 9 // 10:
        raise AssertionError(f"{kind} was made {made} times in {rounds} rounds.")
    return taken
