"""What a new picture of a chart costs: three curves of 300 points each, in 100 by 20 cells.

chart       our chart: lines of braille, with two marks, made and painted
metrics     both charts of Metrics over the same points, 118 cells wide and 10 high, with titles
sparkline   the peer: three `Sparkline` of Textual, 6 rows each, which have no axis
label       a line of text that changes: the least that a new picture takes in Textual

Each is a program on a pseudo-terminal (`_drawing`) that draws the next picture when the last one
was painted; they take turns. What counts is the processor time of each picture, painting included.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks._terminal import Terminal, places

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAM: Final = Path(__file__).with_name("_drawing.py")
KINDS: Final = ("label", "sparkline", "chart", "metrics")
GOALS: Final = {
    "update_ms.chart": "<= 6",
    "update_ms.metrics": "<= 16",
    "chart_of_sparkline": "<= 0.55",
    "metrics_of_sparkline": "<= 0.55",
}
"""As ratios: 6 ms, on a machine where three `Sparkline` take 11."""


def measure(quick: bool) -> dict[str, Any]:
    """Let each draw in turn; return the medians of processor time (ms), and how they compare."""
    rounds, pictures = (1, 60) if quick else (5, 100)
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = places(Path(place))
        for _ in range(rounds):
            for kind in KINDS:
                taken[kind].append(_update_ms(kind, pictures, Path(place), environment))
    return {
        "benchmark": "a chart's update: 3 curves of 300 points, painted",
        "rounds": rounds,
        "pictures": pictures,
        "update_ms": {kind: round(statistics.median(each), 2) for kind, each in taken.items()},
        "ratios": {
            f"{ours}_of_{other}": _ratio(taken[ours], taken[other])
            for ours in ("chart", "metrics")
            for other in ("sparkline", "label")
        },
        "goals": GOALS,
    }


def _update_ms(kind: str, pictures: int, place: Path, environment: Mapping[str, str]) -> float:
    result = place / kind
    command = [sys.executable, str(PROGRAM), kind, str(pictures), str(result)]
    with Terminal(command, environment) as screen:
        screen.read_to_end()
    return float(result.read_text())


def _ratio(ours: list[float], others: list[float]) -> float:
    """Return the median of the rounds' ratios."""
    ratios = [one / other for one, other in zip(ours, others, strict=True)]
    return round(statistics.median(ratios), 2)
