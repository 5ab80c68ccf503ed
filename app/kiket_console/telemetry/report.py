"""What charts, tables and `kiket-console metrics --json` show: the shapes, each with its units."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from kiket_console.telemetry.nouns import Reload  # noqa: TC001 (read by msgspec)

WINDOWS: Final = {"1m": (60, 1), "15m": (900, 10), "1h": (3600, 60), "24h": (86400, 900)}
"""Seconds that a window goes back, and the step (s) of its charts; `all` has no entry."""
ALL: Final = "all"
GROUPS: Final = ("handler", "worker", "source", "outcome")
"""What a row of the table stands for; a handler is source, worker, name and version."""


class Point(Struct, frozen=True):
    """One step of the charts; percentiles are None where nothing ended."""

    at_s: int
    count: int
    errors: int
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None


class Side(Struct, frozen=True):
    """How something went before a save, or since."""

    count: int
    errors: int
    p50_us: int | None
    p95_us: int | None


class Change(Struct, frozen=True):
    """What a save did to one row."""

    reload: Reload
    before: Side
    since: Side
    verdict: str
    """`faster`, `slower`, `same`; `few` where there is too little to say."""
    p_value: float | None
    """Of a two-sided Mann-Whitney U test over the buckets; None where there is too little."""


class Line(Struct, frozen=True):
    """One row of the table."""

    source: str
    worker: str
    name: str
    version: str
    outcome: str
    """Of these five, those that the group does not tell apart are empty."""
    count: int
    errors: int
    rate_per_s: float
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None
    slowest_us: int
    change: Change | None
    """What the newest save of its worker did; None where there was none."""
    culprit: Change | None
    """The newest save within the window that made it slower and that nothing undid since."""
    points: tuple[Point, ...]
    """Its own steps, as those of the report."""
    distribution: tuple[tuple[int, int, int], ...]
    """Latency: from (µs), to (µs, exclusive), how many; ascending, gaps left out."""


class Report(Struct, frozen=True):
    """All that happened within a window."""

    window: str
    group: str
    since_s: int
    until_s: int
    """Unix seconds; the window is [since, until)."""
    step_s: int
    count: int
    errors: int
    rate_per_s: float
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None
    points: tuple[Point, ...]
    """One for each step of the window, the oldest first, those without traffic too."""
    lines: tuple[Line, ...]
    """What got slower first, then by how much time it took in all."""
    reloads: tuple[Reload, ...]
    """Those within the window, the oldest first."""
    distribution: tuple[tuple[int, int, int], ...]
    uncounted: int
    """How many series were too many to count apart, since the engine began."""
    after: Reload | None = None
    """The save since which alone it counts; None: since the window begins."""
