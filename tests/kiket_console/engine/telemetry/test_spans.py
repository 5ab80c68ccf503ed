"""Spans on their way into a real store."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.telemetry.test_placing import span
from tests.told_spans import told_spans

from kiket_console.engine.recorder import Arrival, Ending, Recorded, Recorder
from kiket_console.engine.telemetry import spans as module
from kiket_console.engine.telemetry.placing import Untold
from kiket_console.engine.telemetry.spans import Spans
from kiket_console.model import Source, State
from kiket_console.store.records import NewSpan

if TYPE_CHECKING:
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_console.telemetry.nouns import Span
    from kiket_core.secret import Redactor


@pytest.fixture
async def spans(recorder: Recorder, writer: Writer, reader: Reader, redactor: Redactor) -> Spans:
    return Spans(recorder, writer, reader, redactor)


async def deliver(recorder: Recorder, **fields: Any) -> Recorded:
    """Record a delivery to `shop` that took a second, from now on."""
    values: dict[str, Any] = {"worker": "shop", "name": "order.created", "headers": ()}
    arrival = Arrival(
        source=Source.WEBHOOK,
        version="v1",
        method="POST",
        path="/",
        raw_body=b"{}",
        **values | fields,
    )
    recorded = await recorder.receive(arrival, target="shop#1")
    await recorder.answered(recorded, Ending(State.FORWARDED, 200, 1_000_000))
    await recorder.durable(recorded)
    return recorded


def told(**fields: Any) -> Untold:
    """Return a span of a trace of its own that `shop` told of, and that began just now."""
    values = {"started_us": time.time_ns() // 1000 + 1000, "span_id": ""}
    return Untold(span(**values | fields), ("shop",))


def stored(reader: Reader) -> list[Span]:
    return told_spans(reader)


async def test_a_span_is_stored_with_the_delivery_of_its_trace(
    recorder: Recorder, spans: Spans, reader: Reader
) -> None:
    delivery = await deliver(recorder)
    mine = told(trace_id=delivery.trace.trace_id)

    assert spans.take([mine, told()]) == 0
    await spans.flush()

    [found] = told_spans(reader, trace_id=delivery.trace.trace_id)
    assert found == replace(mine.span, id=found.id, exchange_id=delivery.id, worker="shop")
    assert [each.guessed for each in told_spans(reader, of=delivery.id)] == [False, True]


async def test_of_two_deliveries_of_a_trace_it_is_the_one_that_called(
    recorder: Recorder, spans: Spans, reader: Reader
) -> None:
    first = await deliver(recorder)
    same = (("traceparent", first.trace.parent("00f067aa0ba902b7")),)
    second = await deliver(recorder, headers=same)

    for each in (first, second):
        spans.take([told(trace_id=first.trace.trace_id, parent_span_id=each.span_id)])
    spans.take([told(trace_id=first.trace.trace_id, parent_span_id="1" * 16)])
    await spans.flush()

    assert [each.exchange_id for each in stored(reader)] == [first.id, second.id, second.id]


async def test_after_a_restart_the_store_knows_the_trace(
    recorder: Recorder,
    writer: Writer,
    reader: Reader,
    redactor: Redactor,
) -> None:
    delivery = await deliver(recorder)
    anew = Recorder(writer, redactor, lambda _: None, lambda _: asyncio.sleep(0))
    spans = Spans(anew, writer, reader, redactor)

    spans.take([Untold(told(trace_id=delivery.trace.trace_id).span)])
    await spans.flush()

    assert [(each.exchange_id, each.guessed) for each in stored(reader)] == [(delivery.id, False)]


async def test_what_is_sent_again_is_stored_once(spans: Spans, reader: Reader) -> None:
    """An exporter that hears no answer in time cannot know that its spans were taken."""
    first, second = told(span_id="1" * 16), told(span_id="2" * 16)

    for each in ([first], [first, second]):
        assert spans.take(each) == 0
    await spans.flush()

    assert [each.span_id for each in stored(reader)] == ["1" * 16, "2" * 16]


async def test_no_secret_is_stored(spans: Spans, reader: Reader, redactor: Redactor) -> None:
    redactor.add("CRM_TOKEN", "s3cr3t-of-the-crm")
    attributes = (
        ("url.full", "https://crm/?key=s3cr3t-of-the-crm"),
        ("http.request.header.authorization", "Bearer of-nobody-we-know"),
        ("db.password", "of-nobody-we-know"),
        ("gen_ai.usage.input_tokens", "512"),
        ("half\ud800", "of a pair\udfff"),
    )
    spans.take(
        [told(name="GET s3cr3t-of-the-crm", message="s3cr3t-of-the-crm", attributes=attributes)]
    )
    await spans.flush()

    [found] = stored(reader)
    assert (found.name, found.message) == ("GET [secret:CRM_TOKEN]", "[secret:CRM_TOKEN]")
    assert found.attributes == (
        ("url.full", "https://crm/?key=[secret:CRM_TOKEN]"),
        ("http.request.header.authorization", "[redacted]"),
        ("db.password", "[redacted]"),
        ("gen_ai.usage.input_tokens", "512"),
        ("half\\ud800", "of a pair\\udfff"),
    )


async def test_what_comes_too_fast_is_dropped_and_counted(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 3)

    assert spans.take(told() for _ in range(5)) == 2
    assert spans.dropped == 2
    await spans.flush()
    large = told(attributes=(("a", "x" * module.WAITING_BYTES),))
    assert (spans.take([large]), spans.dropped) == (1, 3)


async def test_what_is_written_makes_room_again(
    spans: Spans, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0)
    write_some, written = spans._write_some, asyncio.Event()

    async def write() -> None:
        await write_some()
        written.set()

    monkeypatch.setattr(spans, "_write_some", write)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spans.run())
        for _ in range(2):
            spans.take(told() for _ in range(module.BATCH + 1))
            async with asyncio.timeout(120):
                while spans._waiting:
                    written.clear()
                    await written.wait()
        running.cancel()

    assert len(stored(reader)) == 2 * (module.BATCH + 1)
    assert (spans._waiting_bytes, spans.dropped) == (0, 0)


async def test_what_a_store_takes_no_more_at_the_end_is_counted(
    spans: Spans, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_S", 0.05)
    writer.close()

    spans.take([told(), told()])
    await spans.flush()

    assert spans.dropped == 2


async def test_of_what_no_trace_ties_to_a_delivery_so_much_is_kept_in_a_minute(
    recorder: Recorder,
    writer: Writer,
    reader: Reader,
    redactor: Redactor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is tied for certain is always kept; strangers have a ration of their own."""
    cost = NewSpan(span(span_id="")).cost
    monkeypatch.setattr(module, "GUESSED_BYTES", 3 * cost)
    monkeypatch.setattr(module, "STRANGE_BYTES", 2 * cost)
    spans = Spans(recorder, writer, reader, redactor)
    delivery = await deliver(recorder)
    tied = told(trace_id=delivery.trace.trace_id)
    strange = Untold(span(trace_id="c" * 32, started_us=1_000_000, span_id=""))

    spans.take([strange] * 5 + [tied] * 5 + [told()] * 5)
    await spans.flush()

    assert [(each.worker, each.guessed) for each in stored(reader)] == [
        *[("", False)] * 2,
        *[("shop", False)] * 5,
        *[("shop", True)] * 3,
    ]
    assert spans.dropped == 5
    monkeypatch.setattr(module, "MINUTE_S", 0.0)
    spans.take([strange])
    await spans.flush()
    assert spans.dropped == 5


async def test_where_telemetry_is_off_nothing_is_kept(
    recorder: Recorder,
    writer: Writer,
    reader: Reader,
    redactor: Redactor,
) -> None:
    spans = Spans(recorder, writer, reader, redactor, keeps=False)

    assert spans.take([told()]) == 0
    await spans.flush()

    assert stored(reader) == []
