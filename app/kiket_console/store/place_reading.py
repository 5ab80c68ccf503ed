"""Read which exchanges a piece of work may have been a part of: by trace, or by worker and time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Collection

AMONG: Final = 20_000
"""Only so many of the newest exchanges are looked at: there is no index by trace."""
PLACES: Final = 2_000
"""So many are read at most, the newest ones."""

_PLACES = (
    "SELECT id, worker, name, version, trace_id, span_id, started_us,"
    " ifnull(max(started_us, tried_us) + duration_us, ?) AS ended"
    " FROM exchange WHERE id > (SELECT exchange FROM counters) - ?"
    " AND (source = 'webhook' OR (source = 'ipc' AND direction = 'in'))"
    " AND deleted_us IS NULL AND (trace_id IN (SELECT value FROM json_each(?))"
    " OR (started_us <= ? AND ended >= ? AND worker IN (SELECT value FROM json_each(?))))"
    " ORDER BY id DESC LIMIT ?"
)


class Place(NamedTuple):
    """A delivery, or a request to a module: work may have been a part of it."""

    exchange_id: int
    worker: str
    name: str
    version: str
    trace_id: str
    span_id: str
    """What the code was told to be a child of."""
    started_us: int
    ended_us: int
    """Of one that is under way: until now."""


class PlaceReading(Reading):
    """What a reader reads of places."""

    def places(
        self,
        traces: Collection[str],
        workers: Collection[str],
        since_us: int,
        until_us: int,
        now_us: int,
    ) -> list[Place]:
        """Return what is of one of *traces*, and of *workers* what was under way meanwhile.

        Meanwhile is between *since_us* and *until_us*; all are Unix µs. The newest come first.
        """
        found = self._rows(
            _PLACES,
            (
                now_us,
                AMONG,
                json.dumps(list(traces)),
                until_us,
                since_us,
                json.dumps(list(workers)),
                PLACES,
            ),
        )
        return [Place._make(row) for row in found]
