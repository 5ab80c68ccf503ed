"""A filter says the same as SQL on a real store, and as a predicate on what is read from it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiket_console import filters
from kiket_console.carried import as_base64, as_numbers
from kiket_console.model import Body, Message, Source, State
from kiket_console.store.reader import Reader
from kiket_console.store.records import (
    AttemptEnd,
    NewAttempt,
    NewExchange,
    NewLog,
    SetNote,
    SetPinned,
    SetRead,
)
from kiket_console.store.writer import Writer
from kiket_console.ui.listed import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.store.records import Row

PATIENCE_S = 60
NOW_US = 1_800_000_000_000_000
SESSIONS = 2
EACH = 2
"""So many exchanges are drawn together: SQL sees all that were drawn before, too."""

NAMES = ("issue.created", "Issue.Updated", "sla.breach", "POST extensions/logs", "größe", "")
VERSIONS = ("", "v1", "v2", "v10", "2", "2025-11-01")
WORDS = (
    "high",
    "High",
    "low",
    "Größe",
    "a/b",
    'say "x"',
    "back\\slash",
    "null",
    "5",
    "",
    "E42",
    "%_",
)
SIGNATURES = ("ok k0", "ok es256", "mismatch", "stale", "unsigned", "no-secret", "re-signed", "")
LEVELS = ("", "INFO", "WARNING", "ERROR")
NOTES = ("", "customer waits #noise", "#Slow-hook", "why # this", "Größe #a_b")

scalars = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-3, 12),
    st.floats(-2, 12, width=16),
    st.booleans(),
    st.none(),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("priority", "points", "sku", "a key")), inner, max_size=3),
    ),
    max_leaves=6,
)
bodies = st.one_of(
    st.builds(
        lambda document, escaped, indent: json.dumps(
            document, ensure_ascii=escaped, indent=indent
        ).encode(),
        documents,
        st.booleans(),
        st.sampled_from((None, 2)),
    ),
    st.builds(
        lambda document, base64: (
            b'{"op":"http_request","body":%s}'
            % (as_base64 if base64 else as_numbers)(json.dumps(document).encode())
        ),
        documents,
        st.booleans(),
    ),
    st.sampled_from(
        (b"", b"plain High text", "Größe".encode(), b"\xff\xfe\x00high", b'{"points": ')
    ),
)
headers = st.lists(
    st.tuples(
        st.sampled_from(("Host", "X-Request-Id", "content-type", "X-Kiket-Delivery", "x-b")),
        st.sampled_from(
            ("127.0.0.1:8700", "localhost", "req_7f3", "application/json", "Größe", "")
        ),
    ),
    max_size=3,
).map(tuple)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    raw = draw(bodies)
    body = Body(raw, len(raw), hashlib.sha256(raw).digest(), truncated=draw(st.booleans()))
    return Message(draw(headers), body)


@st.composite
def exchanges(draw: st.DrawFn, exchange_id: int) -> list[Row]:
    """Draw the rows of one exchange, as an engine writes them."""
    exchange = NewExchange(
        exchange_id,
        source=draw(st.sampled_from(list(Source))),
        worker=draw(st.sampled_from(("marketing", "Demo-x", ""))),
        name=draw(st.sampled_from(NAMES)),
        version=draw(st.sampled_from(VERSIONS)),
        method=draw(st.sampled_from(("POST", "GET"))),
        path=draw(st.sampled_from(("/v/v1/webhooks/issue.created", "/x?version=v2", "/größe", ""))),
        started_us=NOW_US - draw(st.integers(0, 4 * 3600)) * 1_000_000,
        state=draw(st.sampled_from((State.RECEIVED, State.HELD))),
        request=draw(messages()),
        signature=draw(st.sampled_from(SIGNATURES)),
        trace_id=draw(st.sampled_from((f"{exchange_id:032x}", ""))),
        replay_of=draw(st.sampled_from((None, None, max(1, exchange_id - 1), 999_999_999))),
        edited=draw(st.booleans()),
        kind=draw(st.sampled_from(("", "req", "notify", "invalid"))),
        direction=draw(st.sampled_from(("", "in", "out"))),
        channel=draw(st.sampled_from(("", "stdio", "tcp", "http"))),
        duplicate_of=draw(st.sampled_from((None, 1))),
    )
    rows: list[Row] = [exchange]
    tries = draw(st.integers(0, 2))
    for number in range(1, tries + 1):
        rows.append(NewAttempt(exchange_id, number, f"marketing#{number}", exchange.started_us))
        answered = draw(st.booleans())
        rows.append(
            AttemptEnd(
                exchange_id,
                number,
                State.FORWARDED
                if answered
                else draw(st.sampled_from((State.FAILED, State.REJECTED, State.INTERRUPTED))),
                draw(st.sampled_from((200, 204, 404, 500, 502, 503, 504))) if answered
                else draw(st.sampled_from((None, 502, 503, 504))),
                draw(st.sampled_from((400, 250_000, 2_000_000))),
                "" if answered
                else draw(st.sampled_from(("marketing#1 did not accept the connection.", "High"))),
                draw(messages()) if answered else None,
                draw(st.sampled_from(("", "allow", "deny", "pending"))),
                draw(st.sampled_from(("", "waiting", "given up", "cancelled"))),
            )
        )  # fmt: skip
    rows.extend(
        NewLog(NOW_US, "marketing", "log", draw(st.sampled_from(LEVELS)), "app",
               draw(st.sampled_from(("all well", "High water\nGröße", "#noise"))), "", exchange_id)
        for _ in range(draw(st.integers(0, 2)))
    )  # fmt: skip
    if note := draw(st.sampled_from(NOTES)):
        rows.append(SetNote(exchange_id, note))
    if draw(st.booleans()):
        rows.append(SetPinned(exchange_id, True))
    if draw(st.booleans()):
        rows.append(SetRead((exchange_id,)))
    return rows


def listed(values: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2).map(",".join)


def field(name: str, operators: tuple[str, ...], *values: str) -> st.SearchStrategy[str]:
    return st.builds(
        lambda operator, value: f"{name}{operator}{value}",
        st.sampled_from(operators),
        listed(values),
    )


ANY = (":", "=", "!=")
COMPARED = (":", "=", "!=", ">", ">=", "<", "<=", ":>", ":<=")
texts = st.one_of(
    st.sampled_from(
        (*WORDS, "GRÖSSE", "größe", "application/JSON", "x-b: ", "nothing", "/x?version")
    )
    .filter(bool)
    .map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    st.sampled_from(("high", "issue.created", "/h.gh/i", "/^\\{/", "/Gr..e/", "waits", "a|b")),
)
globs = (
    "issue.*",
    "*created",
    "*",
    "ISSUE.CREATED",
    '"issue.created"',
    "größe",
    "*ö*",
    "x*y*",
    "sla.*",
)
leaves = st.one_of(
    texts,
    field("event", ANY, *globs),
    field("method", ANY, "post", "*", "G*"),
    field("path", ANY, "/v/*/webhooks/*", "/x", "/x?version=v2", "*"),
    field("host", ANY, "localhost", "127.0.0.1", "127.*", "*"),
    field("ext", ANY, "demo-*", "marketing", "*"),
    field("mod", ANY, "demo-*", "marketing"),
    field("src", ANY, "webhook", "api", "ipc", "log"),
    field("dir", ANY, "in", "out", "*"),
    field("sig", ANY, "ok", "bad", "stale", "missing", "unverified", "resigned", "n/a", "k0"),
    field("status", COMPARED, "200", "4xx", "500"),
    field("status", ANY, "ok", "error", "timeout", "refused", "pending", "400..499", "..204", "*"),
    field("dur", (">", "<", ":>=", "="), "250ms", "2s", "400us"),
    field("dur", ANY, "1ms..1s", "..1h", "*"),
    field("size", COMPARED, "2b", "30b", "1kb"),
    field("req.size", COMPARED, "2b", "15b", "1kb"),
    field("resp.size", COMPARED, "2b", "15b", "*"),
    field("v", COMPARED, "v2", "v10", "1", "2025-11-01"),
    field("v", ANY, "none", "*", "v1..v3", "2"),
    field("attempt", COMPARED, "0", "1", "2"),
    field("id", COMPARED, "1", "5"),
    field("id", ANY, "req_*", "127*", "1..7"),
    field("of", ANY, "1", "2", "1..9", "999999999"),
    field("session", ANY, "current", "last", "1", "2"),
    field("replay", ANY, "yes", "no"),
    field("is", ANY, "pending", "error", "slow", "marked", "replayed", "edited", "held", "changed",
          "truncated", "waiting", "given-up", "dup", "unread"),
    field("decision", ANY, "allow", "deny", "pending", "*"),
    field("has", ANY, "note", "log", "trace", "baseline"),
    field("tag", ANY, "noise", "slow*", "*"),
    field("note", ANY, "customer", "größe", "*"),
    field("level", COMPARED, "info", "warn", "error"),
    field("kind", ANY, "req", "resp", "invalid", "*"),
    field("channel", ANY, "stdio", "uds", "*"),
    field("schema", ANY, "drift", "*"),
    field("batch", ANY, "7", "*"),
    field("body", (":", "!="), "high", "größe", '"say \\"x"', "*", "a/b"),
    field("req", (":", "!="), "high", "5"),
    field("resp", (":", "!="), "E4", "back"),
    field("h", ANY, "x-kiket", '"host: l"', "*"),
    field("h.x-request-id", ANY, "req_7f*", "*"),
    field("resph.content-type", ANY, "application/*", "Größe"),
    field("trace", ANY, "0000*", "00000000000000000000000000000001", "*"),
    st.sampled_from(("since:2h", "before:1h", "after:90m", "at<2h")),
    field("at", (":",), "3h..1h"),
    *(
        st.builds(
            lambda path, operator, value: path + operator + value,
            st.sampled_from((
                "$", "$.priority", "$..points", "$[*].sku", "$[0]", "resp$..priority",
                'req$["a key"]', "resp$.points",
            )),
            st.just(operator),
            listed(values),
        )
        for operators, values in (
            (ANY, ("high", '"High"', "5", '"5"', "null", "true", "E4*", "*", "a/b", '"Größe"')),
            ((">", ">=", "<", "<="), ("5", "0.5", '"h"', "high")),
            ((":",), ("1..5", '"a".."i"', "..5")),
        )
        for operator in operators
    ),
    st.sampled_from((
        "event~^issue", "event!~^issue", "path~webhooks", "v~1", "$.priority~^h", "$..sku!~(?i)h",
        "body~h.gh", "resp!~[0-9]", "h~(?i)host:", "reqh.host~local", "resph.host!~local", "h.x-b",
        "note~#", "$", "resp$", "@marked", "@unmarked", "@all", "@saved", "trace~^0",
        "@focus", "@shown", "@hidden",
    )),
)  # fmt: skip
wanted = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"{a} {b}", inner, inner),
        st.builds(lambda a, b: f"({a} OR {b})", inner, inner),
        st.builds(lambda a, b: f"{a} AND {b}", inner, inner),
        st.builds(lambda a: f"-({a})", inner),
        st.builds(lambda a: f"NOT {a}", inner),
    ),
    max_leaves=4,
)


class Store:
    """A store that grows, and what was read back of it."""

    def __init__(self, path: Path) -> None:
        for _ in range(SESSIONS):
            self.writer = Writer(path, "process")
            self.reader = Reader(path)
            self.last = self.reader.newest()[0]
            if _ < SESSIONS - 1:
                self.writer.submit(
                    [NewExchange(1, Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/",
                                 NOW_US, State.RECEIVED, Message())]
                ).result(PATIENCE_S)  # fmt: skip
                self.writer.close()
                self.reader.close()

    def add(self, rows: list[Row]) -> None:
        self.writer.submit(rows).result(PATIENCE_S)

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "store.sqlite3"))
        yield store
        store.close()


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_sql_and_predicate_agree(store: Store, data: st.DataObject) -> None:
    first = store.last + 1
    for exchange_id in range(first, first + EACH):
        store.add(data.draw(exchanges(exchange_id), label=f"exchange {exchange_id}"))
    store.last += EACH
    low = max(1, store.last - 20)
    details = [store.reader.detail(number) for number in range(low, store.last + 1)]
    for text in data.draw(st.lists(wanted, min_size=8, max_size=8), label="filters"):
        check(store.reader, text, low, store.last, details)


def check(reader: Reader, text: str, low: int, high: int, details: list[Any]) -> None:
    showed = Snapshot(high - 1, high - 1, array("q", range(low, high, 3)))
    saved = {"saved": "event:issue.* OR $.points>1"}
    found = filters.parse(text, saved=saved, now_us=NOW_US, listed=showed)

    by_sql = list(reader.matching(found, low, high))
    by_predicate = [
        detail.exchange.id
        for detail in details
        if detail is not None
        and found.matches(detail, reader.exchange_logs(detail.exchange.id), reader)
    ]

    assert by_sql == by_predicate, text
    assert list(reader.matching_among(found, range(low, high + 1))) == by_sql
    assert found.reading == "" or "OR" in found.reading
