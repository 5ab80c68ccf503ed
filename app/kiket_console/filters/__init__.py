"""The filter language: parsed once, asked of the store as SQL or of one exchange as a predicate.

    parse('event:issue.* status:>=500').where()

Nothing heavy is imported with this package: the parser comes with the first filter that is read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.filters.error import FilterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.filters.completing import Completion as Completion
    from kiket_console.filters.completing import Values
    from kiket_console.filters.query import Around, Listed, Test, Where
    from kiket_console.model import Detail, LogLine

__all__ = ["Filter", "FilterError", "completions", "parse", "regroup"]


class Filter(Struct, frozen=True):
    """A filter that has been read; the empty one matches all.

    `text` is what was typed, without blanks around it.
    `reading` says how it was read when OR stands beside an AND that nobody wrote, else it is
    empty. `looks_inside` when it may need bodies, headers or logs, and so takes longer.
    """

    text: str
    reading: str
    looks_inside: bool
    _test: Test

    def where(self, around: Around | None = None, now_us: int | None = None) -> Where:
        """Return the filter as a condition over the table `exchange`.

        *around* tells what else is recorded, *now_us* (Unix microseconds) what time it is.
        """
        from kiket_console.filters.query import Nothing, Query, Where

        query = Query(around or Nothing(), _now_us(now_us))
        clause = self._test.sql(query)
        return Where(clause, tuple(query.parameters), query.functions)

    def matches(
        self,
        detail: Detail,
        logs: Sequence[LogLine] = (),
        around: Around | None = None,
        now_us: int | None = None,
    ) -> bool:
        """Whether the filter matches an exchange with the lines that were logged during it."""
        from kiket_console.filters.query import Nothing, Subject

        return self._test.holds(Subject(detail, logs, around or Nothing(), _now_us(now_us)))


def parse(
    text: str,
    *,
    saved: Mapping[str, str] | None = None,
    now_us: int | None = None,
    listed: Listed | None = None,
) -> Filter:
    """Return the filter that *text* says; raises `FilterError`.

    *saved* are the filters that it can name with `@`, *listed* what the list shows that it is for.
    Times are counted back from *now_us* (Unix microseconds), which is now.
    """
    from kiket_console.filters import building, grammar, syntax
    from kiket_console.filters.query import Cost

    node = grammar.parse(text)
    test = building.built(node, building.Context(_now_us(now_us), saved or {}, listed=listed))
    reading = syntax.reading(text, node)
    return Filter(text.strip(), reading, test.cost > Cost.LOOKUP, test)


def regroup(text: str) -> str:
    """Return *text* with its OR and its AND bound the other way round; raises `FilterError`."""
    from kiket_console.filters import grammar, syntax

    return syntax.regrouped(text, grammar.parse(text))


def completions(
    text: str,
    cursor: int,
    values: Values | None = None,
    saved: Mapping[str, str] | None = None,
    *,
    in_list: bool = False,
) -> list[Completion]:
    """Return what may be typed at *cursor*, the likeliest first.

    *values* gives those seen so far, which may take time; *saved* are the filters with a name.
    *in_list*: they are for a list, and can name what that shows.
    """
    from kiket_console.filters import completing

    return completing.completions(text, cursor, values, saved, in_list=in_list)


def _now_us(now_us: int | None) -> int:
    return time.time_ns() // 1000 if now_us is None else now_us
