from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console.engine.forward import Forwarder
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.headers import HOP
from kiket_console.engine.ports import Delivery
from kiket_console.engine.recorder import INLINE_BYTES
from kiket_console.engine.short_way import AT_ONCE, Passage
from kiket_console.model import State, WorkerState
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.kiket_console.engine.conftest import RawAnswer

    from kiket_console.engine.ports import Outcome
    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

    RawWorker = Callable[[str, RawAnswer], AbstractAsyncContextManager[None]]

PATIENCE_S = 120
RAW = b'{"issue": {"title": "t"}}'


@pytest.fixture
async def gateway(crew: Any, recorder: Recorder) -> AsyncIterator[Gateway]:
    forwarder = Forwarder(timeout_s=PATIENCE_S)
    yield Gateway(crew, recorder, forwarder, hold_s=0.2)
    await forwarder.close()


class Sender:
    """Who sent a webhook: notes its answer, and whether it went the long way."""

    def __init__(self) -> None:
        self.went_long = False
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def answer(self, outcome: Outcome) -> None:
        self.outcome.set_result(outcome)

    def wait(self, coming: Awaitable[Outcome]) -> None:
        self.went_long = True
        self._waiting = asyncio.ensure_future(self._wait(coming))

    async def _wait(self, coming: Awaitable[Outcome]) -> None:
        try:
            self.outcome.set_result(await coming)
        except Exception as error:
            self.outcome.set_exception(error)


def delivery(number: int = 0, raw_body: bytes = RAW, *headers: tuple[str, str]) -> Delivery:
    sent = _signing.sign("k0", "a-webhook-secret-of-24-bytes", raw_body, message_id="")
    pairs = (
        ("Host", "localhost:8700"),
        ("X-Kiket-Delivery", f"dlv_{number}"),
        *sent.items(),
        *headers,
    )
    return Delivery(
        None,
        "issue.created",
        "v1",
        "/v/v1/webhooks/issue.created?a=%20b",
        pairs,
        raw_body,
        sender="127.0.0.1",
        named={name.lower().encode(): value.encode("latin-1") for name, value in pairs},
    )


async def send(gateway: Gateway, *deliveries: Delivery) -> list[tuple[Outcome, bool]]:
    """Return what became of deliveries that came in one turn, and which went the long way."""
    senders = [Sender() for _ in deliveries]
    for each, sender in zip(deliveries, senders, strict=True):
        gateway.take(each, sender)
    async with asyncio.timeout(PATIENCE_S):
        return [(await sender.outcome, sender.went_long) for sender in senders]


async def connect(gateway: Gateway, count: int = 1) -> None:
    """Send so many by the long way, so that as many connections to the worker are there."""
    sent = await send(gateway, *(delivery(-1 - number) for number in range(count)))
    assert all(went_long for _, went_long in sent)


def details(reader: Reader) -> list[Detail]:
    """Return all that is recorded, the newest last."""
    found = [reader.detail(exchange_id) for exchange_id in reader.ids()]
    return sorted((each for each in found if each), key=lambda each: each.exchange.id)


EACH_TIME = {"x-kiket-delivery", "x-kiket-timestamp", "traceparent"}


def told(detail: Detail) -> object:
    """Return what a record says, without what is different each time."""
    exchange = replace(detail.exchange, id=0, started_us=0, duration_us=0, trace_id="", change=0)
    attempts = [
        replace(each, exchange_id=0, started_us=0, duration_us=0) for each in detail.attempts
    ]
    headers = [pair for pair in detail.request.headers if pair[0].lower() not in EACH_TIME]
    assert detail.judgement is not None
    verdict = replace(detail.judgement, skew_s=0.0)
    return exchange, attempts, headers, detail.request.body, verdict


ANSWERS: dict[str, tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = {
    "json": (200, [(b"content-type", b"application/json")], [b'{"ok":true}']),
    "chunks": (200, [(b"x-a", b"1"), (b"X-A", b"2"), (b"date", b"long ago")], [b"a", b"b", b""]),
    "nothing": (204, [], [b""]),
    "refused": (422, [(b"connection", b"x-own"), (b"x-own", b"1")], [b"no"]),
    "failed": (500, [(b"set-cookie", b"session=abc")], [b"Traceback"]),
    "large": (200, [], [b"x" * (INLINE_BYTES + 1)]),
}


@pytest.mark.parametrize("kind", list(ANSWERS))
async def test_it_records_and_answers_what_the_long_way_does(
    gateway: Gateway, fake_worker: Any, reader: Reader, kind: str
) -> None:
    fake_worker.status, fake_worker.headers, fake_worker.chunks = ANSWERS[kind]

    [(long, went_long)] = await send(gateway, delivery(1))
    [(short, _)] = await send(gateway, delivery(2))

    assert went_long
    assert (short.status, short.headers, short.raw_body) == (
        long.status,
        long.headers,
        long.raw_body,
    )
    first, second = details(reader)
    assert told(first) == told(second)
    seen = [
        [pair for pair in each.headers if pair[0] not in EACH_TIME] for each in fake_worker.seen
    ]
    assert seen[0] == seen[1]
    assert [each.path for each in fake_worker.seen] == [delivery().path] * 2
    parents = [dict(each.headers)["traceparent"].split("-") for each in fake_worker.seen]
    assert [each[1] for each in parents] == [each.exchange.trace_id for each in (first, second)]
    assert parents[0][2] != parents[1][2]


async def test_what_comes_in_one_turn_goes_together_and_is_recorded_in_its_order(
    gateway: Gateway, fake_worker: Any, reader: Reader
) -> None:
    """More than go at once, too."""
    many = AT_ONCE + 8
    await connect(gateway, many)
    before = len(reader.ids())

    sent = await send(gateway, *(delivery(number) for number in range(many)))

    assert {(outcome.status, went_long) for outcome, went_long in sent} == {(200, False)}
    recorded = details(reader)[before:]
    names = [dict(each.request.headers)["X-Kiket-Delivery"] for each in recorded]
    assert names == [f"dlv_{number}" for number in range(many)]
    assert [outcome.exchange_id for outcome, _ in sent] == [each.exchange.id for each in recorded]


async def test_one_that_fails_inside_leaves_those_alone_that_came_with_it(
    gateway: Gateway, fake_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await connect(gateway, 3)
    judged = gateway._reception.judged

    def breaks(delivery: Delivery, *rest: Any) -> Any:
        if delivery.raw_body == b"break":
            raise RuntimeError("no")
        return judged(delivery, *rest)

    monkeypatch.setattr(gateway._reception, "judged", breaks)
    senders = [Sender() for _ in range(3)]
    for number, sender in enumerate(senders):
        gateway.take(delivery(number, b"break" if number == 1 else RAW), sender)

    assert (await senders[0].outcome).status == 200
    assert (await senders[2].outcome).status == 200
    with pytest.raises(RuntimeError, match="no"):
        await senders[1].outcome
    assert [went_long for _, went_long in await send(gateway, *map(delivery, (4, 5, 6)))] == [
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (delivery(1, b"x" * (INLINE_BYTES + 1)), 200),
        (delivery(1, RAW, (HOP, "1")), 508),
        (replace(delivery(1), event="no such/event"), 404),
        (replace(delivery(1), extension="nobody"), 404),
    ],
    ids=["large", "a loop", "misnamed", "for nobody"],
)
async def test_what_is_out_of_the_ordinary_goes_the_long_way(
    gateway: Gateway, fake_worker: Any, sent: Delivery, status: int
) -> None:
    await connect(gateway)

    [(outcome, went_long)] = await send(gateway, sent)

    assert (outcome.status, went_long) == (status, True)


async def test_without_a_worker_that_serves_it_is_held_as_on_the_long_way(
    gateway: Gateway, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    await connect(gateway)
    crew.become(WorkerState.STARTING)
    crew.moved.clear()
    sender = Sender()
    gateway.take(delivery(1), sender)
    await crew.waiting.wait()
    crew.become(WorkerState.SERVING)

    assert (await sender.outcome).status == 200
    assert sender.went_long


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the first request of a connection, and close it at the second."""
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(RAW))
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await reader.readuntil(b"\r\n\r\n")


async def test_a_worker_that_breaks_the_connection_is_not_asked_again(
    gateway: Gateway, crew: Any, raw_worker: RawWorker, reader: Reader
) -> None:
    async with raw_worker(crew.socket_path, answer_once):
        await connect(gateway)
        [(outcome, _)] = await send(gateway, delivery(1))

    assert (outcome.status, outcome.state) == (502, State.FAILED)
    assert "broke the connection before it answered" in outcome.error
    assert "is not sent again by itself" in outcome.error
    *_, detail = details(reader)
    assert (detail.exchange.state, detail.exchange.attempts) == (State.FAILED, 1)


async def test_a_connection_that_took_nothing_is_replaced_by_a_new_one(
    gateway: Gateway,
    crew: Any,
    fake_worker: Any,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await connect(gateway)
    pool = gateway._forwarder.pool(crew.serving("marketing"))
    [link] = pool._idle
    sender = Sender()
    gateway.take(delivery(1), sender)
    sent = link.send

    def gone(*arguments: Any) -> None:
        sent(*arguments)
        link.connection_lost(BrokenPipeError())  # as where the worker has just closed it

    monkeypatch.setattr(link, "send", gone)

    assert (await sender.outcome).status == 200
    assert sender.went_long
    *_, detail = details(reader)
    assert (detail.exchange.state, detail.exchange.attempts) == (State.FORWARDED, 1)


async def test_an_answer_that_does_not_come_in_time_is_504(
    crew: Any, recorder: Recorder, fake_worker: Any
) -> None:
    forwarder = Forwarder(timeout_s=PATIENCE_S)
    gateway = Gateway(crew, recorder, forwarder)
    await connect(gateway)
    fake_worker.go_on.clear()
    forwarder.timeout_s = 0.05

    [(outcome, _)] = await send(gateway, delivery(1))

    assert (outcome.status, outcome.error) == (504, "marketing#3 did not answer within 0.05 s.")
    await forwarder.close()


async def test_what_cannot_be_recorded_is_not_accepted_and_not_sent(
    gateway: Gateway, fake_worker: Any, writer: Writer
) -> None:
    await connect(gateway)
    writer.close()

    [(outcome, _)] = await send(gateway, delivery(1))

    assert (outcome.status, outcome.exchange_id) == (503, None)
    assert outcome.error.endswith("is closed; nothing more is recorded.")
    assert len(fake_worker.seen) == 1


async def test_it_is_answered_when_it_is_durable_and_not_before(
    gateway: Gateway,
    recorder: Recorder,
    fake_worker: Any,
    stall: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await connect(gateway)
    stalled = stall()
    going = asyncio.ensure_future(gateway.deliver(delivery(1)))  # the commit that stands still
    await stalled.reached()
    sender, waits, when_durable = Sender(), asyncio.Event(), recorder.when_durable

    def noted(*arguments: Any) -> None:
        when_durable(*arguments)
        waits.set()

    monkeypatch.setattr(recorder, "when_durable", noted)
    gateway.take(delivery(2), sender)
    await waits.wait()

    assert not sender.outcome.done()
    stalled.release()
    assert (await sender.outcome).status == 200
    await going


async def test_the_end_of_the_server_interrupts_what_is_on_its_way(
    gateway: Gateway, fake_worker: Any, reader: Reader, writer: Writer
) -> None:
    await connect(gateway, 2)
    fake_worker.go_on.clear()
    fake_worker.arrived.clear()
    sender, late = Sender(), Sender()
    passage = gateway.take(delivery(1), sender)
    await fake_worker.arrived.wait()
    not_begun = gateway.take(delivery(2), late)

    passage.cancel(msg="the server stops")
    not_begun.cancel(msg="the server stops")
    writer.close()

    *_, detail = details(reader)
    assert (detail.exchange.state, detail.exchange.status) == (State.INTERRUPTED, None)
    assert detail.attempts[0].error == "The engine was stopped before an answer came."
    assert len(details(reader)) == 3
    assert not sender.outcome.done()


async def test_it_leaves_nothing_for_the_garbage_collector(
    gateway: Gateway, fake_worker: Any
) -> None:
    """Cycles of references would keep the memory of a request from the next one."""
    await connect(gateway)
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            await send(gateway, delivery(number))
        kept = [each for each in gc.get_objects() if isinstance(each, (Passage, Delivery))]
    finally:
        gc.enable()

    assert kept == []
