"""Tests that need what was sent and answered: headers, bodies, and the lines logged meanwhile.

Each comes down to one Python function, which the predicate uses too; SQL calls it for the rows
that a plain search of bytes has not ruled out. In what a module's message carries, as numbers or
base64, is looked as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.carried import carried, carries
from kiket_console.filters.patterns import (
    Expression,
    body_needles,
    folded,
    found_in,
    literal,
    needles,
)
from kiket_console.filters.query import Cost
from kiket_console.filters.row_tests import ATTEMPT_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kiket_console.filters.patterns import Pattern
    from kiket_console.filters.query import Query, Subject
    from kiket_console.model import Headers, Message

_CARRIES: Final = (
    "exchange.source = 'ipc' AND exchange.kind <> 'invalid' AND exchange.channel <> 'http'"
)
"""What `carried.carries` says, in SQL."""
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Parts(Struct, frozen=True):
    """Which messages of an exchange are meant: the request, the answers, or both."""

    request: bool = True
    answers: bool = True

    def sql(self, condition: Callable[[str], str]) -> str:
        """Return that *condition* is so of a message; it is given the name of its table."""
        found = []
        if self.request:
            found.append(
                "EXISTS (SELECT 1 FROM request WHERE request.exchange_id = exchange.id"
                f" AND {condition('request')})"
            )
        if self.answers:
            found.append(
                f"EXISTS (SELECT 1 FROM attempt WHERE {ATTEMPT_OF}"
                f" AND attempt.headers IS NOT NULL AND {condition('attempt')})"
            )
        return f"({' OR '.join(found)})"

    def of(self, subject: Subject) -> list[Message]:
        """Return the messages that are meant."""
        return [
            *([subject.detail.request] if self.request else []),
            *(subject.answers if self.answers else []),
        ]


class HeaderTest(Struct, frozen=True):
    """Whether a header is there whose value (without a name: whose line) fits one of the patterns.

    No patterns: whether it is there at all; `differs`: whether one is there that fits none.
    """

    parts: Parts
    name: str
    patterns: tuple[Pattern, ...] = ()
    differs: bool = False
    cost: Cost = Cost.HEADERS

    def sql(self, query: Query) -> str:
        """Return a call of our function for messages whose headers have the name in them."""

        def condition(table: str) -> str:
            headers = f"{table}.headers"
            likely = " AND ".join(self._likely(query, headers))
            call = f"{query.function(self.fits_stored)}(CAST({headers} AS BLOB))"
            return _called_if(likely, call) if likely else call

        return self.parts.sql(condition)

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        return any(self.fits(message.headers) for message in self.parts.of(subject))

    def _likely(self, query: Query, headers: str) -> Iterator[str]:
        """Return what must be in *headers* for a name and a value to be there."""
        if self.name:
            yield found_in(query, headers, (f'"{folded(self.name)}"',))
        pieces = [literal(pattern) for pattern in self.patterns]
        if self.differs or not all(pieces) or (not self.name and ":" in "".join(pieces)):
            return
        found = [each for piece in pieces for each in body_needles(piece)]
        if found:
            yield found_in(query, headers, tuple(found))

    def fits_stored(self, raw: bytes) -> bool:
        """Whether it is so of headers as they are stored."""
        return self.fits(headers_of(raw))

    def fits(self, headers: Headers) -> bool:
        """Whether one of *headers* is what is wanted."""
        wanted = self.name.lower()
        return any(
            self._fits(value if wanted else f"{name}: {value}")
            for name, value in headers
            if not wanted or name.lower() == wanted
        )

    def _fits(self, text: str) -> bool:
        if not self.patterns:
            return True
        return self.differs != any(pattern.fits(text) for pattern in self.patterns)


def headers_of(raw: bytes) -> Headers:
    """Return headers as they are stored; none when they are damaged."""
    import orjson

    try:
        return tuple((str(name), str(value)) for name, value in orjson.loads(raw))
    except (ValueError, TypeError):
        return ()


class JsonTest(Struct, frozen=True):
    """Whether a JSON body has a value where a path leads, and it is what is wanted.

    `fits` is None when any value will do. `likely` are texts that are in each such body, in some
    case, unless they are written with a backslash.
    """

    parts: Parts
    path: Any
    fits: Callable[[Any], bool] | None = None
    likely: tuple[str, ...] = ()
    cost: Cost = Cost.BODY

    def sql(self, query: Query) -> str:
        """Return a call of our function."""
        finds = self._finder()

        def condition(table: str) -> str:
            there = f"{query.function(finds)}(CAST({table}.body AS BLOB))"
            return _or_carried(query, f"{table}.body", there, finds)

        return self.parts.sql(condition)

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        finds = self._finder()
        return any(_finds(subject, message, finds) for message in self.parts.of(subject))

    def _finder(self) -> Callable[[bytes], bool]:
        """Return what looks into a body: reads it as JSON only if the value can be there."""
        import orjson

        keys = [step.at for step in self.path.steps if isinstance(step.at, str)]
        named = [f'"{keys[-1]}"'] if keys and is_plain(keys[-1]) else []
        needed = [folded(text).encode() for text in (*self.likely, *named)]
        values, fits = self.path.values, self.fits

        def finds(raw: bytes) -> bool:
            # a backslash may stand for any character, so such a body is read in any case
            if needed and b"\\" not in raw:
                lower = raw.lower()
                if not all(each in lower for each in needed):
                    return False
            try:
                found = values(orjson.loads(raw))
            except ValueError:
                return False
            return any(fits is None or fits(value) for value in found)

        return finds


def is_plain(text: str) -> bool:
    """Whether JSON writes *text* in one way only, if it has no backslash."""
    return text.isascii() and text.isprintable() and not set(text) & set('"\\')


class BodyTest(Struct, frozen=True):
    """Whether a text, or what a regular expression describes, is in a body."""

    parts: Parts
    wanted: str | Expression
    differs: bool = False
    cost: Cost = Cost.BODY

    def sql(self, query: Query) -> str:
        """Return a search of the bodies."""

        def condition(table: str) -> str:
            body = f"{table}.body"
            there = _in_body(query, body, self.wanted)
            return f"({body} <> x'' AND {'NOT ' if self.differs else ''}{there})"

        return self.parts.sql(condition)

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        return any(
            message.body.raw != b"" and self.differs != _message_has(subject, message, self.wanted)
            for message in self.parts.of(subject)
        )


def _called_if(likely: str, call: str) -> str:
    """Return a *call* of ours for rows of which something else is so.

    SQLite works out both sides of an AND whose value it wants; a CASE leaves the call out.
    """
    return f"CASE WHEN {likely} THEN {call} ELSE 0 END"


def _or_carried(query: Query, body: str, there: str, finds: Callable[[bytes], bool]) -> str:
    """Return that something is *there*, or *finds* it in what a module's message carries."""
    call = f"{query.function(lambda raw: _in_carried(raw, finds))}(CAST({body} AS BLOB))"
    return f"({there} OR {_called_if(_CARRIES, call)})"


def _finds(subject: Subject, message: Message, finds: Callable[[bytes], bool]) -> bool:
    raw = message.body.raw
    return finds(raw) or (carries(subject.detail.exchange) and _in_carried(raw, finds))


def _in_carried(raw: bytes | None, finds: Callable[[bytes], bool]) -> bool:
    """Tell whether *finds* says so of what a message carries; there is none where no answer is."""
    return raw is not None and any(finds(each.raw) for each in carried(raw))


def _in_body(query: Query, body: str, wanted: str | Expression) -> str:
    if isinstance(wanted, Expression):
        there = f"{query.function(wanted.finds)}(CAST({body} AS BLOB))"
    else:
        there = found_in(query, f"CAST({body} AS TEXT)", body_needles(wanted))
    return _or_carried(query, body, there, lambda raw: _body_has(raw, wanted))


def _message_has(subject: Subject, message: Message, wanted: str | Expression) -> bool:
    return _finds(subject, message, lambda raw: _body_has(raw, wanted))


def _body_has(raw: bytes, wanted: str | Expression) -> bool:
    if isinstance(wanted, Expression):
        return wanted.finds(raw)
    lower = raw.lower()
    return any(each.encode() in lower for each in body_needles(wanted))


class AnywhereTest(Struct, frozen=True):
    """Whether a text is anywhere in what a person can see of an exchange.

    That is its name, path and note, headers, bodies, errors, and what was logged meanwhile.
    """

    wanted: str | Expression
    cost: Cost = Cost.BODY

    def sql(self, query: Query) -> str:
        """Return a search, the shortest texts first."""
        row = " OR ".join(
            self._in_text(query, f"exchange.{column}") for column in ("name", "path", "note")
        )

        def message(table: str) -> str:
            error = "" if table == "request" else f"{self._in_text(query, 'attempt.error')} OR "
            headers = self._in_headers(query, f"{table}.headers")
            return f"({error}{headers} OR {_in_body(query, f'{table}.body', self.wanted)})"

        request = (
            "EXISTS (SELECT 1 FROM request WHERE request.exchange_id = exchange.id"
            f" AND {message('request')})"
        )
        answers = f"EXISTS (SELECT 1 FROM attempt WHERE {ATTEMPT_OF} AND {message('attempt')})"
        logs = (
            "EXISTS (SELECT 1 FROM log WHERE log.exchange_id = exchange.id"
            f" AND {self._in_text(query, 'log.text')})"
        )
        return f"({row} OR {request} OR {answers} OR {logs})"

    def _in_text(self, query: Query, text: str) -> str:
        if isinstance(self.wanted, Expression):
            return self.wanted.sql(query, text)
        return found_in(query, text, needles(self.wanted))

    def _in_headers(self, query: Query, headers: str) -> str:
        call = f"{query.function(self._fits_stored)}(CAST({headers} AS BLOB))"
        if isinstance(self.wanted, Expression) or ":" in self.wanted:
            return _called_if(f"{headers} IS NOT NULL", call)
        likely = found_in(query, headers, body_needles(self.wanted))
        return _called_if(likely, call)

    def _fits_stored(self, raw: bytes) -> bool:
        return self._fits(headers_of(raw))

    def _fits(self, headers: Headers) -> bool:
        return any(self._is_in(f"{name}: {value}") for name, value in headers)

    def _is_in(self, text: str) -> bool:
        if isinstance(self.wanted, Expression):
            return self.wanted.fits(text)
        whole = folded(text)
        return any(each in whole for each in needles(self.wanted))

    def holds(self, subject: Subject) -> bool:
        """Whether it is found."""
        exchange = subject.detail.exchange
        texts = [exchange.name, exchange.path, exchange.note]
        texts += [attempt.error for attempt in subject.detail.attempts]
        texts += [line.text for line in subject.logs]
        return any(map(self._is_in, texts)) or any(
            self._fits(message.headers) or _message_has(subject, message, self.wanted)
            for message in Parts().of(subject)
        )


class LogTest(Struct, frozen=True):
    """Whether a line was logged during an exchange, at one of some levels (none: any line)."""

    levels: Sequence[str] = ()
    cost: Cost = Cost.LOGS

    def sql(self, query: Query) -> str:
        """Return a look at the lines of the exchange."""
        level = ""
        if self.levels:
            level = f" AND log.level IN ({', '.join(query.bind(each) for each in self.levels)})"
        return f"EXISTS (SELECT 1 FROM log WHERE log.exchange_id = exchange.id{level})"

    def holds(self, subject: Subject) -> bool:
        """Whether there is such a line."""
        return any(not self.levels or line.level in self.levels for line in subject.logs)
