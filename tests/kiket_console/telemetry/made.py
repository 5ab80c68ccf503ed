"""Measures and saves made by hand, for tests of what is built of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Reload, Series

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW_S = 1_800_000_000
"""A moment at which steps of every length begin."""


def series(
    name: str = "issue.updated",
    outcome: str = "2xx",
    *,
    source: str = "webhook",
    worker: str = "marketing",
    version: str = "v1",
) -> Series:
    """Return one series, a webhook that is answered well unless said otherwise."""
    return Series(source, worker, name, version, outcome)


def measure(
    at_s: int, ms: Iterable[float], of: Series | None = None, *, code_us: int = 0
) -> Measure:
    """Return what took *ms* in the step that begins at *at_s*."""
    durations = Histogram.of(round(each * 1000) for each in ms)
    return Measure(at_s, series() if of is None else of, code_us, durations)


def save(
    at_s: float, file: str = "marketing/funnel.py", *, worker: str = "marketing", problem: str = ""
) -> Reload:
    """Return a save whose code served at *at_s*."""
    return Reload(round(at_s * 1e6), worker, f"{worker}#2", file, 23_000, problem)
