"""Whether durations got longer or shorter: a rank test over buckets, and a move worth a word."""

from __future__ import annotations

from math import erfc, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kiket_console.telemetry.histogram import Histogram

FASTER: Final = "faster"
SLOWER: Final = "slower"
SAME: Final = "same"
FEW: Final = "few"

FEWEST: Final = 8
"""With fewer calls on a side nothing is said."""
SURE: Final = 0.001
"""Chance alone would part them so far in fewer than one of a thousand comparisons: each row is
compared at each save, and calls of one moment are alike."""
WORTH: Final = 0.25
"""What a machine does beside moves figures by a fifth from one minute to the next.

The p50 or the p95 must have moved by more than this share of what it was …"""
WORTH_US: Final = 1000
"""… and by more than this (µs): a certain, but tiny, difference is `same`."""
FEWEST_P95: Final = 40
"""With fewer calls on a side the p95 is but one or two of them, and tells nothing."""

Judged = tuple[int | None, int | None]
"""The p50 and the p95 (µs)."""


def mann_whitney(before: Histogram, since: Histogram) -> tuple[float, float]:
    """Return which side is longer, and how likely chance alone would part them as far (p).

    The first is the share of pairs in which the duration of *since* is the longer one, ties
    counted half: 0.5 says no difference. The second is two-sided, by the normal approximation
    with corrections for ties (a bucket's durations tie) and continuity; 1.0 where a side is empty.
    """
    mine, theirs = since.count, before.count
    if not mine or not theirs:
        return 0.5, 1.0
    below = ahead = ties = 0  # `ahead` counts pairs twice, so that halves stay whole
    for number in sorted(before.buckets.keys() | since.buckets.keys()):
        left = before.buckets.get(number, 0)
        right = since.buckets.get(number, 0)
        ahead += right * (2 * below + left)
        below += left
        tied = left + right
        ties += tied**3 - tied
    everyone = mine + theirs
    pairs = mine * theirs
    variance = pairs / 12 * (everyone + 1 - ties / (everyone * (everyone - 1)))
    if variance <= 0:
        return 0.5, 1.0  # all of them in one bucket
    away = max(abs(ahead / 2 - pairs / 2) - 0.5, 0.0)
    return ahead / 2 / pairs, erfc(away / sqrt(2 * variance))


def compare(before: Histogram, since: Histogram) -> tuple[str, float | None]:
    """Return a verdict on *since*, and the p of `mann_whitney`; None with `few`.

    `slower` and `faster` need both that chance would hardly do it (p < `SURE`) and that the p50 or
    the p95 moved that way by more than `WORTH` and `WORTH_US`.
    """
    if min(before.count, since.count) < FEWEST:
        return FEW, None
    longer, p_value = mann_whitney(before, since)
    word = SLOWER if longer > 0.5 else FASTER
    if p_value < SURE and word in moved(judged(before), judged(since)):
        return word, p_value
    return SAME, p_value


def judged(durations: Histogram) -> Judged:
    """Return the percentiles that tell of a move; None for one that so few calls do not have."""
    p50, p95 = durations.percentiles((0.5, 0.95))
    return p50, p95 if durations.count >= FEWEST_P95 else None


def moved(before: Judged, since: Judged) -> set[str]:
    """Return where percentiles went, of those that moved by enough."""
    return {way(*each) for each in zip(before, since, strict=True)} - {SAME}


def way(before_us: int | None, since_us: int | None) -> str:
    """Return where a percentile went: `SAME` if it is not known, or did not move by enough."""
    if before_us is None or since_us is None:
        return SAME
    if abs(since_us - before_us) <= max(WORTH * before_us, WORTH_US):
        return SAME
    return SLOWER if since_us > before_us else FASTER
