"""Which rows of a list a filter lets through, found step by step and kept up to date.

    oldest ◄── older steps ── low ▒▒▒ looked at ▒▒▒ high ── fresh rows ──► newest

Each step is short, so that first hits show at once and a scan can be given up between two steps.
Rows that came since are looked at first, then those that may have changed, then ever older ones.
Nothing here knows of widgets: a screen runs the steps in a thread and hands hauls to its feed.
"""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

STEP_S = 0.04
"""How long a step should take: a person who gives up waits for one at most."""
FIRST_STEP = 64
LARGEST_STEP = 200_000
FEW = 500
"""So many ids are quicker put in or taken out one by one than all together."""
PENDING_REACH = 20_000
"""So many of the newest rows may still be under way when a scan begins."""


def _none_between(low: int, high: int) -> array[int]:  # noqa: ARG001 - it answers for any
    return array("q")


def _none_among(ids: Sequence[int]) -> array[int]:  # noqa: ARG001 - it answers for any
    return array("q")


class Question(Struct, frozen=True):
    """Something that is so of some rows, asked of a store; answers are ids, ascending."""

    between: Callable[[int, int], array[int]] = _none_between
    """Of which rows from one id to another, inclusive, it is so."""
    among: Callable[[Sequence[int]], array[int]] = _none_among
    """Of which of these rows it is so."""


class Sieve(Struct, frozen=True):
    """What a scan asks a store: usable from one thread at a time."""

    newest: Callable[[], int]
    oldest: Callable[[], int]
    """Return the smallest id there may be."""
    matches: Question
    failing: Question = field(default_factory=Question)
    """Whether a person should look at a row, be it hidden."""
    pending: Question = field(default_factory=Question)
    """Whether a row is still to change by itself."""


class Haul(Struct, frozen=True):
    """What a step found of all rows from `low` to `high`, or only of those that were `asked`."""

    low: int
    high: int
    matching: array[int]
    hidden_failing: array[int]
    asked: Collection[int] = ()

    def is_about(self, row_id: int) -> bool:
        """Whether it says of a row that it matches, or does not."""
        return row_id in self.asked if self.asked else self.low <= row_id <= self.high

    def merged(self, known: array[int], found: array[int]) -> array[int]:
        """Return the *known* ids; of those that this haul is about, what was *found* is so."""
        left, right = bisect_left(known, self.low), bisect_right(known, self.high)
        if self.asked and len(self.asked) < FEW:
            self._correct(known, found)
            return known
        if self.asked:
            kept = [each for each in known[left:right] if each not in self.asked]
            found = array("q", sorted({*kept, *found}))
        if left == len(known):
            known.extend(found)
            return known
        return known[:left] + found + known[right:]

    def _correct(self, known: array[int], found: array[int]) -> None:
        """Do the same id by id: the rows that were asked may be far from each other."""
        matching = set(found)
        for each in self.asked:
            if _holds(known, each) != (each in matching):
                position = bisect_left(known, each)
                if each in matching:
                    known.insert(position, each)
                else:
                    del known[position]


class Scan:
    """One filter's way through a list; `step` in a thread, all else from anywhere."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._lock = threading.Lock()
        self._again: set[int] = set()
        self._pending: set[int] = set()
        self._size = FIRST_STEP
        self._begun = False
        self._low = self._high = self._first = self._oldest = 0
        self._looked_down_to = 0

    @property
    def progress(self) -> float:
        """How much of what there was has been looked at, from 0 to 1."""
        there = self._first - self._oldest
        if not self._begun or there <= 0:
            return float(self._begun)
        return min(1.0, (self._first - self._looked_down_to) / there)

    @property
    def done(self) -> bool:
        """Whether all that there was has been looked at."""
        return self._begun and self._looked_down_to <= self._oldest

    @property
    def waits(self) -> bool:
        """Whether rows are still to change by themselves."""
        return bool(self._pending)

    def ask_again(self, ids: Iterable[int]) -> None:
        """Look at rows again that may have changed."""
        with self._lock:
            self._again.update(ids)

    def wake(self) -> None:
        """Look again at what was under way: it may have ended, or take long by now."""
        with self._lock:
            self._again |= self._pending

    def restart(self) -> None:
        """Look at all rows again; what was found stays until then."""
        with self._lock:
            self._begun = False

    def step(self) -> Haul | None:
        """Look at some rows; None when there is nothing left to look at for now."""
        began_s = time.monotonic()
        newest, oldest = self._sieve.newest(), 0 if self._begun else self._sieve.oldest()
        with self._lock:
            if not self._begun:
                self._begin(newest, max(1, oldest))
            again: set[int] = set()
            if newest <= self._high:
                again, self._again = self._again, again
            low, high = (1, 0) if again else self._next_range(newest)
        if low <= high:
            haul = self._range(low, high)
            self._adapt(high - low + 1, time.monotonic() - began_s)
            self._looked_down_to = self._low
            return haul
        return self._some(again) if again else None

    def _begin(self, newest: int, oldest: int) -> None:
        self._begun = True
        self._high, self._low, self._oldest = newest, newest + 1, oldest
        self._first = self._looked_down_to = self._low

    def _next_range(self, newest: int) -> tuple[int, int]:
        """Return the rows to look at next, those that came since first; none: an empty range."""
        if newest > self._high:
            low, self._high = self._high + 1, min(newest, self._high + self._size)
            return low, self._high
        high, self._low = self._low - 1, max(self._oldest, self._low - self._size)
        return self._low, high

    def _range(self, low: int, high: int) -> Haul:
        sieve = self._sieve
        if high > self._first - PENDING_REACH:
            self._note_pending((), sieve.pending.between(low, high))
        matching = sieve.matches.between(low, high)
        failing = sieve.failing.between(low, high)
        return Haul(low, high, matching, _without(failing, matching))

    def _some(self, ids: set[int]) -> Haul:
        sieve, asked = self._sieve, sorted(ids)
        still = sieve.pending.among(asked)  # before it is asked whether they match
        matching = sieve.matches.among(asked)
        failing = sieve.failing.among(asked)
        self._note_pending(ids, still)
        return Haul(asked[0], asked[-1], matching, _without(failing, matching), ids)

    def _note_pending(self, asked: Iterable[int], pending: Iterable[int]) -> None:
        with self._lock:
            self._pending.difference_update(asked)
            self._pending.update(pending)

    def _adapt(self, rows: int, took_s: float) -> None:
        """Let the next step take about `STEP_S`, growing fourfold at most."""
        if rows >= self._size or took_s > STEP_S:
            wanted = rows * STEP_S / max(took_s, STEP_S / 4)
            self._size = int(max(1, min(LARGEST_STEP, wanted)))


def _without(ids: array[int], others: array[int]) -> array[int]:
    return array("q", [each for each in ids if not _holds(others, each)])


def _holds(ids: array[int], row_id: int) -> bool:
    position = bisect_left(ids, row_id)
    return position < len(ids) and ids[position] == row_id


def nearest(
    question: Question, beyond: int, last: int, accepts: Callable[[int], bool]
) -> int | None:
    """Return the row nearest to *beyond*, up to *last*, of which it is so and that is accepted.

    *last* may be on either side; rows are looked at in growing steps. None when there is none.
    """
    towards = 1 if last > beyond else -1
    at, size = beyond + towards, FIRST_STEP
    while (last - at) * towards >= 0:
        end = at + (size - 1) * towards
        end = min(end, last) if towards > 0 else max(end, last)
        for row_id in question.between(min(at, end), max(at, end))[::towards]:
            if accepts(row_id):
                return row_id
        at, size = end + towards, min(LARGEST_STEP, 4 * size)
    return None
