"""A list's rows in another order than they came in: where each is, and which comes next.

It is made in a thread and never changes; a feed shows it until a newer one takes its place.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.ui.scan import Question

FIRST_STEP = 64
LARGEST_STEP = 20_000


class Arrangement:
    """Ids in the order in which they are shown; none is below *oldest* or above *newest*."""

    def __init__(self, ids: array[int], oldest: int, newest: int) -> None:
        self.ids = ids
        self.newest = newest
        """What came later has no place yet."""
        self._oldest = oldest
        places = array("i")
        places.frombytes(bytes(places.itemsize * (newest - oldest + 1)))  # 0: not there
        for place, row_id in enumerate(ids, 1):
            places[row_id - oldest] = place
        self._places = places

    def position(self, row_id: int) -> int | None:
        """Return where a row is, None when it is not there."""
        at = row_id - self._oldest
        place = self._places[at] if 0 <= at < len(self._places) else 0
        return place - 1 if place else None

    def next(self, question: Question, row_id: int, direction: int) -> int | None:
        """Return the first row after *row_id* in a *direction* of which something is so."""
        at = self.position(row_id)
        if at is None:
            return None
        at, size = at + direction, FIRST_STEP
        while 0 <= at < len(self.ids):
            end = at + direction * (size - 1)
            step = self.ids[max(0, min(at, end)) : max(at, end) + 1]
            found = set(question.among(step))
            for each in step[::direction]:
                if each in found:
                    return each
            at, size = at + direction * size, min(LARGEST_STEP, 4 * size)
        return None
