"""What each field finds, on a real store."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console import filters
from kiket_console.carried import as_numbers
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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime.datetime(2025, 11, 20, 12, 0)  # noqa: DTZ001 (times are those of the person's clock)
NOW_US = round(NOON.timestamp() * 1e6)
MINUTE_US = 60_000_000


def message(raw: bytes = b"", *headers: tuple[str, str]) -> Message:
    return Message(headers, Body(raw, len(raw), raw[:32].ljust(32)))


def exchange(number: int, **said: Any) -> NewExchange:
    values: dict[str, Any] = {
        "source": Source.WEBHOOK,
        "worker": "marketing",
        "name": "issue.created",
        "version": "v1",
        "method": "POST",
        "path": "/v/v1/webhooks/issue.created",
        "started_us": NOW_US - number * MINUTE_US,
        "state": State.RECEIVED,
        "request": message(),
        "signature": "ok k0",
    }
    return NewExchange(number, **(values | said))


def ended(number: int, status: int | None = 200, **said: Any) -> list[Any]:
    values: dict[str, Any] = {"state": State.FORWARDED, "duration_us": 20_000, "answer": message()}
    end = AttemptEnd(number, 1, status=status, **(values | said))
    return [NewAttempt(number, 1, "marketing#1", NOW_US), end]


JSON = (
    b'{"issue": {"priority": "high", "points": 5, "labels": [], "who": null},'
    b' "items": [{"sku": "AB-1"}]}'
)
ROWS: list[Any] = [
    exchange(1, request=message(JSON, ("Host", "127.0.0.1:8700"), ("X-Request-Id", "req_7f3"))),
    *ended(1, 200, answer=message(b'{"ok": true}', ("Content-Type", "application/json"))),
    SetPinned(1, True),
    SetNote(1, "the customer waits #vip"),
    exchange(2, name="Issue.Updated", version="v2", replay_of=1, edited=True,
             signature="re-signed"),
    *ended(2, 500, answer=message(b'{"error": {"code": "E42"}}'), duration_us=400_000),
    NewLog(NOW_US, "marketing", "log", "WARNING", "app", "Database is LOCKED", "", 2),
    exchange(3, state=State.HELD, started_us=NOW_US - 10_000_000, signature=""),
    exchange(4, source=Source.API, name="POST extensions/logs", version="", method="PUT",
             path="/api/v1/logs?page=2", signature="", replay_of=2),
    *ended(4, None, state=State.FAILED, answer=None, error="It ended early."),
    exchange(5, name="größe.geändert", worker="demo-shop", signature="mismatch",
             request=message(b'{"t": "Stra\\u00dfe \\"7\\"", "n": 5.0}')),
    *ended(5, 504, state=State.FAILED, answer=None, error="marketing#1 sent nothing in 30 s.",
           decision="deny", retry="waiting"),
    exchange(6, signature="unsigned", trace_id="4bf92f3577b34da6a3ce929d0e0e4736", duplicate_of=1),
    SetRead((3, 5)),
    *ended(6, 502, state=State.FAILED, answer=None, retry="given up",
           error="marketing#1 did not accept the connection."),
]  # fmt: skip


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    path: Path = tmp_path_factory.mktemp("filters") / "store.sqlite3"
    writer = Writer(path)
    writer.submit(ROWS).result(60)
    with Reader(path) as reader:
        yield reader
    writer.close()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("@marked", [1]),
        ("@unmarked status:*", [2, 5, 6]),
        ("is:dup", [6]),
        ("is:unread", [1, 2, 4, 6]),
        ("event:issue.*", [1, 2, 3, 6]),
        ("event=Issue.Updated", [2]),
        ("event=issue.updated", []),
        ("event!=issue.*", [4, 5]),
        ("event~^[iI]ssue.[cU]", [1, 2, 3, 6]),
        ("event:größe.geändert", [5]),
        ("ext:demo-*", [5]),
        ("src:api", [4]),
        ("dir:out", [4]),
        ("method:put", [4]),
        ("path:/api/v1/logs", [4]),
        ("path:/api/v1/logs?page=*", [4]),
        ("path:/v/*/webhooks/*", [1, 2, 3, 5, 6]),
        ("host:127.0.0.1", [1]),
        ("v:none", [4]),
        ("v:2", [2]),
        ("v>v1", [2]),
        ("v:v1..v1", [1, 3, 5, 6]),
        ("status:200", [1]),
        ("status:5xx", [2, 5, 6]),
        ("status:>=500", [2, 5, 6]),
        ("status>504", []),
        ("status:400..502", [2, 6]),
        ("status:200,504", [1, 5]),
        ("status!=200", [2, 5, 6]),
        ("-status:200", [2, 3, 4, 5, 6]),
        ("status:ok", [1]),
        ("status:error", [2, 4, 5, 6]),
        ("status:timeout", [5]),
        ("status:refused", [6]),
        ("status:pending", [3]),
        ("is:pending dur:>5s", [3]),
        ("dur:>=400ms -is:pending", [2]),
        ("dur:10ms..1s", [1, 2, 4, 5, 6]),
        ("size:>100b", [1]),
        ("resp.size:>20b", [2]),
        ("resp.size:12b", [1]),
        ("sig:ok", [1]),
        ("sig:bad,missing", [5, 6]),
        ("sig:resigned", [2]),
        ("sig:n/a", [3, 4]),
        ("is:replayed", [2, 4]),
        ("is:edited", [2]),
        ("is:held", [3]),
        ("is:waiting", [5]),
        ("is:given-up", [6]),
        ("decision:deny", [5]),
        ("decision:allow,pending", []),
        ("decision:*", [5]),
        ("decision!=allow", [5]),
        ("is:error", [2, 4, 5, 6]),
        ("is:changed", [2, 4]),
        ("replay:no", [1, 3, 5, 6]),
        ("of:1", [2, 4]),
        ("of:2", [4]),
        ("attempt:>0", [1, 2, 4, 5, 6]),
        ("id:2..3,6", [2, 3, 6]),
        ("id:req_7*", [1]),
        ("trace:4bf92f", [6]),
        ("trace:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", [6]),
        ("session:current", [1, 2, 3, 4, 5, 6]),
        ("session:last", []),
        ("session:*", [1, 2, 3, 4, 5, 6]),
        ("has:note", [1]),
        ("has:log", [2]),
        ("tag:vip", [1]),
        ("tag!=vip", []),
        ("note:CUSTOMER", [1]),
        ("level:>=warn", [2]),
        ("level:>warn", []),
        ("since:90s", [1, 3]),
        ("before:11:57", [4, 5, 6]),
        ("after:11:57", [1, 2, 3]),
        ("at:11:58", [2]),
        ("at:11:57..11:58", [2]),
        ("at:11:56..11:58", [2, 4]),
        ("at:today", [1, 2, 3, 4, 5, 6]),
        ("since:2025-11-20T11:58 event:issue.created", [1, 3]),
        ("h:x-request", [1]),
        ('h:"host: 127"', [1]),
        ("h.x-request-id", [1]),
        ("reqh.content-type", []),
        ("resph.content-type~json", [1]),
        ("resph.content-type!~xml", [1]),
        ("kind:req", []),
        ("-kind:req", [1, 2, 3, 4, 5, 6]),
        ("mod:*", []),
        ("schema:drift OR batch:7", []),
        ("$.issue.priority=high", [1]),
        ("$.issue.priority:HI*", [1]),
        ("$.issue.priority=High", []),
        ('$.issue.points="5"', []),
        ("$.issue.points:5", [1]),
        ("$..n=5", [5]),
        ("$.issue.points>=5 $.issue.points<6", [1]),
        ("$.issue.who=null", [1]),
        ("$.issue.who", [1]),
        ("$.issue.nobody", []),
        ("$.items[*].sku:AB-*", [1]),
        ("$.issue.labels:*", [1]),
        ("$", [1, 5]),
        ("resp$.error.code~^E4", [2]),
        ("resp$.ok=true", [1]),
        ('$.t="Straße \\"7\\""', [5]),
        ("straße", [5]),
        ('"say"', []),
        ('"straße \\"7"', [5]),
        ("GRÖSSE", []),
        ("GRÖßE", [5]),
        ("priority", [1]),
        ("req:priority resp:true", [1]),
        ("body:e42", [2]),
        ("locked", [2]),
        ("/database is locked/i", [2]),
        ("/database is locked/", []),
        ("/d a t a b a s e/xi", [2]),
        ("waits", [1]),
        ("accept", [6]),
        ('"X-Request-Id: req_7f3"', [1]),
    ],
)  # fmt: skip
def test_a_filter_finds(reader: Reader, text: str, ids: list[int]) -> None:
    found = filters.parse(text, now_us=NOW_US)

    where = found.where(reader, NOW_US)
    rows = reader._rows(
        f"SELECT id FROM exchange WHERE {where.clause}",  # noqa: S608 (what is tested)
        where.parameters,
        where.functions,
    )
    assert [row[0] for row in rows] == ids
    details = [reader.detail(number) for number in range(1, 7)]
    assert [
        detail.exchange.id
        for detail in details
        if detail is not None
        and found.matches(detail, reader.exchange_logs(detail.exchange.id), reader, NOW_US)
    ] == ids


def test_without_more_knowledge_what_needs_it_does_not_match(reader: Reader) -> None:
    detail = reader.detail(4)
    assert detail is not None

    assert filters.parse("of:2").matches(detail)
    for text in ("of:1", "is:changed", "is:slow", "session:current"):
        assert not filters.parse(text).matches(detail)


def test_slow_is_what_few_of_the_same_name_took(tmp_path: Path) -> None:
    with Reader(tmp_path / "store.sqlite3") as reader:
        writer = Writer(tmp_path / "store.sqlite3")
        rows = [
            row
            for number in range(1, 101)
            for row in (exchange(number), *ended(number, duration_us=number * 1_000))
        ]
        rows += [exchange(101, name="rare"), *ended(101, duration_us=9_000_000)]
        writer.submit(rows).result(60)

        found = reader.matching(filters.parse("is:slow"), 1, 200)

        assert list(found) == [97, 98, 99, 100], "none of a name that was hardly seen"
        writer.close()


CARRIER = b'{"op":"http_request","body":%s}' % as_numbers(b'{"Total": 1204, "to": "Ada"}')
MESSAGES: list[Any] = [
    exchange(1),
    *ended(1),
    *(
        exchange(number, source=Source.IPC, worker=worker, name=name, kind=kind, signature="",
                 direction=direction, channel=channel, state=State(state), request=message(raw))
        for number, worker, name, kind, direction, channel, state, raw in (
            (2, "search", "service_request", "req", "out", "stdio", "received", b'{"id":1}'),
            (3, "search", "http_request", "req", "in", "tcp", "received", CARRIER),
            (4, "billing", "announce", "notify", "out", "stdio", "forwarded", b"{}"),
            (5, "billing", "stray output", "invalid", "out", "stdio", "rejected", CARRIER),
            (6, "search", "http_request", "req", "in", "http", "received", b""),
            (7, "search", "routed_module_message", "req", "in", "tcp", "received", b"{}"),
        )
    ),
    *ended(6, None, state=State.FAILED, answer=None, error="search#1 did not answer within 30 s."),
    *ended(7, None, state=State.FAILED, answer=None, error="search#1 ended."),
    *ended(2, None, answer=message(b'{"payload":{"data":"eyJvayI6NX0=","format":"Json"}}')),
]  # fmt: skip


@pytest.fixture(scope="module")
def of_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    path: Path = tmp_path_factory.mktemp("filters") / "store.sqlite3"
    writer = Writer(path)
    writer.submit(MESSAGES).result(60)
    with Reader(path) as reader:
        yield reader
    writer.close()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("src:ipc", [2, 3, 4, 5, 6, 7]),
        ("kind:req", [2, 3, 6, 7]),
        ("kind:req,notify", [2, 3, 4, 6, 7]),
        ("kind:invalid", [5]),
        ("kind:*", [2, 3, 4, 5, 6, 7]),
        ("kind!=req", [4, 5]),
        ("kind:resp", []),
        ("-kind:*", [1]),
        ("dir:in", [1, 3, 6, 7]),
        ("dir:out", [2, 4, 5]),
        ("channel:stdio", [2, 4, 5]),
        ("channel:tcp,uds", [3, 7]),
        ("mod:sea*", [2, 3, 6, 7]),
        ("mod:*", [2, 3, 4, 5, 6, 7]),
        ("event:service_*", [2]),
        ("status:ok", [1, 2]),
        ("status:error", [5, 6, 7]),
        ("status:timeout", [6]),
        ("is:pending", [3]),
        ("ada", [3]),
        ("req:total", [3]),
        ("req~T.tal", [3]),
        ("req!~T.tal", [2, 4, 5, 7]),
        ("-body:ada src:ipc", [2, 4, 5, 6, 7]),
        ("$.Total>1000", [3]),
        ("$.op=http_request", [3, 5]),
        ("resp$.ok=5", [2]),
        ("resp:ok", [2]),
    ],
)
def test_of_modules_messages_the_filter_finds(
    of_modules: Reader, text: str, ids: list[int]
) -> None:
    query = filters.parse(text)

    assert sorted(of_modules.matching(query, 1, 9)) == ids
    details = [of_modules.detail(number) for number in range(1, 8)]
    assert [each.exchange.id for each in details if each and query.matches(each)] == ids
