"""Read log lines: by id, of a worker, of an exchange."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING

from kiket_console.store import rows
from kiket_console.store.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.model import LogLine

_IS_TRACEBACK = "stream = 'stderr' AND instr(text, 'Traceback (most recent call last):')"
RECENT_REACH = 20_000
"""So many of the newest lines are looked at for those of one worker."""


class LogReading(Reading):
    """What a reader reads of log lines."""

    def log_ids(
        self,
        after: int = 0,
        worker: str | None = None,
        exchange_id: int | None = None,
        *,
        limit: int = -1,
    ) -> array[int]:
        """Return the ids above *after* of log lines, ascending; of one worker or exchange.

        The first *limit* of them; all when that is negative.
        """
        where = "id > ?"
        values: list[int | str] = [after]
        if worker is not None:
            where += " AND worker = ?"
            values.append(worker)
        if exchange_id is not None:
            where += " AND exchange_id = ?"
            values.append(exchange_id)
        sql = f"SELECT id FROM log WHERE {where} ORDER BY id LIMIT ?"  # noqa: S608 (clauses of ours)
        return array("q", [row[0] for row in self._rows(sql, [*values, limit])])

    def log_page(self, ids: Sequence[int]) -> list[LogLine]:
        """Return these log lines, in this order; those that are gone are left out."""
        found = {
            row[0]: row
            for row in self._rows(
                f"SELECT {rows.LOG_COLUMNS} FROM log"  # noqa: S608 (our constant)
                " WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            )
        }
        return [rows.log_line(found[each]) for each in ids if each in found]

    def exchange_logs(self, exchange_id: int, limit: int = 1000) -> list[LogLine]:
        """Return the oldest *limit* log lines that were written during an exchange."""
        return [
            rows.log_line(row)
            for row in self._rows(
                f"SELECT {rows.LOG_COLUMNS} FROM log"  # noqa: S608 (our constant)
                " WHERE exchange_id = ? ORDER BY id LIMIT ?",
                (exchange_id, limit),
            )
        ]

    def recent_logs(self, worker: str, limit: int) -> list[LogLine]:
        """Return a worker's newest *limit* log lines, oldest first.

        Only the newest `RECENT_REACH` lines of all are looked at, so that this is quick.
        """
        found = self._rows(
            f"SELECT {rows.LOG_COLUMNS} FROM log"  # noqa: S608 (our constant)
            " WHERE id > (SELECT log FROM counters) - ? AND worker = ? ORDER BY id DESC LIMIT ?",
            (RECENT_REACH, worker, limit),
        )
        return [rows.log_line(row) for row in reversed(found)]

    def oldest_log(self) -> int:
        """Return the oldest log line's id, 0 when there is none."""
        found = self._rows("SELECT min(id) FROM log")
        return found[0][0] or 0 if found else 0

    def matching_logs(self, wanted: LogFilter, low: int, high: int) -> array[int]:
        """Return the ids from *low* to *high*, inclusive, of lines that match, ascending."""
        where = wanted.where()
        sql = f"SELECT id FROM log WHERE id BETWEEN ? AND ? AND {where.clause} ORDER BY id"  # noqa: S608 (values are bound)
        found = self._rows(sql, (low, high, *where.parameters), where.functions)
        return array("q", [row[0] for row in found])

    def next_log(self, wanted: LogFilter, beyond: int, *, newer: bool) -> int | None:
        """Return the id of the line that matches next to *beyond*, newer or older; None: none."""
        where = wanted.where()
        side, order = (">", "ASC") if newer else ("<", "DESC")
        sql = f"SELECT id FROM log WHERE id {side} ? AND {where.clause} ORDER BY id {order} LIMIT 1"  # noqa: S608 (values are bound)
        found = self._rows(sql, (beyond, *where.parameters), where.functions)
        return found[0][0] if found else None

    def log_levels(self, wanted: LogFilter | None, low: int, high: int) -> dict[str, int]:
        """Return how many lines that match, from *low* to *high*, inclusive, are how grave.

        By `DEBUG` … `CRITICAL`; a line without a level counts as `ERROR` when it is a traceback,
        else as an empty text.
        """
        where = wanted.where() if wanted is not None else None
        clause = "1" if where is None else where.clause
        grave = f"CASE WHEN level = '' AND {_IS_TRACEBACK} THEN 'ERROR' ELSE level END"
        sql = f"SELECT {grave}, count(*) FROM log WHERE id BETWEEN ? AND ? AND {clause} GROUP BY 1"  # noqa: S608 (values are bound)
        parameters = () if where is None else where.parameters
        found = self._rows(sql, (low, high, *parameters), where.functions if where else None)
        return {row[0]: row[1] for row in found}

    def log_values(self, field: str, limit: int) -> list[tuple[str, int]]:
        """Return the values that newer lines have of `worker` or `logger`, with how often.

        The most frequent first, of the newest `RECENT_REACH` lines. Raises `ValueError` for
        another field.
        """
        if field not in ("worker", "logger"):
            raise ValueError(field)
        found = self._rows(
            f"SELECT {field}, count(*) FROM log WHERE id > (SELECT log FROM counters) - ?"  # noqa: S608 (one of two words)
            f" AND {field} <> '' GROUP BY {field} ORDER BY 2 DESC, 1 LIMIT ?",
            (RECENT_REACH, limit),
        )
        return [(row[0], row[1]) for row in found]
