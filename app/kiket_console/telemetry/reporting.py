"""Answer what somebody asks of the measures, again and again, reading what is new alone.

Steps of the window that are over are read and added up once; each answer adds those that may
still change. When a step ends, the window moves on and all of it is read anew; so it is when
something was counted late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from kiket_console.telemetry.building import Sums
from kiket_console.telemetry.narrowing import narrowing
from kiket_console.telemetry.windows import window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.telemetry.nouns import Measure, Reload
    from kiket_console.telemetry.report import Report
    from kiket_console.telemetry.windows import Window

SETTLED_S: Final = 15
"""A step that ended so long ago does not change any more, but for what is counted late."""


class Measurements(Protocol):
    """Where measures are read: `store.reader.Reader`."""

    def measures(self, step_s: int, since_s: int, until_s: int) -> Sequence[Measure]:
        """Return the measures whose steps of *step_s* begin in [since, until) (Unix seconds)."""

    def calls(self, step_s: int, since_s: int, until_s: int) -> int:
        """Return how many calls these measures have."""

    def reloads(self, since_us: int, until_us: int) -> Sequence[Reload]:
        """Return the reloads in [since, until) (Unix microseconds), the oldest first."""

    def oldest_measure(self) -> int | None:
        """Return when the oldest step begins (Unix seconds); None where nothing was measured."""


class Look(Struct, frozen=True):
    """What somebody wants to see."""

    window: str = "15m"
    """As `windows.seconds` reads it."""
    group: str = "handler"
    """A word of `report.GROUPS`."""
    only: str = ""
    """Words that rows must have; see `narrowing`."""
    since_last_save: bool = False
    """Count only what came after the newest save within the window, if there is one."""
    since: Reload | None = None
    """Count only what came after this save."""


class Reporting:
    """Answers about the measures of one store; for one thread at a time."""

    def __init__(self, source: Measurements) -> None:
        self._source = source
        self._about: tuple[Look, Window, tuple[Reload, ...]] | None = None
        self._closed: Sums | None = None
        self._open_s = 0
        """Where the steps begin that `_closed` has not (Unix s)."""
        self._counted = 0
        """How many calls the measures had that `_closed` has."""

    def report(self, look: Look, now_s: float, uncounted: int = 0) -> Report:
        """Return the answer at this moment (Unix seconds); *uncounted* is passed on.

        Raises `NarrowingError`, `ValueError` for a window as `windows.seconds` does, and
        `KeyError` for an unknown group.
        """
        oldest_s = self._source.oldest_measure()
        looked_at = window(look.window, now_s, oldest_s)
        within = looked_at.since_s * 1_000_000, looked_at.until_s * 1_000_000
        reloads = tuple(self._source.reloads(*within))
        about = look, looked_at, reloads
        closed = looked_at.read_s, looked_at.since_s, self._open_s
        sums = self._closed if self._about == about else None
        if sums is None or self._source.calls(*closed) != self._counted:
            self._about = None  # for the case that reading fails
            sums = self._closed = self._sum_closed(look, looked_at, reloads, now_s)
            self._about = about
        sums = sums.copy()
        sums.add(self._source.measures(looked_at.read_s, self._open_s, looked_at.until_s))
        return sums.report(now_s=now_s, oldest_s=oldest_s, uncounted=uncounted)

    def _sum_closed(
        self, look: Look, looked_at: Window, reloads: tuple[Reload, ...], now_s: float
    ) -> Sums:
        since = look.since
        if look.since_last_save:
            saves = [each for each in reloads if each.file and not each.problem]
            since = saves[-1] if saves else None
        sums = Sums(
            looked_at,
            reloads,
            group=look.group,
            since=since,
            keep=narrowing(look.only),
        )
        settled = int(now_s - SETTLED_S - looked_at.since_s) // looked_at.step_s
        self._open_s = looked_at.since_s + max(settled, 0) * looked_at.step_s
        closed = looked_at.read_s, looked_at.since_s, self._open_s
        self._counted = self._source.calls(*closed)
        sums.add(self._source.measures(*closed))
        sums.close()
        return sums
