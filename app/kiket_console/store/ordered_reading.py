"""Put exchanges in another order than they came in, by what the store knows of each."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any, Final

from kiket_console.order import Column
from kiket_console.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.order import Order

FEW: Final = 200_000
"""So many are looked up one by one; of more, all rows between are read and others left out."""
STEP: Final = 40_000
"""So many characters of a list of ids are read in one go."""

# no answer is worse than any; a message that was answered without a number better than any
_ENDING: Final = (
    "coalesce(status, CASE state WHEN 'failed' THEN 1000 WHEN 'interrupted' THEN 1000"
    " WHEN 'rejected' THEN 1000 WHEN 'forwarded' THEN 0 END)"
)
_BY: Final = {
    Column.TIME: ("id", "ASC"),
    Column.DURATION: ("duration_us", "DESC"),
    Column.SIZE: ("request_bytes", "DESC"),
    Column.STATUS: (_ENDING, "DESC"),
    Column.EVENT: ("nullif(name, '') COLLATE NOCASE", "ASC"),
    Column.WORKER: ("nullif(worker, '') COLLATE NOCASE", "ASC"),
    Column.SOURCE: ("source", "ASC"),
}
_OTHER: Final = {"ASC": "DESC", "DESC": "ASC"}


class OrderedReading(Reading):
    """What a reader reads for an order; the statement holds it until it has ended."""

    def ordered(self, order: Order, ids: Sequence[int]) -> array[int]:
        """Return *ids* (ascending) in an order, without those that are not there any more."""
        if not ids:
            return array("q")
        value, direction = _BY[order.column]
        if order.is_reversed:
            direction = _OTHER[direction]
        among = "id BETWEEN ? AND ?"
        values: tuple[Any, ...] = (ids[0], ids[-1])
        if len(ids) <= FEW:
            among, values = "id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
        found = self._rows(
            "SELECT group_concat(id) FROM (SELECT id FROM exchange"  # noqa: S608 (ours)
            f" WHERE {among} AND +deleted_us IS NULL ORDER BY {value} {direction} NULLS LAST, id)",
            values,
        )
        there = _numbers(found[0][0] or "") if found else array("q")
        if len(ids) <= FEW or ids[-1] - ids[0] + 1 == len(ids):
            return there
        wanted = bytearray(ids[-1] - ids[0] + 1)
        for each in ids:
            wanted[each - ids[0]] = 1
        return array("q", [each for each in there if wanted[each - ids[0]]])


def _numbers(text: str) -> array[int]:
    """Return the ids of a text, step by step.

    A million rows, or a text taken to pieces at once, would hold up the screen, which waits for
    whatever the interpreter does in one go; SQLite puts the text together without it.
    """
    ids = array("q")
    begin = 0
    while begin < len(text):
        end = text.find(",", begin + STEP)
        end = len(text) if end < 0 else end
        ids.extend(map(int, text[begin:end].split(",")))
        begin = end + 1
    return ids
