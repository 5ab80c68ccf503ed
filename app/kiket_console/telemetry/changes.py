"""What saves did: calls before one against those since, told apart by the code that handled them.

Only durations of calls that went well are compared, where there are any: code that answers an
error at once has not become faster.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.report import Change, Side
from kiket_console.telemetry.verdict import FASTER, FEWEST, SLOWER, compare, judged, moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kiket_console.telemetry.nouns import Measure, Reload
    from kiket_console.telemetry.verdict import Judged

LOOKED_AT: Final = 50
"""How many of a worker's newest saves are looked at for the one that made something slower."""


class Saves:
    """One worker's saves within a window, the oldest first: they cut time into eras.

    Era 0 is before all of them, era *n* since the *n*-th. The first start of an engine counts as
    one: files may have changed while none ran. Another start that no save caused (by hand, after a
    crash) is of the same code, and cuts nothing, unless there are no others.
    """

    def __init__(self, reloads: Iterable[Reload]) -> None:
        served = [each for each in reloads if not each.problem]
        self.all: Sequence[Reload] = [each for each in served if each.brought_code] or served
        self._at_us = [each.at_us for each in self.all]

    def era(self, measure: Measure, step_s: int) -> int | None:
        """Return the era that a measure of a step so long is of; None where it is of two."""
        if measure.code_us:
            return bisect_right(self._at_us, measure.code_us)
        first = bisect_right(self._at_us, measure.at_s * 1_000_000)
        last = bisect_right(self._at_us, (measure.at_s + step_s) * 1_000_000 - 1)
        return first if first == last else None


class Tally:
    """Durations of calls that went well, and of those that failed."""

    __slots__ = ("_against", "_judged", "failing", "well")

    def __init__(self) -> None:
        self.well = Histogram()
        self.failing = Histogram()
        self._judged: Judged | None = None
        self._against: tuple[Tally, int, bool] | None = None

    @property
    def count(self) -> int:
        """How many calls there were."""
        return self.well.count + self.failing.count

    def add(self, durations: Histogram, *, failing: bool) -> None:
        """Count calls that failed, or went well."""
        (self.failing if failing else self.well).merge(durations)
        self._judged = self._against = None

    def merge(self, other: Tally) -> None:
        """Take in all that *other* has counted."""
        self.add(other.well, failing=False)
        self.add(other.failing, failing=True)

    def copy(self) -> Tally:
        """Return another one that has counted the same."""
        made = Tally()
        made.merge(self)
        return made

    def all(self) -> Histogram:
        """Return the durations of both."""
        both = Histogram()
        both.merge(self.well)
        both.merge(self.failing)
        return both

    def judged(self) -> Judged:
        """Return what `verdict.judged` says of calls that went well; worked out once."""
        if self._judged is None:
            self._judged = judged(self.well)
        return self._judged

    def is_slower(self, before: Tally) -> bool:
        """Whether these calls are slower than those *before*; worked out once."""
        known = self._against
        if known is None or known[0] is not before or known[1] != before.count:
            known = self._against = before, before.count, _slower(before, self)
        return known[2]


def changes(saves: Saves, eras: Mapping[int, Tally]) -> tuple[Change | None, Change | None]:
    """Return what the newest save did, and the newest save that made calls slower until now.

    *eras* has what was counted in those of *saves* that saw any. Each is None where there is none.
    """
    if not saves.all:
        return None, None
    newest = len(saves.all)
    change = _change(
        saves.all[-1],
        _joined(eras, range(newest - 1, -1, -1), FEWEST),
        _joined(eras, (newest,)),
    )
    if not change.reload.file and not change.before.count:
        return None, None  # the first start: there is nothing that it changed
    if change.verdict == SLOWER:
        return change, change
    if change.verdict == FASTER:
        return change, None  # whatever made it slower is mended
    for number in range(newest - 1, max(newest - LOOKED_AT, 0), -1):
        if number not in eras:
            continue  # no call was made in its time
        before = _joined(eras, range(number - 1, -1, -1), FEWEST)
        first = _joined(eras, range(number, newest + 1), FEWEST)
        if before.is_slower(first):
            break  # this one mended what was before
        if not first.is_slower(before):
            continue  # it was not this one
        if not _joined(eras, range(newest, number - 1, -1), FEWEST).is_slower(before):
            continue  # it was undone
        since = _joined(eras, range(number, newest + 1))
        found = _change(saves.all[number - 1], before, since)
        if found.verdict == SLOWER:
            return change, found
    return change, None


def _joined(eras: Mapping[int, Tally], numbers: Iterable[int], enough: int | None = None) -> Tally:
    """Return eras as one, in the order of *numbers*, until there are *enough* calls."""
    joined: Tally | None = None
    ours = False
    for number in numbers:
        tally = eras.get(number)
        if tally is None:
            continue
        if joined is None:
            joined = tally
        else:
            joined = joined if ours else joined.copy()
            ours = True
            joined.merge(tally)
        if enough is not None and joined.count >= enough:
            break
    return joined or Tally()


def _compared(before: Tally, since: Tally) -> tuple[Histogram, Histogram]:
    """Return which durations to compare: of calls that went well, unless there are too few.

    Then it is all of them, where they got slower: code that times out now is slower too.
    """
    if not before.well.count and not since.well.count:
        return before.failing, since.failing
    went_well = before.well, since.well
    if min(each.count for each in went_well) < FEWEST <= min(before.count, since.count):
        everything = before.all(), since.all()
        if compare(*everything)[0] == SLOWER:
            return everything
    return went_well


def _slower(before: Tally, since: Tally) -> bool:
    """Whether *since* is slower; the dearer half is asked only where it may be."""
    if min(before.count, since.count) < FEWEST:
        return False
    if min(before.well.count, since.well.count) >= FEWEST:
        may_be = SLOWER in moved(before.judged(), since.judged())
        return may_be and compare(before.well, since.well)[0] == SLOWER
    return compare(*_compared(before, since))[0] == SLOWER


def _change(reload: Reload, before: Tally, since: Tally) -> Change:
    left, right = _compared(before, since)
    verdict, p_value = compare(left, right)
    return Change(reload, _side(before, left), _side(since, right), verdict, p_value)


def _side(tally: Tally, compared: Histogram) -> Side:
    p50, p95 = compared.percentiles((0.5, 0.95))
    return Side(tally.count, tally.failing.count, p50, p95)
