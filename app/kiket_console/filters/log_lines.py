"""The same language for log lines: grammar, patterns, times and errors; only its fields are others.

parse('level:>=warn ext:billing "timed out"').where()
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.filters import field_tests, grammar, literals, syntax
from kiket_console.filters.asking import Asked, listed, patterns, words
from kiket_console.filters.building import Context, Language, built
from kiket_console.filters.field_tests import moment, number, text_of
from kiket_console.filters.fields import BY_NAME, Field
from kiket_console.filters.log_filter import LogFilter
from kiket_console.filters.message_tests import LogTest
from kiket_console.filters.patterns import Containing, Glob
from kiket_console.filters.query import Combined, Never
from kiket_console.filters.row_tests import Fact, Number, Text, TextTest
from kiket_console.filters.syntax import Combination, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kiket_console.filters.patterns import Expression
    from kiket_console.filters.query import Cost, Query, Subject, Test
    from kiket_console.filters.syntax import Node
    from kiket_console.model import LogLine

TRACEBACK: Final = "Traceback (most recent call last):"
_GLOB: Final = "a text; * stands for anything"
_ERRORS: Final = ("CRITICAL", "ERROR", "FATAL")


def _line(subject: Subject) -> LogLine:
    return subject.logs[0]


_TEXT: Final = Text("log.text", lambda it: _line(it).text)
_LOGGER: Final = Text("log.logger", lambda it: _line(it).logger)
_WORKER: Final = Text("log.worker", lambda it: _line(it).worker)
_TRACE: Final = Text("log.trace_id", lambda it: _line(it).trace_id)
_AT: Final = Number("log.at_us", lambda it: _line(it).at_us)
_EXCHANGE: Final = Number("log.exchange_id", lambda it: _line(it).exchange_id)
_NUMBER: Final = Number("log.id", lambda it: _line(it).id)


def parse(
    text: str, *, saved: Mapping[str, str] | None = None, now_us: int | None = None
) -> LogFilter:
    """Return the filter of log lines that *text* says; raises `FilterError`.

    *saved* are the filters that it can name with `@`. Times are counted back from *now_us* (Unix
    microseconds), which is now.
    """
    node = grammar.parse(text, NAMES)
    test = built(node, Context(_now_us(now_us), saved or {}, language=LINES))
    return LogFilter(text.strip(), syntax.reading(text, node), test, tuple(_sought(node)))


def _sought(node: Node | None) -> Iterator[str]:
    """Yield the texts that lines are to have."""
    if isinstance(node, Combination):
        for child in node.children:
            yield from _sought(child)
    elif isinstance(node, Part):
        if node.kind in ("STRING", "WORD"):
            yield node.name.text
        elif node.name.text.lower() == "text" and node.value and node.operator in (":", "="):
            yield node.value.text.strip("*\"'")


def quoted(value: str) -> str:
    """Return *value* as one that means itself, whatever is in it; in quotes where it needs them."""
    if re.fullmatch(r"[\w/@+-][\w./@+-]*", value) and ".." not in value:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def regroup(text: str) -> str:
    """Return *text* with its OR and its AND bound the other way round; raises `FilterError`."""
    return syntax.regrouped(text, grammar.parse(text, NAMES))


def _now_us(now_us: int | None) -> int:
    return time.time_ns() // 1000 if now_us is None else now_us


def _worker(asked: Asked) -> Test:
    """Compare the worker's name; a bare word may be what stands behind its last dot."""
    found = patterns(asked)
    short = [Glob(f"*.{each.text}") for each in found if isinstance(each, Glob)]
    return TextTest((_WORKER,), (*found, *short), asked.negative)


def _level(asked: Asked) -> Test:
    found = field_tests.level(asked)
    if not isinstance(found, LogTest):
        return Never()
    return _at_levels(*found.levels)


def _at_levels(*names: str) -> Fact:
    listed_names = ", ".join(f"'{name}'" for name in names)
    return Fact(f"log.level IN ({listed_names})", lambda it: _line(it).level in names)


_HAS_TRACEBACK: Final = TextTest((_TEXT,), (Containing(TRACEBACK),))
ERRORS: Final = Combined((_at_levels(*_ERRORS), _HAS_TRACEBACK), either=True)
_STATES: Final[Mapping[str, Test]] = {"error": ERRORS, "traceback": _HAS_TRACEBACK}


def _on_stream(name: str) -> Fact:
    return Fact(f"log.stream = '{name}'", lambda it: _line(it).stream == name)


_STREAMS: Final[Mapping[str, Test]] = {
    name: _on_stream(name) for name in ("stdout", "stderr", "log")
}


_THINGS: Final[Mapping[str, Test]] = {
    "trace": Fact("log.trace_id <> ''", lambda it: _line(it).trace_id != ""),
    "exchange": Fact("log.exchange_id IS NOT NULL", lambda it: _line(it).exchange_id is not None),
    "locals": Fact("log.frames <> ''", lambda it: _line(it).frames != ""),
}


class OfExchange(Struct, frozen=True):
    """Whether a line belongs to an exchange of which something is so."""

    test: Test

    @property
    def cost(self) -> Cost:
        """How much it takes to know that of the exchange."""
        return self.test.cost

    def sql(self, query: Query) -> str:
        """Return a look at the exchange."""
        return (
            "EXISTS (SELECT 1 FROM exchange WHERE exchange.id = log.exchange_id"
            f" AND {self.test.sql(query)})"
        )

    def holds(self, subject: Subject) -> bool:
        """Whether it is so."""
        known = subject.detail.exchange.id
        return known == _line(subject).exchange_id and self.test.holds(subject)


def _of_exchange(name: str, example: str) -> Field:
    field = BY_NAME[name]
    return replace(
        field,
        says=f"{field.says}: the exchange's that it belongs to",
        example=example,
        build=lambda asked: OfExchange(field.build(asked)),
    )


def _anywhere(wanted: str | Expression) -> Test:
    pattern = Containing(wanted) if isinstance(wanted, str) else wanted
    return TextTest((_TEXT, _LOGGER), (pattern,))


FIELDS: Final = (
    Field("level", "a level such as warn or error", "how grave it is", "level:>=warn", _level,
          ("debug", "info", "warning", "error", "critical")),
    Field("ext", _GLOB, "whose line it is", "ext:billing", _worker, is_seen=True),
    Field("worker", _GLOB, "whose line it is", "worker:engine", _worker, is_seen=True),
    Field("logger", _GLOB, "which logger wrote it", "logger:app.*", text_of(_LOGGER), is_seen=True),
    Field("stream", listed(list(_STREAMS)), "where it was written to", "stream:stderr",
          lambda asked: words(asked, _STREAMS), tuple(_STREAMS)),
    Field("has", listed(list(_THINGS)), "something that belongs to it", "has:locals",
          lambda asked: words(asked, _THINGS), tuple(_THINGS)),
    Field("text", "a text that is in it", "what it says", 'text:"timed out"',
          text_of(_TEXT, contains=True)),
    Field("is", listed(list(_STATES)), "what it is", "is:error",
          lambda asked: words(asked, _STATES), tuple(_STATES)),
    Field("since", literals.TIME, "written then or later", "since:15m", moment(">=", _AT)),
    Field("after", literals.TIME, "written later", "after:14:05", moment(">", _AT)),
    Field("before", literals.TIME, "written earlier", "before:14:05", moment("<", _AT)),
    Field("at", literals.TIME, "written within that time", "at:14:00..14:05", moment("", _AT)),
    Field("trace", _GLOB, "the trace that it belongs to", "trace:4bf9*", text_of(_TRACE)),
    Field("exchange", literals.COUNT, "the exchange that it belongs to", "exchange:1203",
          number(_EXCHANGE, literals.count, literals.COUNT)),
    _of_exchange("event", "event:issue.*"),
    _of_exchange("v", "v:v2"),
    _of_exchange("src", "src:webhook"),
    _of_exchange("status", "status:>=500"),
    _of_exchange("dur", "dur:>250ms"),
    Field("id", literals.COUNT, "its number", "id:1..500",
          number(_NUMBER, literals.count, literals.COUNT)),
)  # fmt: skip
NAMES: Final = tuple(field.name for field in FIELDS)
LINES: Final = Language(
    {field.name: field for field in FIELDS},
    _anywhere,
    {"all": Combined((), either=False)},
    rows="log lines",
    has_messages=False,
)
