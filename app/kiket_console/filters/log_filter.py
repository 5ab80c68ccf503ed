"""A filter of log lines that has been read; nothing heavy is imported with this module."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from kiket_console.filters.query import Test, Where
    from kiket_console.model import Exchange, LogLine


class LogFilter(Struct, frozen=True):
    """What `log_lines.parse` returns; the empty one matches all.

    `reading` says how it was read when OR stands beside an AND that nobody wrote, else it is
    empty. `sought` are the texts that it looks for in lines, for a screen to mark them.
    """

    text: str
    reading: str
    _test: Test
    sought: tuple[str, ...] = ()

    def where(self, now_us: int | None = None) -> Where:
        """Return the filter as a condition over the table `log`."""
        from kiket_console.filters.query import Nothing, Query, Where

        query = Query(Nothing(), _now_us(now_us))
        clause = self._test.sql(query)
        return Where(clause, tuple(query.parameters), query.functions)

    def matches(
        self, line: LogLine, now_us: int | None = None, exchange: Exchange | None = None
    ) -> bool:
        """Whether the filter matches a line, which belongs to *exchange* or to none."""
        from kiket_console.filters.query import Nothing, Subject
        from kiket_console.model import Detail, Exchange, Message, Source, State

        nothing = Exchange(
            0, 0, Source.WEBHOOK, "", "", "", "", "", 0, State.RECEIVED, None, None, 0, "", "",
            None, False, None, 0, False,
        )  # fmt: skip
        around = Detail(exchange or nothing, Message(), None, (), ())
        return self._test.holds(Subject(around, (line,), Nothing(), _now_us(now_us)))


def _now_us(now_us: int | None) -> int:
    return time.time_ns() // 1000 if now_us is None else now_us
