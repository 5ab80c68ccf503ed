"""What is in a body is nobody's business on its way: it is judged, kept and passed on, unparsed."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.ports import Delivery
from kiket_console.engine.recorder import Recorder
from kiket_console.model import State
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kiket_core.secret import Redactor

MIB = 1024 * 1024
NOW_S = 1_780_000_000.0
BLOCKED_MS = 500
"""What a body that is read again and again would take of the loop, and no machine's whim does."""


@pytest.fixture
async def gateway(crew: Any, recorder: Recorder) -> AsyncIterator[Gateway]:
    forwarder = Forwarder()
    yield Gateway(crew, recorder, forwarder)
    await forwarder.close()


def delivery(raw_body: bytes, **headers: str) -> Delivery:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Delivery(None, "issue.created", "v1", "/webhooks/issue.created", pairs, raw_body)


def corpus() -> list[bytes]:
    """Return 200 bodies that a reader of JSON may stumble over."""
    odd = [
        b"",
        b"null",
        b"[1]",
        b'"text"',
        b"{",
        b"}",
        b"[",
        b'{"a":1}trailing',
        b'{"a":1}{"a":2}',
        b'{"a":1,"a":2}',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":' + b"9" * 4301 + b"}",
        b'{"a":1e' + b"9" * 400 + b"}",
        b'{"a":0.' + b"1" * 100_000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff\xfe"}',
        b'{"a":"\x00"}',
        b'{"a":"\\u0000"}',
        b'{"a":"\x1b[2J"}',
        b'{"__proto__":{}}',
        b"// comment\n{}",
        b'{"a":1,}',
        b"\xef\xbb\xbf{}",
        *('{"a":"é"}'.encode(name) for name in ("utf-16", "utf-16-le", "utf-32", "latin-1")),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"{}," * 300_000,
        b'{"a":"' + b"\\u00e9" * 100_000 + b'"}',
        b" " * MIB + b"{}",
        b"\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        b"[secret:TOKEN]",
        b"%00%0d%0a",
    ]
    chance = random.Random(7)  # noqa: S311 (the same bodies each time)
    whole = b'{"event":"a.b","payload":{"n":[1,2.5,null,true,"\\u00e9"]},"api":{"base_url":"x"}}'
    while len(odd) < 200:
        cut = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            cut[chance.randrange(len(cut))] = chance.randrange(256)
        odd.append(bytes(cut[: chance.randrange(1, len(cut) + 1)]))
    return odd


class Blocked:
    """The longest stretch for which the loop's thread worked without letting others go on."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    async def watch(self) -> None:
        """Look at every turn of the loop; what other processes take does not count."""
        while True:
            began_s = time.thread_time()
            await asyncio.sleep(0)
            self.longest_ms = max(self.longest_ms, (time.thread_time() - began_s) * 1000)


async def test_two_hundred_bodies_that_are_no_json_come_through_byte_for_byte(
    gateway: Gateway, fake_worker: Any, reader: Reader
) -> None:
    """None fails here, and none holds the others up."""
    bodies = corpus()
    blocked = Blocked()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(blocked.watch())
        outcomes = [await gateway.deliver(delivery(raw)) for raw in bodies]
        watching.cancel()

    assert {outcome.status for outcome in outcomes} == {200}
    assert [seen.raw_body for seen in fake_worker.seen] == bodies
    kept = [detail for n in reader.ids() if (detail := reader.detail(n)) is not None]
    assert [each.request.body.raw for each in kept] == bodies
    digests = [hashlib.sha256(raw).digest() for raw in bodies]
    assert [each.request.body.sha256 for each in kept] == digests
    assert blocked.longest_ms < BLOCKED_MS


async def test_answers_that_are_no_json_come_back_byte_for_byte(
    gateway: Gateway, fake_worker: Any, reader: Reader
) -> None:
    bodies = corpus()[::5]
    outcomes = []
    for raw in bodies:
        fake_worker.chunks = [raw]
        outcomes.append(await gateway.deliver(delivery(b"{}")))

    assert [outcome.raw_body for outcome in outcomes] == bodies
    kept = [detail for n in reader.ids() if (detail := reader.detail(n)) is not None]
    assert [each.attempts[0].answer.body.raw for each in kept] == bodies  # type: ignore[union-attr]


async def test_a_large_body_is_judged_and_searched_without_holding_others_up(
    gateway: Gateway, fake_worker: Any, redactor: Redactor, crew: Any, reader: Reader
) -> None:
    for number in range(20):
        redactor.add(f"S{number}", f"a-secret-value-{number:04}")
    raw = b'{"a":"' + b"x" * (4 * MIB) + b'a-secret-value-0007"}'
    signed = _signing.sign("k0", crew.secrets[0], raw, message_id="dlv_1")
    blocked = Blocked()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(blocked.watch())
        outcome = await gateway.deliver(delivery(raw, **signed))
        watching.cancel()

    assert outcome.status == 200
    assert fake_worker.seen[0].raw_body == raw
    detail = reader.detail(1)
    assert detail is not None
    assert detail.exchange.signature == "ok k0"
    assert detail.request.body.raw.endswith(b'x[secret:S7]"}')
    assert detail.request.body.sha256 == hashlib.sha256(raw).digest()
    assert blocked.longest_ms < BLOCKED_MS


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
@pytest.mark.parametrize(
    ("skew_s", "reason"), [(300, "ok"), (301, "stale"), (-300, "ok"), (-301, "future")]
)
async def test_a_senders_clock_may_be_five_minutes_off_and_not_a_second_more(
    gateway: Gateway,
    fake_worker: Any,
    crew: Any,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    skew_s: int,
    reason: str,
) -> None:
    """How far it is off is on record; the request is forwarded, for the extension to refuse."""
    monkeypatch.setattr("kiket_sdk._signing.time.time", lambda: NOW_S)
    signed = _signing.sign(
        dialect, crew.secrets[0], b"{}", message_id="dlv_1", timestamp=NOW_S - skew_s
    )

    outcome = await gateway.deliver(delivery(b"{}", **signed))

    assert (outcome.status, len(fake_worker.seen)) == (200, 1)
    detail = reader.detail(1)
    assert detail is not None
    judgement = detail.judgement
    assert judgement is not None
    assert (judgement.reason, judgement.skew_s) == (reason, skew_s)
    assert judgement.ok is (reason == "ok")


class Small(sqlite3.Connection):
    """A database that may have few pages, as on a disk that is nearly full."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Set the limit before each transaction: it is of a connection, and others open it too."""
        if sql.startswith("BEGIN"):
            super().execute("PRAGMA max_page_count = 60")
        return super().execute(sql, *values)


async def test_a_full_disk_is_507_and_nothing_is_accepted_until_there_is_room(
    crew: Any, fake_worker: Any, redactor: Redactor, own_places: Path, values: Any
) -> None:
    path = own_places / "small.sqlite3"
    writer = Writer(path, connect=partial(sqlite3.connect, factory=Small))
    gateway = Gateway(crew, Recorder(writer, redactor, lambda _: None, values.get), Forwarder())
    outcomes = [await gateway.deliver(delivery(b"x" * 50_000)) for _ in range(20)]
    await gateway._forwarder.close()
    writer.close()

    statuses = [outcome.status for outcome in outcomes]
    accepted = statuses.count(200)
    assert 0 < accepted < 20
    assert set(statuses) == {200, 507}
    refused = outcomes[statuses.index(507)]
    assert (refused.state, refused.exchange_id) == (State.REJECTED, None)
    assert ("retry-after", "1") in refused.headers
    with Reader(path) as kept:
        details = [kept.detail(number) for number in kept.ids()]
    done = [each for each in details if each is not None and each.exchange.status == 200]
    assert len(done) == accepted, "what was answered 200 is there, with its outcome"
