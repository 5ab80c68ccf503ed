"""What each field asks of an exchange, made of the comparison that stands in the filter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kiket_console.filters import facts, literals
from kiket_console.filters.asking import (
    COMPARISONS,
    Asked,
    is_any,
    listed,
    numbers,
    patterns,
    regular,
    span,
    spans,
    words,
)
from kiket_console.filters.error import FilterError
from kiket_console.filters.message_tests import BodyTest, HeaderTest, LogTest, Parts
from kiket_console.filters.patterns import Glob
from kiket_console.filters.query import Combined, Cost, Inverse, Never, Subject, Test
from kiket_console.filters.row_tests import (
    ATTEMPT_OF,
    Fact,
    Number,
    NumberTest,
    RepeatTest,
    SessionTest,
    Text,
    TextTest,
    VersionTest,
)
from kiket_console.filters.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.filters.literals import Span

REQUEST: Final = Parts(answers=False)
ANSWERS: Final = Parts(request=False)
_IDS: Final = ("x-kiket-delivery", "webhook-id", "x-request-id", "x-correlation-id")


def text_of(*texts: Text, contains: bool = False) -> Callable[[Asked], Test]:
    """Return the builder of a comparison of *texts*; *contains*: `:` looks inside of them."""

    def build(asked: Asked) -> Test:
        return TextTest(texts, patterns(asked, contains=contains), asked.negative)

    return build


def worker(*sources: str) -> Callable[[Asked], Test]:
    """Return the test of the worker's name, of exchanges from one of *sources*."""
    listed_sources = ", ".join(repr(source) for source in sources)

    def build(asked: Asked) -> Test:
        return TextTest(
            (Text("exchange.worker", lambda it: it.detail.exchange.worker),),
            patterns(asked),
            asked.negative,
            f"exchange.source IN ({listed_sources})",
            lambda it: it.detail.exchange.source in sources,
        )

    return build


def path(asked: Asked) -> Test:
    """Compare the path, without its query unless a question mark is asked for."""
    whole = Text("exchange.path", lambda it: it.detail.exchange.path)
    found = patterns(asked)
    if asked.operator in {"~", "!~"} or "?" in asked.value.text:
        return TextTest((whole,), found, asked.negative)
    bare = Text(
        "substr(exchange.path, 1, instr(exchange.path || '?', '?') - 1)",
        lambda it: it.detail.exchange.path.partition("?")[0],
    )
    test = TextTest((bare,), found, asked.negative)
    likely = [Glob(f"{each.text}*") for each in found if isinstance(each, Glob)]
    if asked.negative or len(likely) < len(found):
        return test
    # a path with its query begins like one without, and that is seen with less work
    return Combined((TextTest((whole,), tuple(likely)), test), either=False)


def host(asked: Asked) -> Test:
    """Compare the host that was asked for, with its port or without."""
    found = patterns(asked)
    ports = [Glob(f"{each.text}:*") for each in found if isinstance(each, Glob)]
    return HeaderTest(REQUEST, "host", (*found, *ports), asked.negative)


def any_header(asked: Asked) -> Test:
    """Look into each header of the request and the answers."""
    return HeaderTest(Parts(), "", patterns(asked, contains=True), asked.negative)


def body(parts: Parts) -> Callable[[Asked], Test]:
    """Return the builder of a search in the bodies of *parts*."""

    def build(asked: Asked) -> Test:
        if asked.operator in {"~", "!~"}:
            return BodyTest(parts, regular(asked), asked.negative)
        if asked.operator not in {":", "!="}:
            raise asked.unsupported("a text that is in it, or ~ and a regular expression")
        tests: list[Test] = []
        for item in asked.items():
            wanted = "" if is_any(item.word) else item.word.text
            tests.append(BodyTest(parts, wanted))
        found = Combined(tests, either=True)
        if not asked.negative:
            return found
        return Combined((BodyTest(parts, ""), Inverse(found)), either=False)

    return build


def number(
    value: Number, literal: Callable[[str, int], Span], takes: str
) -> Callable[[Asked], Test]:
    """Return the builder of a comparison of a number."""
    return lambda asked: numbers(asked, value, literal, takes)


def duration(asked: Asked) -> Test:
    """Compare how long it took, or takes so far."""
    if asked.operator == ":":
        for item in asked.items(ranges=True):
            if not item.is_range and not is_any(item.word):
                span(asked, item, literals.duration, literals.DURATION)  # it is one, at least
                raise FilterError(
                    "Nothing takes exactly so long; say more than, less than, or a range.",
                    item.word.column,
                    length=item.word.length,
                    suggestion=f">{item.word.text}",
                )
    return numbers(asked, DURATION, literals.duration, literals.DURATION)


def status(asked: Asked) -> Test:
    """Compare the status, or ask for one of the words that say how it ended."""
    takes = f"{literals.STATUS}, or {listed(list(facts.STATUSES))}"
    number = Number("exchange.status", lambda it: it.detail.exchange.status)
    tests: list[Test] = []
    for item in asked.items(ranges=True):
        fact = facts.STATUSES.get(item.word.text.lower())
        if fact is not None and asked.operator in {":", "=", "!="}:
            tests.append(fact)
            continue
        try:
            found = span(asked, item, literals.status, takes)
        except FilterError as error:
            if error.suggestion or item.is_range:
                raise
            raise asked.refused(item.word, takes, among=list(facts.STATUSES)) from None
        tests.append(NumberTest(number, (found,)))
    if not asked.negative:
        return Combined(tests, either=True)
    there = NumberTest(number, (literals.Span(None, None),))
    return Combined((there, Inverse(Combined(tests, either=True))), either=False)


def moment(operator: str, when: Number) -> Callable[[Asked], Test]:
    """Return the builder of a comparison of a moment by *operator* (none: within)."""

    def build(asked: Asked) -> Test:
        if operator and asked.operator not in {":", "="}:
            raise asked.unsupported(literals.TIME)
        if operator:
            asked.one()
            compared = Asked(asked.name, operator, asked.value, asked.now_us, asked.start)
            return numbers(compared, when, literals.time, literals.TIME)
        if asked.operator in {":", "="}:
            for item in asked.items(ranges=True):
                if not item.is_range and literals.is_ago(item.word.text):
                    raise FilterError(
                        "at: takes a time of day, a day, or a range of times.",
                        asked.start,
                        length=item.word.column + item.word.length - asked.start,
                        suggestion=f"since:{item.word.text}",
                    )
        return numbers(asked, when, literals.time, literals.TIME)

    return build


def version(asked: Asked) -> Test:
    """Compare the version; numbers in it count as numbers."""
    version = Text("exchange.version", lambda it: it.detail.exchange.version)
    if asked.operator in {"~", "!~"}:
        return TextTest((version,), patterns(asked), asked.negative)
    if asked.operator in COMPARISONS:
        ranges = tuple((item.word.text, None, asked.operator) for item in asked.items())
        return VersionTest(ranges)
    tests: list[Test] = []
    for item in asked.items(ranges=True):
        if item.word.text.lower() == "none" and not item.word.quoted:
            tests.append(Fact("exchange.version = ''", lambda it: version.of(it) == ""))
        elif item.is_range:
            low, high = (word.text if word else None for word in (item.low, item.high))
            tests.append(VersionTest(((low, high, ""),)))
        else:
            one = Asked(asked.name, ":", item.word, asked.now_us, asked.start)
            either = patterns(one) if not item.word.quoted else (Glob(item.word.text),)
            if asked.operator != "=" and re.match(r"\d", item.word.text):
                either = (*either, Glob(f"v{item.word.text}"))
            tests.append(TextTest((version,), either))
    found = Combined(tests, either=True)
    if not asked.negative:
        return found
    there = TextTest((version,), patterns(Asked(asked.name, ":", _ANY, asked.now_us, 0)))
    return Combined((there, Inverse(found)), either=False)


def identity(asked: Asked) -> Test:
    """Compare the exchange's number, or an id that the sender gave it."""
    number = Number("exchange.id", lambda it: it.detail.exchange.id)
    items = asked.items(ranges=True)
    if asked.operator in COMPARISONS or all(_is_id(item) for item in items):
        return numbers(asked, number, literals.count, "the number of an exchange")
    found = patterns(asked)
    return Combined(
        [HeaderTest(REQUEST, name, found, asked.negative) for name in _IDS], either=True
    )


def _is_id(item: object) -> bool:
    text = getattr(getattr(item, "word", None), "text", "")
    return bool(re.fullmatch(r"[\d.*]+", text)) and not re.fullmatch(r"\d+\*.*|\*\d.*", text)


def trace(asked: Asked) -> Test:
    """Compare the trace, by its beginning or by a whole traceparent."""
    trace = Text("exchange.trace_id", lambda it: it.detail.exchange.trace_id)
    if asked.operator in {"~", "!~"}:
        return TextTest((trace,), patterns(asked), asked.negative)
    parent = re.fullmatch(r"[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}", asked.value.text)
    if parent:
        return TextTest((trace,), (Glob(parent[1]),), asked.negative)
    begun = tuple(
        Glob(f"{each.text}*") if isinstance(each, Glob) else each for each in patterns(asked)
    )
    return TextTest((trace,), begun, asked.negative)


def repeats(asked: Asked) -> Test:
    """Ask what an exchange repeats."""
    takes = "the number of an exchange"
    return RepeatTest(spans(asked, literals.count, takes), asked.negative)


def session(asked: Asked) -> Test:
    """Ask in which session an exchange was recorded."""
    named = {"current": 0, "last": 1}
    if asked.operator in COMPARISONS:
        return SessionTest(spans(asked, literals.count, "a session's number"), ())
    takes = "current, last, * or a session's number"
    back: list[int] = []
    found: list[Span] = []
    for item in asked.items(ranges=True):
        if is_any(item.word) and not asked.negative:
            return Combined((), either=False)
        if item.word.text in named:
            back.append(named[item.word.text])
        else:
            try:
                found.append(span(asked, item, literals.count, takes))
            except FilterError:
                raise asked.refused(item.word, takes, among=list(named)) from None
    return SessionTest(tuple(found), tuple(back), asked.negative)


def level(asked: Asked) -> Test:
    """Ask for a line of the log at one of some levels."""
    known = facts.LEVEL_WORDS
    wanted: set[int] = set()
    for item in asked.items():
        at = known.get(item.word.text.lower())
        if is_any(item.word):
            wanted.update(known.values())
        elif at is None or asked.operator in {"~", "!~"}:
            raise asked.refused(item.word, listed(list(known)), among=list(known))
        else:
            found = literals.compared(
                literals.Span(at, at), asked.operator if asked.operator in COMPARISONS else ""
            )
            wanted.update(each for each in known.values() if literals.holds((found,), each))
    if asked.negative:
        wanted = set(known.values()) - wanted
    names = [facts.LEVEL_NAMES[each] for each in sorted(wanted)]
    return LogTest(tuple(names)) if names else Never()


def tag(asked: Asked) -> Test:
    """Compare the tags of a note."""
    return facts.TagTest(patterns(asked), asked.negative)


def nothing(*known: str) -> Callable[[Asked], Test]:
    """Return the builder for a field of which nothing is recorded: nothing matches."""

    def build(asked: Asked) -> Test:
        return Combined((words(asked, dict.fromkeys(known, Never())), Never()), either=False)

    return build


def absent(asked: Asked) -> Test:
    """Ask for a text that nothing records: the pattern must make sense, and nothing matches."""
    patterns(asked)
    return Never()


def _took_us(subject: Subject) -> int | None:
    exchange = subject.detail.exchange
    if exchange.duration_us is None and exchange.state in {"received", "held"}:
        return max(0, subject.now_us - exchange.started_us)
    return exchange.duration_us


def _answer_size(subject: Subject) -> int | None:
    answers = subject.answers
    return answers[-1].body.size if answers else None


_ANY: Final = Word("*", 0, 1)
_LAST_SIZE: Final = (
    f"(SELECT attempt.size FROM attempt WHERE {ATTEMPT_OF} AND attempt.headers IS NOT NULL"
    " ORDER BY attempt.id DESC LIMIT 1)"
)
STARTED: Final = Number("exchange.started_us", lambda it: it.detail.exchange.started_us)
DURATION: Final = Number(
    "CASE WHEN exchange.duration_us IS NOT NULL THEN exchange.duration_us"
    " WHEN exchange.state IN ('received', 'held')"
    " THEN max(0, {now} - exchange.started_us) END",
    _took_us,
    needs_now=True,
)
REQUEST_SIZE: Final = Number("exchange.request_bytes", lambda it: it.detail.exchange.request_bytes)
ANSWER_SIZE: Final = Number(_LAST_SIZE, _answer_size, cost=Cost.LOOKUP)
SIZE: Final = Number(
    f"(exchange.request_bytes + coalesce({_LAST_SIZE}, 0))",
    lambda it: it.detail.exchange.request_bytes + (_answer_size(it) or 0),
    cost=Cost.LOOKUP,
)
TRIES: Final = Number("exchange.attempts", lambda it: it.detail.exchange.attempts)
