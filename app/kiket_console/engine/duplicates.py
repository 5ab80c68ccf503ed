"""Tell a delivery that came before from a new one: senders repeat what they think was lost.

It is known by its id. One without an id is the same when another of the same event and version,
with the same body, came within `WHILE_US`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeAlias

from kiket_console.engine.headers import found_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kiket_console.model import Headers
    from kiket_console.store.reader import Received

KEPT: Final = 10_000
"""So many deliveries are remembered; the oldest are forgotten."""
RECALLED: Final = 2_000
"""Among so many of the newest exchanges deliveries are looked for at a start; it waits for that."""
LONGEST_ID: Final = 200
"""What is longer is no id, and would be a burden to remember."""
WHILE_US: Final = 600_000_000
"""How long (µs) a delivery without an id is the same as one before."""
IDS: Final = ("x-kiket-delivery", "webhook-id")
"""The headers that name a delivery, the same whenever it is sent."""

Identity: TypeAlias = tuple[str, ...] | tuple[str, str, str, bytes]
"""What is the same of deliveries that are: whom it is for, and its id, or event and body."""


class Duplicates:
    """What came lately; belongs to one thread."""

    def __init__(self) -> None:
        self._first: OrderedDict[Identity, tuple[int, int]] = OrderedDict()
        """The exchange that was first, and when (Unix µs) the newest came."""

    def recall(self, received: Iterable[Received]) -> None:
        """Remember what the store holds, the oldest first."""
        for each in received:
            known = identity(each.worker, each.name, each.version, each.headers, each.sha256)
            if known is not None:
                first = each.duplicate_of or each.exchange_id
                self.remember(known, first, each.started_us)

    def first(self, known: Identity, at_us: int) -> int | None:
        """Return the exchange that a delivery was at first, None for a new one."""
        found = self._first.get(known)
        if found is None:
            return None
        if len(known) > 2 and at_us - found[1] > WHILE_US:
            return None
        return found[0]

    def remember(self, known: Identity, first: int, at_us: int) -> None:
        """Take note of a delivery that came."""
        self._first[known] = (first, at_us)
        self._first.move_to_end(known)
        if len(self._first) > KEPT:
            self._first.popitem(last=False)


def identity(
    worker: str,
    name: str,
    version: str,
    headers: Headers,
    sha256: bytes,
    named: Mapping[bytes, bytes] | None = None,
) -> Identity | None:
    """Return by what a delivery is known again, None where nothing is: it was stored in part.

    *named*: see `headers.found_in`.
    """
    for header in IDS:
        sent = found_in(headers, named, header)
        if 0 < len(sent) <= LONGEST_ID:
            return worker, sent
    return (worker, name, version, sha256) if sha256 else None
