"""The fields of the language, as one table: what each takes, what it says, how it is asked."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.filters import facts, field_tests, literals
from kiket_console.filters.asking import Asked, listed, words
from kiket_console.filters.message_tests import Parts
from kiket_console.filters.row_tests import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kiket_console.filters.query import Test

_GLOB: Final = "a text; * stands for anything"
_INSIDE: Final = "a text that is in it"
_EVENT: Final = Text("exchange.name", lambda it: it.detail.exchange.name)
_METHOD: Final = Text("exchange.method", lambda it: it.detail.exchange.method)
_NOTE: Final = Text("exchange.note", lambda it: it.detail.exchange.note)


class Field(Struct, frozen=True):
    """One field; `takes` and `says` are for help, `words` are all the values that it knows.

    `is_seen` when values that were recorded can be offered.
    """

    name: str
    takes: str
    says: str
    example: str
    build: Callable[[Asked], Test]
    words: tuple[str, ...] = ()
    is_seen: bool = False


def _named(
    name: str, says: str, example: str, known: Mapping[str, Test], there: Test | None = None
) -> Field:
    """Return a field that takes one of the words in *known*."""
    return Field(
        name,
        listed(list(known)),
        says,
        example,
        lambda asked: words(asked, known, there),
        tuple(known),
    )


def _unrecorded(name: str, says: str, example: str, *known: str) -> Field:
    """Return a field of which nothing is recorded yet."""
    build = field_tests.nothing(*known) if known else field_tests.absent
    return Field(name, listed(known) if known else _GLOB, says, example, build, known)


FIELDS: Final = (
    Field("event", _GLOB, "the event's name, or the call or message", "event:issue.*",
          field_tests.text_of(_EVENT), is_seen=True),
    Field("status", f"{literals.STATUS}, or {listed(list(facts.STATUSES))}",
          "how it ended", "status:>=500", field_tests.status,
          (*facts.STATUSES, "2xx", "3xx", "4xx", "5xx"), is_seen=True),
    Field("dur", literals.DURATION, "how long it took; while it is pending, so far", "dur:>250ms",
          field_tests.duration),
    _named("is", "a state that it is in", "is:error", facts.STATES),
    _named("sig", "what was found about its signature", "sig:bad,stale,missing", facts.SIGNATURES),
    Field("ext", _GLOB, "the extension that it went to or came from", "ext:marketing",
          field_tests.worker("webhook", "api"), is_seen=True),
    Field("since", literals.TIME, "began then or later", "since:15m",
          field_tests.moment(">=", field_tests.STARTED)),
    _named("src", "where it was seen", "src:webhook,api", facts.SOURCES),
    _named("dir", "in: towards your code; out: from it", "dir:in", facts.DIRECTIONS,
           facts.DIRECTED),
    Field("v", "a version, or none", "the event's version", "v:>=v2", field_tests.version,
          ("none",), is_seen=True),
    Field("body", _INSIDE, "the request's or an answer's body", 'body:"out of stock"',
          field_tests.body(Parts())),
    Field("req", _INSIDE, "the request's body", "req:refund",
          field_tests.body(field_tests.REQUEST)),
    Field("resp", _INSIDE, "an answer's body", "resp:error",
          field_tests.body(field_tests.ANSWERS)),
    Field("h", _INSIDE, "a header of the request or an answer, as `name: value`", "h:x-kiket",
          field_tests.any_header),
    Field("method", _GLOB, "the request's method", "method:post", field_tests.text_of(_METHOD),
          is_seen=True),
    Field("path", _GLOB, "the request's path", "path:/v/*/webhooks/*", field_tests.path,
          is_seen=True),
    Field("host", _GLOB, "the host that was asked for", "host:localhost", field_tests.host),
    Field("size", literals.SIZE, "the request's and the last answer's body together", "size:>64kb",
          field_tests.number(field_tests.SIZE, literals.size, literals.SIZE)),
    Field("req.size", literals.SIZE, "the request's body", "req.size:<1kb",
          field_tests.number(field_tests.REQUEST_SIZE, literals.size, literals.SIZE)),
    Field("resp.size", literals.SIZE, "the last answer's body", "resp.size:>1mb",
          field_tests.number(field_tests.ANSWER_SIZE, literals.size, literals.SIZE)),
    Field("after", literals.TIME, "began later than that", "after:2025-11-20",
          field_tests.moment(">", field_tests.STARTED)),
    Field("before", literals.TIME, "began earlier than that", "before:yesterday",
          field_tests.moment("<", field_tests.STARTED)),
    Field("at", f"a range of times, or {literals.TIME}", "began within that time",
          "at:14:00..14:05", field_tests.moment("", field_tests.STARTED)),
    _named("replay", "whether it repeats another one", "replay:yes", facts.REPLAYS),
    Field("of", "the number of an exchange", "repeats that one, directly or through others",
          "of:184", field_tests.repeats),
    Field("attempt", literals.COUNT, "how many times it was tried", "attempt:>1",
          field_tests.number(field_tests.TRIES, literals.count, literals.COUNT)),
    _named("decision", "what a guard's answer decides", "decision:deny", facts.DECISIONS,
           facts.DECIDED),
    Field("id", "a number, or the id of a delivery", "its number, or an id that it came with",
          "id:184", field_tests.identity),
    Field("trace", "the beginning of a trace id, or a traceparent", "its trace",
          "trace:4bf92f35", field_tests.trace),
    Field("session", "current, last, * or a number", "the start of the engine that it belongs to",
          "session:current", field_tests.session, ("current", "last", "*")),
    _named("has", "something that belongs to it", "has:note", facts.THINGS),
    Field("tag", _GLOB, "a #word of its note", "tag:noise", field_tests.tag, is_seen=True),
    Field("note", _INSIDE, "its note", "note:customer", field_tests.text_of(_NOTE, contains=True)),
    Field("level", "debug, info, warn, error or critical", "a line of its log", "level:>=warn",
          field_tests.level, ("debug", "info", "warn", "error", "critical")),
    Field("mod", _GLOB, "the module that it went to or came from", "mod:billing",
          field_tests.worker("ipc"), is_seen=True),
    _named("kind", "what a module's message was", "kind:invalid", facts.KINDS, facts.OF_MODULES),
    _named("channel", "what a module's message went over", "channel:stdio", facts.CHANNELS,
           facts.OF_MODULES),
    _unrecorded("batch", "the run of replays that it belongs to", "batch:7"),
    _unrecorded("schema", "whether its payload has the shape seen before", "schema:drift",
                "ok", "drift"),
)  # fmt: skip
"""In the order in which they are offered: those that are asked most stand first."""

BY_NAME: Final = {field.name: field for field in FIELDS}
NAMES: Final = tuple(BY_NAME)
HEADER_PREFIXES: Final = {"h": Parts(), "reqh": field_tests.REQUEST, "resph": field_tests.ANSWERS}
JSON_PREFIXES: Final = {"": field_tests.REQUEST, "req": field_tests.REQUEST,
                        "resp": field_tests.ANSWERS}  # fmt: skip


def nearest(name: str, known: Iterable[str] = NAMES) -> str:
    """Return which of the *known* fields *name* may have meant, or an empty text."""
    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return near[0] if near else ""


def example(name: str) -> str:
    """Return a sentence with an example of how the field *name* is used, or an empty text."""
    field = BY_NAME.get(name.lower())
    return f"For example {field.example}." if field is not None else ""
