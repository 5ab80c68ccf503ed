"""The words that fields take, each with what it says of an exchange."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console import decision
from kiket_console.filters.message_tests import LEVELS, LogTest, Parts
from kiket_console.filters.query import Cost, Never, Subject, Test
from kiket_console.filters.row_tests import ATTEMPT_OF, ChangedTest, Fact, SlowTest, decoded
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kiket_console.filters.patterns import Pattern
    from kiket_console.filters.query import Query

NOT_ACCEPTED: Final = "did not accept the connection"
"""What an attempt's error says when nobody was there to take the request."""
IN_VAIN: Final = " within "
"""What it says of a module's message whose answer did not come in time."""
_UNDECIDED: Final = frozenset({"received", "held"})


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"exchange.{column} IN ({', '.join(repr(str(value)) for value in sorted(values))})"


def _source(*sources: str) -> Fact:
    return Fact(_one_of("source", sources), lambda it: it.detail.exchange.source in sources)


def _direction(direction: Direction, *sources: str) -> Fact:
    return Fact(
        f"{_one_of('source', sources)} OR {_one_of('direction', (direction,))}",
        lambda it: (
            it.detail.exchange.source in sources or it.detail.exchange.direction == direction
        ),
    )


def _kind(kind: Kind) -> Fact:
    return Fact(_one_of("kind", (kind,)), lambda it: it.detail.exchange.kind == kind)


def _channel(channel: Channel) -> Fact:
    return Fact(_one_of("channel", (channel,)), lambda it: it.detail.exchange.channel == channel)


def _signature(*words: str) -> Fact:
    return Fact(_one_of("signature", words), lambda it: it.detail.exchange.signature in words)


def _dialect(name: str) -> Fact:
    return _signature(f"ok {name}")


def _retry(word: Retry) -> Fact:
    return Fact(_one_of("retry", (word,)), lambda it: it.detail.exchange.retry == word)


def _decision(word: str) -> Fact:
    return Fact(_one_of("decision", (word,)), lambda it: it.detail.exchange.decision == word)


def _refused(subject: Subject) -> bool:
    exchange = subject.detail.exchange
    if exchange.state == "rejected":
        return exchange.status == 503
    return exchange.state == "failed" and _in_last_error(subject, NOT_ACCEPTED)


def _timed_out(subject: Subject) -> bool:
    exchange = subject.detail.exchange
    if exchange.state != "failed":
        return False
    return _in_last_error(subject, IN_VAIN) if exchange.kind else exchange.status == 504


def _last_error_has(words: str) -> str:
    return (
        "EXISTS (SELECT 1 FROM attempt WHERE attempt.id = exchange.id * 4096 + exchange.attempts"
        f" AND instr(attempt.error, '{words}'))"
    )


def _in_last_error(subject: Subject, words: str) -> bool:
    number = subject.detail.exchange.attempts
    errors = (each.error for each in subject.detail.attempts if each.number == number)
    return any(words in error for error in errors)


def _truncated(subject: Subject) -> bool:
    return any(message.body.truncated for message in Parts().of(subject))


SOURCES: Final[Mapping[str, Test]] = {
    **{name: _source(name) for name in ("webhook", "api", "ipc", "producer")},
    **{name: Never() for name in ("telemetry", "log", "proc")},
}
DIRECTIONS: Final[Mapping[str, Test]] = {
    "in": _direction(Direction.IN, "webhook"),
    "out": _direction(Direction.OUT, "api", "producer"),
}
DIRECTED: Final = Fact(
    "exchange.source IN ('api', 'producer', 'webhook') OR exchange.direction <> ''",
    lambda it: (
        it.detail.exchange.source in {"api", "producer", "webhook"}
        or it.detail.exchange.direction != ""
    ),
)
KINDS: Final[Mapping[str, Test]] = {
    **{kind.value: _kind(kind) for kind in Kind},
    **{name: Never() for name in ("resp", "stderr")},  # replies stand with what they answer
}
CHANNELS: Final[Mapping[str, Test]] = {channel.value: _channel(channel) for channel in Channel}
OF_MODULES: Final = Fact("exchange.kind <> ''", lambda it: it.detail.exchange.kind != "")

PENDING: Final = Fact(
    _one_of("state", _UNDECIDED), lambda it: it.detail.exchange.state in _UNDECIDED
)
FAILING: Final = Fact(
    # every scan asks this of every row, and nearly all of them were answered well
    "ifnull(exchange.status, 0) >= 400 OR (exchange.state <> 'forwarded'"
    " AND exchange.state IN ('failed', 'interrupted', 'rejected'))",
    lambda it: it.detail.exchange.failing,
)
STATUSES: Final[Mapping[str, Test]] = {
    "ok": Fact(
        # a module's reply has no status, and is one all the same
        "exchange.state = 'forwarded' AND coalesce(exchange.status < 400, exchange.kind = 'req')",
        lambda it: (
            it.detail.exchange.state == "forwarded"
            and (
                it.detail.exchange.kind == Kind.REQUEST
                if it.detail.exchange.status is None
                else it.detail.exchange.status < 400
            )
        ),
    ),
    "error": FAILING,
    "timeout": Fact(
        "CASE WHEN exchange.state <> 'failed' THEN 0 WHEN exchange.kind = ''"
        f" THEN coalesce(exchange.status = 504, 0) ELSE {_last_error_has(IN_VAIN)} END",
        _timed_out,
    ),
    "refused": Fact(
        "CASE exchange.state WHEN 'rejected' THEN coalesce(exchange.status = 503, 0)"
        f" WHEN 'failed' THEN {_last_error_has(NOT_ACCEPTED)} ELSE 0 END",
        _refused,
        Cost.LOOKUP,
    ),
    "pending": PENDING,
}
SIGNATURES: Final[Mapping[str, Test]] = {
    "ok": Fact(
        "exchange.signature LIKE 'ok %'", lambda it: it.detail.exchange.signature.startswith("ok ")
    ),
    "bad": _signature("mismatch", "future", "bad-timestamp", "malformed", "bad-secret", "retired"),
    "stale": _signature("stale"),
    "missing": _signature("unsigned", "missing-timestamp"),
    "unverified": _signature("no-secret"),
    "resigned": _signature("re-signed"),
    "n/a": _signature(""),
    **{
        word: _signature(word)
        for word in ("mismatch", "future", "malformed", "unsigned", "no-secret", "re-signed")
    },
    **{name: _dialect(name) for name in ("k0", "kr", "k1", "sw1", "sw1a", "es256")},
}
DECISIONS: Final[Mapping[str, Test]] = {word: _decision(word) for word in decision.WORDS}
DECIDED: Final = Fact("exchange.decision <> ''", lambda it: it.detail.exchange.decision != "")
REPLAYED: Final = Fact(
    "exchange.replay_of IS NOT NULL", lambda it: it.detail.exchange.replay_of is not None
)
REPLAYS: Final[Mapping[str, Test]] = {
    "yes": REPLAYED,
    "no": Fact("exchange.replay_of IS NULL", lambda it: it.detail.exchange.replay_of is None),
}
MARKED: Final = Fact("exchange.pinned <> 0", lambda it: it.detail.exchange.pinned)
STATES: Final[Mapping[str, Test]] = {
    "pending": PENDING,
    "error": FAILING,
    "slow": SlowTest(),
    "marked": MARKED,
    "replayed": REPLAYED,
    "edited": Fact("exchange.edited <> 0", lambda it: it.detail.exchange.edited),
    "held": Fact("exchange.state = 'held'", lambda it: it.detail.exchange.state == "held"),
    "waiting": _retry(Retry.WAITING),
    "given-up": _retry(Retry.GIVEN_UP),
    "changed": ChangedTest(),
    "truncated": Fact(
        "EXISTS (SELECT 1 FROM request WHERE request.exchange_id = exchange.id"
        f" AND request.truncated) OR EXISTS (SELECT 1 FROM attempt WHERE {ATTEMPT_OF}"
        " AND attempt.truncated)",
        _truncated,
        Cost.LOOKUP,
    ),
    "dup": Fact(
        "exchange.duplicate_of IS NOT NULL",
        lambda it: it.detail.exchange.duplicate_of is not None,
    ),
    "unread": Fact("exchange.unread <> 0", lambda it: it.detail.exchange.unread),
}
NOTED: Final = Fact("exchange.note <> ''", lambda it: it.detail.exchange.note != "")
THINGS: Final[Mapping[str, Test]] = {
    "note": NOTED,
    "log": LogTest(),
    "trace": Fact("exchange.trace_id <> ''", lambda it: it.detail.exchange.trace_id != ""),
    "baseline": Never(),
    "fixture": Never(),
}
LEVEL_WORDS: Final = {
    "debug": 0,
    "info": 1,
    "warn": 2,
    "warning": 2,
    "error": 3,
    "critical": 4,
    "fatal": 4,
}
LEVEL_NAMES: Final = LEVELS
TAG: Final = re.compile(r"#([\w-]+)")


class TagTest(Struct, frozen=True):
    """Whether a note has a tag that fits one of the patterns; or (`differs`) tags, and none."""

    patterns: tuple[Pattern, ...]
    differs: bool = False
    cost: Cost = Cost.ROW

    def sql(self, query: Query) -> str:
        """Return a call of our function for notes with a `#` in them."""

        def fits(raw: bytes) -> bool:
            return self.fits(decoded(raw))

        call = f"{query.function(fits)}(CAST(exchange.note AS BLOB))"
        return f"(instr(exchange.note, '#') > 0 AND {call})"

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        return self.fits(subject.detail.exchange.note)

    def fits(self, note: str) -> bool:
        """Whether it is so of *note*."""
        found = tags(note)
        if not found:
            return False
        return self.differs != any(each.fits(tag) for tag in found for each in self.patterns)


def tags(note: str) -> list[str]:
    """Return the tags of a note: its words that begin with `#`."""
    return TAG.findall(note)
