"""What modules say is taken down, without secrets, in order, bounded, and never waited for."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kiket_console.engine.orchestrator import tape as module
from kiket_console.engine.orchestrator.ports import Frame
from kiket_console.engine.orchestrator.tape import RecordedTape
from kiket_console.engine.recorder import Arrival
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import Source, State

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor


@pytest.fixture
def tape(recorder: Recorder) -> RecordedTape:
    return RecordedTape(recorder)


def frame(op: str, direction: Direction = Direction.OUT, **facts: Any) -> Frame:
    """Return a frame of module `search`; facts that are no field of it are its message's keys."""
    names = {"raw": "raw", "kind": "kind", "carried": "headers", "module": "module"}
    own = {names[name]: facts.pop(name) for name in names if name in facts}
    raw = json.dumps({"op": op, **facts}, separators=(",", ":")).encode()
    made = Frame("search", "search#3", Channel.STDIO, direction, raw, op, Kind.REQUEST)
    return replace(made, **own)


def kept(writer: Writer, reader: Reader, recorder: Recorder, exchange_id: int | None) -> Detail:
    """Return what the store has of an exchange once all that was said is in it."""
    recorder.flush()
    writer.submit([]).result(120)
    assert exchange_id is not None
    detail = reader.detail(exchange_id)
    assert detail is not None
    return detail


async def test_a_request_and_its_reply_are_one_exchange(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    asked = frame("port_request", request_id="p-1", specific_port=None)
    told = frame("port_response", Direction.IN, request_id="p-1", success=True, port=8123)

    exchange_id = tape.request(asked)
    tape.reply(exchange_id, told)

    found = kept(writer, reader, recorder, exchange_id)
    row = found.exchange
    assert (row.source, row.worker, row.name) == (Source.IPC, "search", "port_request")
    assert (row.kind, row.direction, row.channel) == ("req", "out", "stdio")
    assert (row.state, row.status, row.attempts) == (State.FORWARDED, None, 1)
    assert row.duration_us is not None
    assert found.request.body.raw == asked.raw
    [attempt] = found.attempts
    assert attempt.target == "orchestrator"
    assert attempt.answer is not None
    assert attempt.answer.body.raw == told.raw


async def test_a_message_that_names_its_trace_is_of_it_and_so_is_what_it_causes(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    """What its module logs of that trace is its, then."""
    named = frame("routed_module_message", Direction.IN, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")

    exchange_id = tape.request(named)

    assert kept(writer, reader, recorder, exchange_id).exchange.trace_id == "a" * 32
    assert recorder.by_trace("a" * 32, "search") == exchange_id
    assert (tape.traceparent(exchange_id) or "").startswith(f"00-{'a' * 32}-")
    assert tape.traceparent(None) is None


async def test_what_is_pending_is_seen_as_such_and_a_failure_says_why(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    exchange_id = tape.request(frame("http_request", Direction.IN, request_id="h-1"))

    pending = kept(writer, reader, recorder, exchange_id)
    assert pending.exchange.state is State.RECEIVED
    assert pending.attempts[0].target == "search#3"

    tape.reply(exchange_id, None, state=State.FAILED, error="search ended before it answered.")
    tape.reply(exchange_id, frame("late"))  # nothing comes of a second end

    failed = kept(writer, reader, recorder, exchange_id)
    assert failed.exchange.state is State.FAILED
    assert failed.attempts[0].error == "search ended before it answered."
    assert failed.attempts[0].answer is None


async def test_http_that_modules_answer_counts_as_what_the_project_does(recorder: Recorder) -> None:
    told: list[bool] = []
    tape = RecordedTape(recorder, lambda _, failed: told.append(failed))

    for status in (200, 404):
        tape.reply(tape.request(frame("http_request", Direction.IN)), frame("a"), status=status)
    late = tape.request(frame("http_request", Direction.IN))
    tape.reply(late, None, state=State.FAILED, error="search did not answer within 30 s.")
    tape.reply(tape.request(frame("service_request")), frame("service_response"))

    assert told == [False, True, True]


async def test_what_nobody_answers_is_over_at_once_and_stray_output_is_marked(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    told = tape.lone(frame("announce", kind=Kind.NOTIFICATION), replay_of=7, edited=True)
    stray = tape.lone(frame("stray output", raw=b"hi\xff", kind=Kind.INVALID))

    found = kept(writer, reader, recorder, stray)
    assert (found.exchange.state, found.exchange.kind) == (State.REJECTED, "invalid")
    assert found.request.body.raw == b"hi\xff"
    announced = kept(writer, reader, recorder, told).exchange
    assert (announced.state, announced.attempts) == (State.FORWARDED, 0)
    assert (announced.replay_of, announced.edited) == (7, True)


@pytest.mark.parametrize("value", ["hunter2 and more", "abc"])
async def test_a_secrets_value_never_reaches_the_store(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader, value: str, store: Path
) -> None:
    """Also one that is too short for the registry of secrets, and the token of a channel."""
    init = tape.lone(frame("init", Direction.IN, auth_token="t0ken-" + value))
    asked = tape.request(frame("get_secret", name="KEY"))
    tape.reply(asked, frame("secret", Direction.IN, name="KEY", value=value))

    answer = kept(writer, reader, recorder, asked).attempts[0].answer
    assert answer is not None
    assert answer.body.raw == b'{"op":"secret","name":"KEY","value":"[secret:KEY]"}'
    begun = kept(writer, reader, recorder, init)
    assert begun.request.body.raw == b'{"op":"init","auth_token":"[secret:auth_token]"}'
    writer.close()
    assert b"t0ken-" not in await asyncio.to_thread(store.read_bytes)


async def test_a_secret_among_the_numbers_of_a_body_is_cut_out_too(
    tape: RecordedTape,
    recorder: Recorder,
    writer: Writer,
    reader: Reader,
    redactor: Redactor,
) -> None:
    redactor.add("KEY", "s3cr3t-value")
    body = list(b'{"key":"s3cr3t-value"}')

    exchange_id = tape.request(frame("http_request", Direction.IN, request_id="h", body=body))

    found = kept(writer, reader, recorder, exchange_id).request.body
    assert b"34,58,34,[secret:KEY],34,125" in found.raw
    assert found.references[0].name == "KEY"


async def test_http_in_a_message_has_headers_and_its_credentials_are_left_out(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    headers = {"authorization": "Bearer abc.def", "x-page": "2"}
    asked = tape.request(frame("http_request", Direction.IN, request_id="h", headers=headers))
    content = {"request_id": "h", "status_code": 200, "headers": {"set-cookie": "of=the-far-end"}}
    tape.reply(asked, frame("http_response", raw=json.dumps({"content": content}).encode()))

    found = kept(writer, reader, recorder, asked)
    assert found.request.headers == (("authorization", "Bearer [redacted]"), ("x-page", "2"))
    assert b"abc.def" not in found.request.body.raw
    answer = found.attempts[0].answer
    assert answer is not None
    assert answer.headers == (("set-cookie", "[redacted]"),)
    assert b"the-far-end" not in answer.body.raw


async def test_what_a_module_asks_while_it_is_asked_is_a_part_of_that(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    outer = tape.request(frame("http_request", Direction.IN, request_id="h"))
    inner = tape.request(frame("service_request", id="s"))
    told = tape.request(
        frame("routed_module_message", Direction.IN, module="billing"), parent=inner
    )
    tape.reply(outer, frame("http_response"))
    after = tape.request(frame("service_request", id="t"))

    first, second, third, fourth = (
        kept(writer, reader, recorder, each).exchange for each in (outer, inner, told, after)
    )
    assert (second.parent_id, second.parent_guessed) == (first.id, True)
    assert (third.parent_id, third.parent_guessed) == (second.id, False)
    assert first.trace_id == second.trace_id == third.trace_id
    assert fourth.parent_id is None


async def test_a_request_that_carries_a_deliverys_trace_is_a_part_of_the_delivery(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    arrival = Arrival(Source.WEBHOOK, "marketing", "e", "v1", "POST", "/", (), b"{}")
    delivery = await recorder.receive(arrival, target="marketing#1")
    carried = {"traceparent": delivery.trace.parent(delivery.span_id)}

    asked = tape.request(frame("http_request", Direction.IN, carried=tuple(carried.items())))
    log_of = recorder.by_trace(delivery.trace.trace_id)

    found = kept(writer, reader, recorder, asked).exchange
    assert (found.parent_id, found.parent_guessed) == (delivery.id, False)
    assert log_of == delivery.id


@pytest.mark.parametrize("wrapper", [b"%s", b'{"id":"i","content":%s,"metadata":{}}'])
async def test_a_message_that_names_a_trace_is_a_part_of_that_request_whatever_else_is_under_way(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader, wrapper: bytes
) -> None:
    """Modules of ours name it: one that answers several requests at once is not guessed about."""
    trace = f"00-{'4b' * 16}-{'1' * 16}-01"
    first = tape.request(
        frame("http_request", Direction.IN, request_id="a", headers={"traceparent": trace})
    )
    tape.request(frame("http_request", Direction.IN, request_id="b"))
    raw = b'{"op":"get_secret","name":"K","traceparent":"%s"}' % trace.encode()
    asked = tape.request(frame("get_secret", raw=wrapper % raw))

    found = kept(writer, reader, recorder, asked).exchange
    assert (found.parent_id, found.parent_guessed) == (first, False)
    assert found.trace_id == "4b" * 16


async def test_past_its_bounds_messages_are_dropped_and_counted_and_replies_lose_their_bodies(
    tape: RecordedTape, recorder: Recorder, writer: Writer, reader: Reader
) -> None:
    asked = tape.request(frame("service_request", id="s"))
    large = b"x" * (module.RAW_BYTES // 2)
    others = [
        tape.lone(frame("stray output", raw=large, kind=Kind.INVALID)),
        tape.lone(frame("stray output", raw=large, kind=Kind.INVALID)),
        tape.request(frame("service_request", id="t")),
    ]
    tape.reply(asked, frame("service_response", Direction.IN, raw=large))
    tape.reply(others[-1], frame("service_response", Direction.IN))

    assert others[1] is None
    assert tape.dropped == 2
    found = kept(writer, reader, recorder, asked)
    assert found.exchange.state is State.FORWARDED
    answer = found.attempts[0].answer
    assert answer is not None
    assert (answer.body.truncated, answer.body.size) == (True, len(large))
    assert tape.lone(frame("announce")) is not None  # what was written waits no longer


async def test_a_request_that_nobody_concludes_is_given_up_when_many_follow(
    tape: RecordedTape,
    recorder: Recorder,
    writer: Writer,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPEN", 1)

    first, _ = (tape.request(frame("service_request", id=each)) for each in "ab")

    assert kept(writer, reader, recorder, first).exchange.state is State.FAILED
