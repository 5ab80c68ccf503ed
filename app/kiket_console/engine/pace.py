"""When a save becomes a reload: as soon as it is whole, and not all the time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kiket_console.engine.chronicle import line

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.store.records import NewLog

SETTLE_S = 0.001
"""The quiet that makes a save whole; editors that write several files do so at once."""
GONE_SETTLE_S = 0.05
"""The same while a file is missing: many editors move it away and write another."""
FIRST_WAIT_S = 0.1
"""The longest that a first reload waits for quiet."""
FOLLOW_UP_S = 0.5
"""Changes this soon after others belong to one thing, as the files of a checkout do."""
FOLLOW_UP_SETTLE_S = 0.15
FOLLOW_UP_WAIT_S = 10.0
"""The longest that a further reload waits for quiet; doubled each time that none comes."""
MOST_PAUSE_S = 60.0

STREAK_GAP_S = 2.0
STREAK_ALLOWED = 8
"""Reloads that may follow each other within `STREAK_GAP_S`; then they come every `STEP_S`."""
STEP_S = 1.0
"""What an editor that saves all the time while somebody types may cost at most."""
STREAK_HUMAN = 60
"""Past this nobody types: the code itself may write what is watched."""
FIRST_PAUSE_S = 5.0


class Settling:
    """Tells when what changed is whole; moments are on the monotonic clock."""

    def __init__(self) -> None:
        self._first_s: float | None = None
        self._last_s = -math.inf
        self._is_follow_up = False
        self._is_gone = False
        self._restless = 0

    @property
    def is_busy(self) -> bool:
        """Whether changes come that follow a reload closely."""
        return self._first_s is not None and self._is_follow_up

    @property
    def is_restless(self) -> bool:
        """Whether changes never cease, so that reloads do not wait for quiet any more."""
        return self._restless > 0

    def changed(self, now_s: float, *, gone: bool) -> None:
        """Take note of a change; *gone* says whether a file is missing now."""
        if self._first_s is None:
            self._first_s = now_s
            self._is_follow_up = now_s - self._last_s < FOLLOW_UP_S
        self._last_s = now_s
        self._is_gone = gone

    def due_s(self) -> float:
        """Return the moment from which the change is whole; infinity when there is none."""
        if self._first_s is None:
            return math.inf
        return min(self._quiet_s(), self._first_s + self._wait_s())

    def reloaded(self) -> None:
        """Take note that a reload took up what changed."""
        if self._first_s is None:
            return
        waited = self._quiet_s() > self._first_s + self._wait_s()
        self._restless = self._restless + 1 if waited and self._is_follow_up else 0
        self._first_s = None

    def _quiet_s(self) -> float:
        if self._is_follow_up:
            return self._last_s + FOLLOW_UP_SETTLE_S
        return self._last_s + (GONE_SETTLE_S if self._is_gone else SETTLE_S)

    def _wait_s(self) -> float:
        if not self._is_follow_up:
            return FIRST_WAIT_S
        return min(MOST_PAUSE_S, FOLLOW_UP_WAIT_S * 2.0 ** min(9, self._restless))


class Pace:
    """Spaces out reloads that chase each other, and says so in the Logs."""

    def __init__(self, on_log: Callable[[NewLog], None]) -> None:
        self._on_log = on_log
        self._streak = 0
        self._last_s = -math.inf

    @property
    def is_chased(self) -> bool:
        """Whether reloads follow each other all the time."""
        return self._streak >= STREAK_ALLOWED

    def reloaded(self, now_s: float) -> None:
        """Note a reload; *now_s* is on the monotonic clock, as everywhere here."""
        self._last_s = now_s

    def pause_s(self, now_s: float) -> float:
        """Count how reloads follow each other; return how long the next one waits."""
        self._streak = self._streak + 1 if now_s - self._last_s < STREAK_GAP_S else 0
        if not self.is_chased:
            return 0.0
        if self._streak < STREAK_HUMAN:
            pause_s = max(0.0, self._last_s + STEP_S - now_s)
            told = f"reloads come every {STEP_S:g} s now"
        else:
            pause_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(9, self._streak - STREAK_HUMAN))
            told = f"a reload waits {pause_s:g} s now, and longer while it goes on"
        if self._streak in (STREAK_ALLOWED, STREAK_HUMAN):
            text = f"Saves come faster than every {STREAK_GAP_S:g} s; {told}"
            self._on_log(line("engine", "INFO", text))
        return pause_s
