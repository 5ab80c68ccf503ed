from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console.engine import commit_teller, parentage
from kiket_console.engine.commit_teller import CommitTeller
from kiket_console.engine.recorder import Arrival, Ending, Recorder
from kiket_console.model import Source, State
from kiket_console.store.records import NewLog
from kiket_console.store.writer import StoreBusyError, StoreFailedError, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.model import Headers
    from kiket_console.store.reader import Reader
    from kiket_core.secret import Redactor

PATIENCE_S = 120
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED: Headers = (("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),)


def webhook(headers: Headers = (), raw_body: bytes = b"{}", **fields: Any) -> Arrival:
    arrival = Arrival(
        Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/x", headers, raw_body
    )
    return replace(arrival, **fields)


OK = Ending(State.FORWARDED, 200, 900, answer=((), b"ok"))


async def test_what_is_durable_is_in_the_store_with_its_answer(
    recorder: Recorder, reader: Reader
) -> None:
    recorded = await recorder.receive(webhook(), target="marketing#3")
    await recorder.answered(recorded, OK)
    await recorder.durable(recorded)

    detail = reader.detail(recorded.id)
    assert detail is not None
    assert (detail.exchange.state, detail.exchange.status) == (State.FORWARDED, 200)
    assert detail.exchange.trace_id == recorded.trace.trace_id
    assert detail.attempts[0].target == "marketing#3"
    assert detail.attempts[0].answer is not None
    assert detail.attempts[0].answer.body.raw == b"ok"


async def test_an_attempt_ends_once(
    writer: Writer, reader: Reader, redactor: Redactor, recorder: Recorder
) -> None:
    """Who is cancelled while waiting for the store says that it was interrupted."""
    ended: list[Ending] = []
    told = Recorder(
        writer, redactor, lambda _: None, recorder._value_of, lambda _, end: ended.append(end)
    )
    recorded = await told.receive(webhook(), target="marketing#3")
    await told.answered(recorded, OK)
    await told.answered(recorded, Ending(State.INTERRUPTED, None, 900))
    await told.durable(recorded)

    found = reader.exchange(recorded.id)
    assert found is not None
    assert (found.state, ended) == (State.FORWARDED, [OK])


async def test_ids_rise_in_the_order_of_arrival_and_go_on_after_a_restart(
    recorder: Recorder, writer: Writer, store: Path, redactor: Redactor
) -> None:
    first = [await recorder.receive(webhook()) for _ in range(3)]
    for each in first:
        await recorder.durable(each)
    writer.close()

    again = Writer(store)
    fourth = await Recorder(again, redactor, lambda _: None, recorder._value_of).receive(webhook())
    again.close()

    assert [each.id for each in first] == [1, 2, 3]
    assert fourth.id == 4


async def test_commits_are_told_on_the_event_loop(recorder: Recorder, commits: Any) -> None:
    recorded = await recorder.receive(webhook())
    await recorder.durable(recorded)
    await commits.until(lambda newest: newest.newest_exchange == recorded.id)


async def test_a_store_that_is_behind_refuses_and_the_id_is_not_lost(
    recorder: Recorder, stall: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiket_console.store.intake.QUEUE_ROWS", 1)
    stalled = stall()
    await recorder.receive(webhook())
    await stalled.reached()
    second = await recorder.receive(webhook())

    with pytest.raises(StoreBusyError):
        await recorder.receive(webhook())
    stalled.release()
    await recorder.durable(second)
    third = await recorder.receive(webhook())

    assert third.id == second.id + 1


async def test_durable_fails_when_either_half_failed(recorder: Recorder, writer: Writer) -> None:
    """An answer cannot be in the store without its exchange, even if a later commit went well."""
    recorder._newest_id = 0
    first = await recorder.receive(webhook(), target="marketing#1")
    await recorder.durable(first)
    recorder._newest_id = 0  # the same id again: this commit fails
    second = await recorder.receive(webhook(), target="marketing#1")
    with pytest.raises(StoreFailedError):
        await recorder.durable(second)
    with pytest.raises(StoreFailedError):
        await recorder.answered(second, OK)
    with pytest.raises(StoreFailedError):
        await recorder.durable(second)
    assert writer.trouble == ""


async def test_the_senders_trace_is_kept_and_a_call_in_it_is_a_child(recorder: Recorder) -> None:
    delivery = await recorder.receive(webhook(TRACED))
    other = await recorder.receive(webhook())

    parent = recorder.parent(TRACED)

    assert delivery.trace.trace_id == TRACE
    assert parent is not None
    assert (parent.exchange_id, parent.guessed) == (delivery.id, False)
    assert recorder.by_trace(other.trace.trace_id) == other.id


@pytest.mark.parametrize(
    "sent",
    [
        "garbage",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
    ],
)
async def test_a_trace_that_is_none_is_replaced(recorder: Recorder, sent: str) -> None:
    recorded = await recorder.receive(webhook((("traceparent", sent),)))

    assert recorded.trace.trace_id != TRACE
    assert len(recorded.trace.trace_id) == 32


async def test_a_call_without_a_trace_belongs_to_the_only_delivery_in_flight(
    recorder: Recorder,
) -> None:
    assert recorder.parent(()) is None
    first = await recorder.receive(webhook())
    guessed = recorder.parent(())
    second = await recorder.receive(webhook())
    ambiguous = recorder.parent(())
    await recorder.answered(first, OK)
    left = recorder.parent(())

    assert guessed is not None
    assert (guessed.exchange_id, guessed.guessed) == (first.id, True)
    assert ambiguous is None
    assert left is not None
    assert left.exchange_id == second.id


async def test_a_call_with_a_foreign_trace_has_no_parent(recorder: Recorder) -> None:
    await recorder.receive(webhook())

    assert recorder.parent(TRACED) is None


async def test_only_the_newest_traces_are_remembered(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parentage, "KNOWN", 2)
    recorded = [await recorder.receive(webhook()) for _ in range(3)]

    assert [recorder.by_trace(each.trace.trace_id) for each in recorded] == [None, 2, 3]


async def test_credentials_in_headers_are_masked_and_the_rest_is_kept_in_order(
    recorder: Recorder, reader: Reader
) -> None:
    headers = (("B", "1"), ("Authorization", "Bearer abcdefgh"), ("a", "2"), ("B", "3"))
    recorded = await recorder.receive(webhook(headers))
    await recorder.durable(recorded)

    detail = reader.detail(recorded.id)

    assert detail is not None
    assert detail.request.headers == (
        ("B", "1"),
        ("Authorization", "Bearer [redacted]"),
        ("a", "2"),
        ("B", "3"),
    )


async def test_no_secret_reaches_the_file(
    recorder: Recorder, writer: Writer, redactor: Redactor, store: Path, reader: Reader, values: Any
) -> None:
    """Bodies, headers, paths, answers, errors and log lines, in the database and its log."""
    canary = "canary-9f8e7d6c5b4a"
    values.by_name["CANARY"] = canary
    redactor.add("CANARY", canary)
    raw = f'{{"a":"{canary}"}}'.encode()
    recorded = await recorder.receive(
        webhook((("x-other", canary),), raw, path=f"/x?key={canary}"), target="marketing#1"
    )
    ending = Ending(State.FAILED, 502, 1, f"It said {canary}.", ((("x", canary),), raw * 9000))
    await recorder.answered(recorded, ending)
    recorder.log(NewLog(1, "marketing", "stdout", "", canary, f"printing {canary}"))
    recorder.flush()
    await recorder.durable(recorded)

    detail = reader.detail(recorded.id)
    writer.close()

    files = {file.name: file.read_bytes() for file in store.parent.glob("store*")}
    assert [name for name, content in files.items() if canary.encode() in content] == []
    assert any(b"[secret:CANARY]" in content for content in files.values())
    assert detail is not None
    assert await recorder.original_body(detail) == raw


async def test_a_log_line_finds_its_exchange_by_trace(
    recorder: Recorder, reader: Reader, writer: Writer
) -> None:
    recorded = await recorder.receive(webhook(TRACED))
    recorder.log(NewLog(1, "marketing", "stdout", "", "", "with", TRACE))
    recorder.log(NewLog(2, "marketing", "stdout", "", "", "without"))
    recorder.flush()
    writer.close()

    assert [line.exchange_id for line in reader.log_page([1, 2])] == [recorded.id, None]


async def test_who_looks_at_commits_is_told_of_the_newest_and_not_of_each(
    recorder: Recorder, writer: Writer, commits: Any
) -> None:
    """A screen that shows them costs the same however many there are."""
    told = 0
    real = writer.on_commit
    assert real is not None

    def counted(committed: Any) -> None:
        nonlocal told
        told += 1
        real(committed)

    writer.on_commit = CommitTeller(counted).committed
    before = writer.commits
    began_s = asyncio.get_running_loop().time()
    for number in range(1, 101):
        recorded = await recorder.receive(webhook())
        await recorder.durable(recorded)
        assert recorded.id == number
    await commits.until(lambda newest: newest.newest_exchange == 100)

    took_s = asyncio.get_running_loop().time() - began_s
    assert writer.commits - before == 100
    assert told <= took_s * commit_teller.PER_S + 2
