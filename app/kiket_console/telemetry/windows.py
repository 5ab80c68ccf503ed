"""How far back a report looks, and in which steps."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from kiket_console.telemetry.nouns import STEPS
from kiket_console.telemetry.report import ALL

CHART_STEPS: Final = (1, 10, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
"""What a chart's point may stand for (s); each is made of whole steps that are kept."""
POINTS: Final = 100
"""So many points, or up to two more, do for a window; years have more."""
LONGEST_S: Final = 3660 * 86_400
"""Ten years: nothing is kept for longer, and a chart has only so much room."""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WRITTEN = re.compile(r"([1-9][0-9]{0,6})([smhd])")


class Window(Struct, frozen=True):
    """A stretch of time: [since_s, until_s), whole steps of it."""

    name: str
    """As it was asked for: `15m`, or `all`."""
    since_s: int
    until_s: int
    """The end of the step that is under way."""
    step_s: int
    """What a point of the charts stands for."""
    read_s: int
    """The step of `nouns.STEPS` whose measures it is made of; `step_s` is a multiple of it."""


def seconds(name: str) -> int | None:
    """Return how long the window *name* is; None for `all`.

    Raises `ValueError` for what is no number with one of the units s, m, h, d, or too long.
    """
    if name == ALL:
        return None
    found = _WRITTEN.fullmatch(name)
    length = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < length <= LONGEST_S:
        msg = f"{name!r} is no length of time"
        raise ValueError(msg)
    return length


def window(name: str, now_s: float, oldest_s: float | None = None) -> Window:
    """Return the window *name* that ends now.

    *oldest_s* is when the oldest measure begins; `all` goes back to it, or an hour where there is
    none. Raises `ValueError` as `seconds`.
    """
    length = seconds(name)
    begins_s: float | None = None
    if length is None:
        begins_s = now_s - 3600 if oldest_s is None else min(oldest_s, now_s)
        begins_s = max(begins_s, now_s - LONGEST_S)
        length = max(int(now_s - begins_s), 1)
    step = next((each for each in CHART_STEPS if each * POINTS >= length), CHART_STEPS[-1])
    read = max(
        each
        for each, kept in STEPS.items()
        if step % each == 0 and (not kept or kept >= length + step)
    )
    until = (int(now_s) // step + 1) * step
    back = until - -(-length // step) * step
    since = back if begins_s is None else int(begins_s) // step * step
    return Window(name, since, until, step, read)
