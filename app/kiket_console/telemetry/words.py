"""Figures of a report in few cells, the same words on screen and in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.telemetry.nouns import OTHER
from kiket_console.telemetry.verdict import FASTER, FEW, SLOWER, way
from kiket_console.text import age, visible

if TYPE_CHECKING:
    from kiket_console.telemetry.nouns import Reload
    from kiket_console.telemetry.report import Change, Line

NOTHING: Final = "-"
SIGNS: Final = {SLOWER: "slower ✗", FASTER: "faster ✓", FEW: "few calls"}
"""What a verdict is called beside figures, where that is not the word itself."""


def took(duration_us: float | None) -> str:
    """Write a duration with two digits or three: `0.08 ms`, `3.1 ms`, `41 ms`, `1.2 s`."""
    if duration_us is None:
        return NOTHING
    ms = duration_us / 1000
    if ms < 1:
        return f"{ms:.2f} ms" if ms else "0 ms"
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    return age(ms / 1000)


def per_time(rate_per_s: float, at_most: float | None = None) -> str:
    """Write how often something happens: `12.4/s`, `31/min`, `2/h`.

    *at_most*: the greatest rate beside it, whose unit it gets.
    """
    unit, seconds = "s", 1
    greatest = rate_per_s if at_most is None else at_most
    if 0 < greatest < 1:
        unit, seconds = ("min", 60) if greatest * 60 >= 1 else ("h", 3600)
    each = rate_per_s * seconds
    if each >= 9.95 or each == int(each):
        return f"{each:,.0f}/{unit}"
    return f"{each:.1f}/{unit}"


def share(part: int, whole: int) -> str:
    """Write which part of a whole something is, in percent; of nothing, and none of it: `-`."""
    if not part or not whole:
        return NOTHING
    percent = 100 * part / whole
    if percent < 0.1:
        return "<0.1 %"
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


def from_to(before_us: int | None, since_us: int | None) -> str:
    """Write two durations, the unit once where both have it: `17 → 41 ms`."""
    before, since = took(before_us), took(since_us)
    number, _, unit = before.partition(" ")
    if unit == since.partition(" ")[2]:
        before = number
    return f"{before} → {since}"


def moved(change: Change) -> tuple[str, int | None, int | None]:
    """Return the percentile that tells of a verdict, and what it was before and since (µs).

    It is the p95, unless that does not bear the verdict out and the p50 does.
    """
    before, since = change.before, change.since
    p95 = ("p95", before.p95_us, since.p95_us)
    p50 = ("p50", before.p50_us, since.p50_us)
    bearing_out = (each for each in (p95, p50) if way(*each[1:]) == change.verdict)
    return next(bearing_out, p95)


def verdict(change: Change) -> str:
    """Write a verdict with its sign."""
    return SIGNS.get(change.verdict, change.verdict)


def cause(save: Reload) -> str:
    """Write of which file a save was; `start` where none was saved."""
    return visible(save.file).rpartition("/")[2] or "start"


def chance(p_value: float | None) -> str:
    """Write how likely chance alone would have done it: `p = 0.04`; nothing where it is unknown."""
    if p_value is None:
        return ""
    if p_value < 0.001:
        return "p < 0.001"
    return f"p = {p_value:.3f}" if p_value < 0.01 else f"p = {p_value:.2f}"


def name(line: Line) -> str:
    """Write what a row stands for: a handler as `issue.created v1`, else what its group is of."""
    if line.name:
        said = "all others" if line.name == OTHER else visible(line.name)
        return f"{said} {visible(line.version)}" if line.version else said
    return visible(line.worker or line.source or line.outcome)
