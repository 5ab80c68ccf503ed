"""Ask the store which exchanges match a filter, and which values were seen so far."""

from __future__ import annotations

import json
import time
from array import array
from collections import Counter
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from kiket_console.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kiket_console.filters import Filter
    from kiket_console.model import Detail

AMONG: Final = 5_000
"""So many ids are asked about in one statement."""
SLOW_SHARE: Final = 0.95
SLOW_SAMPLE: Final = 20_000
"""So many of the newest exchanges say what is slow; fewer of one name than `SLOW_LEAST` do not."""
SLOW_LEAST: Final = 20
SLOW_KEPT_S: Final = 10.0
"""How long what is slow is remembered: a scan asks for it with each of its chunks."""
CHUNK_S: Final = 0.05
"""What one chunk of a scan should take, so that a scan can be left, and shows what it found."""
FIRST_CHUNK: Final = 4_096
MOST_CHUNK: Final = 131_072
LEAST_CHUNK: Final = 64

_MATCHING: Final = (
    # by the rows themselves: the index of what is not deleted leads to nearly all of them
    "SELECT exchange.id FROM exchange WHERE exchange.id BETWEEN ? AND ?"
    " AND +exchange.deleted_us IS NULL AND {} ORDER BY exchange.id"
)
_SLOWEST: Final = (
    "SELECT exchange.duration_us, exchange.id FROM exchange WHERE exchange.id BETWEEN ? AND ?"
    " AND +exchange.deleted_us IS NULL AND exchange.duration_us IS NOT NULL AND {}"
    " ORDER BY exchange.duration_us DESC, exchange.id DESC LIMIT ?"
)
_BEGAN: Final = "SELECT started_us FROM exchange WHERE id <= ? ORDER BY id DESC LIMIT 1"
_AMONG: Final = (
    "SELECT exchange.id FROM exchange WHERE exchange.id IN (SELECT value FROM json_each(?))"
    " AND +exchange.deleted_us IS NULL AND {} ORDER BY exchange.id"
)


class FilterReading(Reading):
    """What a reader reads for filters; it is their `Around`, too.

    A statement holds a reader until it has ended: scan with a reader that paints nothing.
    """

    _slow: tuple[float, Mapping[str, int]] | None = None

    def detail(self, exchange_id: int) -> Detail | None:
        """Return all that is known of one exchange, or None when there is none of that id."""
        raise NotImplementedError

    def matching(self, wanted: Filter, low: int, high: int) -> array[int]:
        """Return the ids from *low* to *high*, both included, that match; ascending."""
        where = wanted.where(self)
        found = self._rows(
            _MATCHING.format(where.clause), (low, high, *where.parameters), where.functions
        )
        return array("q", [row[0] for row in found])

    def matching_among(self, wanted: Filter, ids: Sequence[int]) -> array[int]:
        """Return those of *ids* that match; ascending."""
        where = wanted.where(self)
        sql = _AMONG.format(where.clause)
        found = array("q")
        ordered = sorted(ids)
        for at in range(0, len(ordered), AMONG):
            chosen = json.dumps(ordered[at : at + AMONG])
            found.extend(
                row[0] for row in self._rows(sql, (chosen, *where.parameters), where.functions)
            )
        return found

    def scan(
        self, wanted: Filter, newest: int, oldest: int = 1
    ) -> Iterator[tuple[int, array[int]]]:
        """Look for matches newest first; yield how far down it got, with what matches there.

        Chunks grow and shrink so that each takes about `CHUNK_S`. The ids of each are ascending.
        """
        chunk = FIRST_CHUNK
        high = newest
        while high >= oldest:
            low = max(oldest, high - chunk + 1)
            began_s = time.perf_counter()
            found = self.matching(wanted, low, high)
            took_s = max(time.perf_counter() - began_s, 1e-6)
            yield low, found
            high = low - 1
            chunk = max(LEAST_CHUNK, min(MOST_CHUNK, int(chunk * min(8, CHUNK_S / took_s))))

    def newest_matching(self, wanted: Filter, limit: int) -> array[int]:
        """Return the ids of the newest *limit* exchanges that match; ascending."""
        bounds = self._rows("SELECT exchange, (SELECT min(id) FROM exchange) FROM counters")
        if not bounds or bounds[0][1] is None:
            return array("q")
        chunks: list[array[int]] = []
        count = 0
        for _, found in self.scan(wanted, *bounds[0]):
            chunks.append(found)
            count += len(found)
            if count >= limit:
                break
        ids = array("q")
        for found in reversed(chunks):
            ids.extend(found)
        return ids[max(0, len(ids) - limit) :]

    def slowest(self, wanted: Filter, limit: int, since_us: int = 0) -> list[int]:
        """Return the ids of the *limit* slowest exchanges that match, the slowest first.

        What began before *since_us* (Unix microseconds) need not be looked at: ids are in order of
        arrival, and the search goes from the newest down.
        """
        bounds = self._rows("SELECT exchange, (SELECT min(id) FROM exchange) FROM counters")
        if not bounds or bounds[0][1] is None:
            return []
        high, oldest = bounds[0]
        where = wanted.where(self)
        sql = _SLOWEST.format(where.clause)
        found: list[tuple[int, int]] = []
        while high >= oldest:
            low = max(oldest, high - MOST_CHUNK + 1)
            rows = self._rows(sql, (low, high, *where.parameters, limit), where.functions)
            found = nlargest(limit, [*found, *((row[0], row[1]) for row in rows)])
            began = self._rows(_BEGAN, (low,))
            if began and began[0][0] < since_us:
                break
            high = low - 1
        return [exchange_id for _, exchange_id in found]

    def sessions(self) -> list[tuple[int, int]]:
        """Return each start of an engine: its number, and its first exchange; ascending."""
        return [
            (row[0], row[1])
            for row in self._rows("SELECT id, first_exchange FROM session ORDER BY id")
        ]

    def slow_limits(self) -> Mapping[str, int]:
        """Return above how many microseconds an exchange of each name is slow.

        That is what 95 of 100 recent ones of that name did not take.
        """
        now_s = time.monotonic()
        if self._slow is None or now_s - self._slow[0] > SLOW_KEPT_S:
            self._slow = (now_s, self._slow_limits())
        return self._slow[1]

    def _slow_limits(self) -> dict[str, int]:
        durations: dict[str, list[int]] = {}
        for name, duration_us in self._rows(
            "SELECT name, duration_us FROM exchange"
            " WHERE id > (SELECT exchange FROM counters) - ?"
            " AND duration_us IS NOT NULL AND +deleted_us IS NULL",
            (SLOW_SAMPLE,),
        ):
            durations.setdefault(name, []).append(duration_us)
        return {
            name: sorted(taken)[min(len(taken) - 1, int(len(taken) * SLOW_SHARE))]
            for name, taken in durations.items()
            if len(taken) >= SLOW_LEAST
        }

    def values_of(self, field: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Return values of *field* that were seen lately, with how often; the most frequent first.

        *field* is one of the language's; `h.`, `reqh.` and `resph.` have names of headers, and
        with a name that header's values; `$`, `req$` and `resp$` have paths into bodies, and with
        a path the values there. Values begin with *prefix*, in any case.
        """
        from kiket_console.store import seen

        counted: Counter[str] = Counter()
        for value, count in seen.values(self._rows, field):
            counted[value] += count
        wanted = prefix.lower()
        found = [(value, n) for value, n in counted.items() if value.lower().startswith(wanted)]
        found.sort(key=lambda each: (-each[1], each[0]))
        return found[:limit]
