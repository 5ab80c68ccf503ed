"""Tests that an exchange's own row answers, or a look at one row beside it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.filters.literals import Span, compared, holds, versions
from kiket_console.filters.query import Cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.filters.patterns import Pattern
    from kiket_console.filters.query import Query, Subject

_LARGEST: Final = 2**63 - 1
ATTEMPT_OF: Final = "attempt.id BETWEEN exchange.id * 4096 AND exchange.id * 4096 + 4095"


class Text(Struct, frozen=True):
    """Where a text stands: as SQL, and as a function. An empty text is a missing one."""

    sql: str
    of: Callable[[Subject], str]


class Number(Struct, frozen=True):
    """Where a whole number stands; None (NULL) is a missing one. `needs_now`: bind the moment."""

    sql: str
    of: Callable[[Subject], int | None]
    needs_now: bool = False
    cost: Cost = Cost.ROW


class TextTest(Struct, frozen=True):
    """Whether one of some texts fits one of the patterns; or (`differs`) there and fits none."""

    texts: tuple[Text, ...]
    patterns: tuple[Pattern, ...]
    differs: bool = False
    only: str = ""
    """A condition that a row must meet to have the text at all; empty: none."""
    applies: Callable[[Subject], bool] = lambda _: True
    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return the comparison of each text with each pattern."""
        there = " OR ".join(f"{text.sql} <> ''" for text in self.texts)
        fits = " OR ".join(
            pattern.sql(query, text.sql) for text in self.texts for pattern in self.patterns
        )
        only = f"{self.only} AND " if self.only else ""
        return f"({only}({there}) AND {'NOT ' if self.differs else ''}({fits}))"

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        if not self.applies(subject):
            return False
        texts = [text.of(subject) for text in self.texts]
        if not any(texts):
            return False
        return self.differs != any(
            pattern.fits(text) for text in texts for pattern in self.patterns
        )


class NumberTest(Struct, frozen=True):
    """Whether a number is in one of some spans; or (`differs`) there and in none."""

    number: Number
    spans: tuple[Span, ...]
    differs: bool = False

    @property
    def cost(self) -> Cost:
        """How much it takes to have the number."""
        return self.number.cost

    def sql(self, query: Query) -> str:
        """Return the comparison with each span."""
        return (
            f"({self._value(query)} IS NOT NULL AND {'NOT ' if self.differs else ''}"
            f"({' OR '.join(self._within(query, span) for span in self.spans)}))"
        )

    def _within(self, query: Query, span: Span) -> str:
        low, high = span
        if low is None and high is None:
            return "1"
        if low is not None and low == high:
            return f"{self._value(query)} = {query.bind(low)}"
        if low is not None and high is not None:
            return f"{self._value(query)} BETWEEN {query.bind(low)} AND {query.bind(high)}"
        operator, end = ("<=", high) if low is None else (">=", low)
        return f"{self._value(query)} {operator} {query.bind(end)}"

    def _value(self, query: Query) -> str:
        if self.number.needs_now:
            return self.number.sql.replace("{now}", query.bind(query.now_us))
        return self.number.sql

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        value = self.number.of(subject)
        return value is not None and self.differs != holds(self.spans, value)


class Fact(Struct, frozen=True):
    """Something that is so or not, without a value to compare."""

    condition: str
    of: Callable[[Subject], bool]
    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return the condition."""
        del query
        return f"({self.condition})"

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        return self.of(subject)


class AmongTest(Struct, frozen=True):
    """Whether an exchange is one of those that a function knows by their number."""

    has: Callable[[int], bool]
    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return a call of that function."""
        return f"{query.function(self.has)}(exchange.id)"

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        return self.has(subject.detail.exchange.id)


class VersionTest(Struct, frozen=True):
    """Whether an exchange's version is in one of some ranges of versions."""

    ranges: tuple[tuple[str | None, str | None, str], ...]
    """Each a low and a high end and the operator for one that has only a low one."""
    differs: bool = False
    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return a call of our function for those that have a version."""

        @functools.lru_cache(maxsize=4096)
        def fits(raw: bytes) -> bool:
            return self.fits(decoded(raw))

        return (
            f"(exchange.version <> '' AND {query.function(fits)}(CAST(exchange.version AS BLOB)))"
        )

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        version = subject.detail.exchange.version
        return version != "" and self.fits(version)

    def fits(self, version: str) -> bool:
        """Whether *version* is where it should be."""
        return self.differs != any(_in_range(versions(version), each) for each in self.ranges)


def decoded(raw: bytes) -> str:
    """Return a stored text, be it that a byte of it has changed on the disk."""
    return raw.decode("utf-8", "replace")


def _in_range(
    version: tuple[tuple[int, str], ...], limits: tuple[str | None, str | None, str]
) -> bool:
    low, high, operator = limits
    if not operator:
        return (low is None or versions(low) <= version) and (
            high is None or version <= versions(high)
        )
    end = versions(low or "")
    return {
        ">": version > end,
        ">=": version >= end,
        "<": version < end,
        "<=": version <= end,
    }[operator]


class SlowTest(Struct, frozen=True):
    """Whether an exchange took longer than nearly all others of its name."""

    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return a call of our function, which has the limits of now."""
        limits = {name.encode(): limit for name, limit in query.around.slow_limits().items()}

        def is_slow(raw_name: bytes, duration_us: int) -> bool:
            limit = limits.get(raw_name)
            return limit is not None and duration_us > limit

        function = query.function(is_slow, 2)
        return (
            "(exchange.duration_us IS NOT NULL"
            f" AND {function}(CAST(exchange.name AS BLOB), exchange.duration_us))"
        )

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        exchange = subject.detail.exchange
        limit = subject.around.slow_limits().get(exchange.name)
        took_us = exchange.duration_us
        return limit is not None and took_us is not None and took_us > limit


_LAST_ANSWER = (
    "(SELECT sha256 FROM attempt WHERE attempt.id BETWEEN {0}.id * 4096 AND {0}.id * 4096 + 4095"
    " AND headers IS NOT NULL ORDER BY id DESC LIMIT 1)"
)
_ENDED = "{0}.state NOT IN ('received', 'held')"


class ChangedTest(Struct, frozen=True):
    """Whether an exchange ended otherwise than the one that it repeats."""

    cost: Cost = Cost.LOOKUP

    def sql(self, query: Query) -> str:
        """Return a comparison of statuses, and of what was answered last."""
        del query
        return (
            f"(exchange.replay_of IS NOT NULL AND {_ENDED.format('exchange')} AND EXISTS ("
            "SELECT 1 FROM exchange AS original WHERE original.id = exchange.replay_of"
            f" AND original.deleted_us IS NULL AND {_ENDED.format('original')}"
            " AND (original.status IS NOT exchange.status"
            f" OR {_LAST_ANSWER.format('original')} IS NOT {_LAST_ANSWER.format('exchange')})))"
        )

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        exchange = subject.detail.exchange
        if exchange.replay_of is None or exchange.state in {"received", "held"}:
            return False
        original = subject.around.detail(exchange.replay_of)
        if original is None or original.exchange.state in {"received", "held"}:
            return False
        answers, before = subject.answers, [a.answer for a in original.attempts if a.answer]
        return exchange.status != original.exchange.status or (
            answers[-1].body.sha256 if answers else None
        ) != (before[-1].body.sha256 if before else None)


class RepeatTest(Struct, frozen=True):
    """Whether an exchange repeats one of those in some spans, directly or through others."""

    spans: tuple[Span, ...]
    differs: bool = False
    cost: Cost = Cost.LOOKUP

    def sql(self, query: Query) -> str:
        """Return a walk from what repeats to what it repeats."""
        within = NumberTest(Number("up.id", lambda _: None), self.spans).sql(query)
        return (
            f"(exchange.replay_of IS NOT NULL AND {'NOT ' if self.differs else ''}EXISTS ("
            "WITH RECURSIVE up (id) AS (SELECT exchange.replay_of UNION"
            " SELECT above.replay_of FROM up JOIN exchange AS above ON above.id = up.id"
            " WHERE above.replay_of IS NOT NULL AND above.deleted_us IS NULL)"
            f" SELECT 1 FROM up WHERE {within}))"
        )

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        repeated = subject.detail.exchange.replay_of
        if repeated is None:
            return False
        seen: set[int] = set()
        while repeated is not None and repeated not in seen:
            seen.add(repeated)
            above = subject.around.detail(repeated)
            repeated = above.exchange.replay_of if above else None
        return self.differs != any(holds(self.spans, each) for each in seen)


class SessionTest(Struct, frozen=True):
    """Whether an exchange was recorded in one of some sessions.

    A session is named by its number, or counted from the end: 0 is the newest.
    """

    spans: tuple[Span, ...]
    back: tuple[int, ...]
    differs: bool = False
    cost: Cost = Cost.LOOKUP

    def sql(self, query: Query) -> str:
        """Return a comparison with where the sessions begin, which is looked up once."""
        del query
        named = [
            (str(low or 0), str(_LARGEST if high is None else high)) for low, high in self.spans
        ]
        for back in self.back:
            number = f"(SELECT id FROM session ORDER BY id DESC LIMIT 1 OFFSET {back})"
            named.append((number, number))
        found = [
            f"(exchange.id >= coalesce((SELECT min(first_exchange) FROM session"
            f" WHERE id BETWEEN {low} AND {high}), {_LARGEST}) AND exchange.id < coalesce("
            f"(SELECT min(first_exchange) FROM session WHERE id > {high}), {_LARGEST}))"
            for low, high in named
        ]
        begun = f"exchange.id >= coalesce((SELECT min(first_exchange) FROM session), {_LARGEST})"
        return f"({begun} AND {'NOT ' if self.differs else ''}({' OR '.join(found)}))"

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        sessions = subject.around.sessions()
        begun = [number for number, first in sessions if first <= subject.detail.exchange.id]
        if not begun:
            return False
        mine = max(begun)
        newest_first = [number for number, _ in reversed(sessions)]
        named = holds(self.spans, mine) or any(
            back < len(newest_first) and newest_first[back] == mine for back in self.back
        )
        return self.differs != named


def span_of(low: Span | None, high: Span | None, operator: str) -> Span:
    """Return what a literal with an operator, or a range of two literals, stands for."""
    if operator:
        return compared(low or Span(None, None), operator)
    if low is high:
        return low or Span(None, None)
    return Span(low.low if low else None, high.high if high else None)
