"""What is sent again and what never is, when a worker refuses, breaks, hangs or is replaced."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import holding, replay
from kiket_console.engine.forward import Forwarder
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.platform.envelope import Surroundings
from kiket_console.engine.ports import Delivery, Target
from kiket_console.model import State, WorkerState
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.kiket_console.engine.conftest import RawAnswer

    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader

    RawWorker = Callable[[str, RawAnswer], AbstractAsyncContextManager[None]]

PATIENCE_S = 3600
"""The gateway's limits here: what does not come at once does not come before a test is given up."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def gateway(crew: Any, recorder: Recorder) -> AsyncIterator[Gateway]:
    forwarder = Forwarder(timeout_s=PATIENCE_S)
    yield Gateway(crew, recorder, forwarder, hold_s=PATIENCE_S)
    await forwarder.close()


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what is set once a worker took nothing, and the next one is waited for."""
    event, gone = asyncio.Event(), holding.Holding.gone

    async def told(self: holding.Holding, target: Target) -> bool:
        event.set()
        return await gone(self, target)

    monkeypatch.setattr(holding.Holding, "gone", told)
    monkeypatch.setattr(holding, "NOTICED_S", PATIENCE_S)
    return event


def delivery(number: int = 0, raw_body: bytes = b"{}", limit_s: float | None = None) -> Delivery:
    headers = (("x-kiket-delivery", f"dlv_{number}"),)
    path = "/v/v1/webhooks/x"
    return Delivery(None, "issue.created", "v1", path, headers, raw_body, limit_s=limit_s)


def only(reader: Reader) -> Detail:
    [exchange_id] = reader.ids()
    detail = reader.detail(exchange_id)
    assert detail is not None
    return detail


async def body_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one request; return its head and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if b"content-length:" in line
    ]
    return head, await reader.readexactly(length)


async def test_what_a_worker_did_not_accept_goes_to_the_next_one_as_the_second_attempt(
    gateway: Gateway, fake_worker: Any, crew: Any, reader: Reader, refused: asyncio.Event
) -> None:
    """With the same delivery id; both tries are on record."""
    crew.socket_path += ".gone"
    async with asyncio.TaskGroup() as tasks:
        sent = tasks.create_task(gateway.deliver(delivery(7)))
        await refused.wait()
        crew.state = WorkerState.RELOADING
        await crew.waiting.wait()
        crew.socket_path = str(fake_worker.socket_path)
        crew.become(WorkerState.SERVING)

    assert (sent.result().status, sent.result().state) == (200, State.FORWARDED)
    [seen] = fake_worker.seen
    assert seen.header("x-kiket-delivery") == "dlv_7"
    detail = only(reader)
    assert (detail.exchange.attempts, detail.exchange.status) == (2, 200)
    first, second = detail.attempts
    assert (first.number, first.state, first.status) == (1, State.FAILED, None)
    assert first.error == "marketing#3 did not accept the connection."
    assert (second.number, second.state, second.status, second.error) == (
        2,
        State.FORWARDED,
        200,
        "",
    )


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "not-taken"])
async def test_a_delivery_is_signed_with_what_the_worker_has_that_takes_it(
    gateway: Gateway, fake_worker: Any, crew: Any, refused: asyncio.Event, is_held: bool
) -> None:
    """Between its making and its taking the secret was rotated."""
    crew.webhook_secret = "the-secret-of-yesterday"
    signing = replay.Signing("k0", crew.webhook_secret)
    around = Surroundings("http://127.0.0.1:9", {})
    made = replay.compose("issue.created", "v1", None, signing=signing, surroundings=around)
    crew.socket_path += ".gone"
    if is_held:
        crew.state = WorkerState.STARTING
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.deliver(made))
        if not is_held:
            await refused.wait()
            crew.state = WorkerState.RELOADING
        await crew.waiting.wait()
        crew.webhook_secret = "the-secret-of-today"
        crew.socket_path = str(fake_worker.socket_path)
        crew.become(WorkerState.SERVING)

    [seen] = fake_worker.seen
    assert _signing.verify(["the-secret-of-today"], seen.raw_body, seen.headers).ok


async def test_a_worker_that_accepts_nothing_though_it_serves_is_502(
    gateway: Gateway, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no other one to ask, so that is said at once, not after the time to wait for one."""
    outcome = await gateway.deliver(delivery())

    assert (outcome.status, outcome.state) == (502, State.FAILED)
    assert json.loads(outcome.raw_body) == {
        "error": "marketing#3 did not accept the connection.",
        "exchange": outcome.exchange_id,
    }
    [attempt] = only(reader).attempts
    assert (attempt.error, attempt.status) == ("marketing#3 did not accept the connection.", 502)


async def test_a_second_attempt_that_fails_is_the_last(
    gateway: Gateway, crew: Any, reader: Reader, refused: asyncio.Event
) -> None:
    crew.socket_path += ".gone"
    async with asyncio.TaskGroup() as tasks:
        sent = tasks.create_task(gateway.deliver(delivery()))
        await refused.wait()
        crew.state = WorkerState.RELOADING
        await crew.waiting.wait()
        crew.socket_path += ".too"
        crew.become(WorkerState.SERVING)

    assert sent.result().status == 502
    assert [attempt.number for attempt in only(reader).attempts] == [1, 2]


async def test_a_request_that_a_worker_has_is_never_sent_again_by_itself(
    gateway: Gateway, crew: Any, raw_worker: RawWorker, reader: Reader
) -> None:
    """It may have been acted upon: the sender is told at once, and which exchange it was."""
    seen = 0

    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await body_of(reader)
        seen += 1

    async with raw_worker(crew.socket_path, break_off):
        outcome = await gateway.deliver(delivery())

    assert (outcome.status, outcome.state, seen) == (502, State.FAILED, 1)
    assert outcome.error == (
        "marketing#3 broke the connection before it answered. It may have acted upon exchange "
        f"{outcome.exchange_id}, so that is not sent again by itself."
    )
    [attempt] = only(reader).attempts
    assert attempt.error == "marketing#3 broke the connection before it answered."


WORKER = """\
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
connection, _ = listener.accept()
connection.recv(65536)
print("asked", flush=True)
time.sleep(60)
"""


async def test_a_worker_that_is_killed_in_the_middle_of_a_request_is_502_at_once(
    gateway: Gateway, crew: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "NOTICED_S", PATIENCE_S)
    with subprocess.Popen(  # noqa: ASYNC220 (it takes a millisecond)
        [sys.executable, "-I", "-c", WORKER, crew.socket_path], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"ready\n"
        async with asyncio.TaskGroup() as tasks:
            sent = tasks.create_task(gateway.deliver(delivery()))
            assert await asyncio.to_thread(process.stdout.readline) == b"asked\n"
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            crew.state = WorkerState.BACKOFF  # as the supervisor finds out

    outcome = sent.result()
    assert (outcome.status, outcome.state) == (502, State.FAILED)
    assert f"exchange {outcome.exchange_id}" in outcome.error
    [attempt] = only(reader).attempts
    assert attempt.error == "marketing#3 ended before it answered."


async def test_a_connection_that_a_worker_closed_while_it_was_idle_costs_nothing(
    gateway: Gateway, crew: Any, raw_worker: RawWorker, reader: Reader
) -> None:
    """The request that finds it closed goes over a new one: not a byte of it was taken."""
    seen: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await body_of(reader)
        seen.append(head)
        writer.write(OK)
        await writer.drain()

    async with raw_worker(crew.socket_path, answer_once):
        statuses = [(await gateway.deliver(delivery(number))).status for number in range(20)]

    assert statuses == [200] * 20
    assert len(seen) == 20
    assert {row.attempts for row in reader.page(reader.ids())} == {1}


async def test_a_worker_that_is_replaced_under_load_loses_and_doubles_nothing(
    gateway: Gateway, crew: Any, raw_worker: RawWorker, reader: Reader, own_places: Path
) -> None:
    """64 requests are in flight when the new worker serves: the old one answers what it has."""
    done: list[bytes] = []
    in_flight, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, raw_body = await body_of(reader)
            in_flight.release()
            await go_on.wait()
            done.append(raw_body)
            writer.write(OK)

    async def quick(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            done.append((await body_of(reader))[1])
            writer.write(OK)

    newer = str(own_places / "newer.sock")
    async with (
        raw_worker(crew.socket_path, slow),
        raw_worker(newer, quick),
        asyncio.TaskGroup() as tasks,
    ):
        sent = [tasks.create_task(gateway.deliver(delivery(n, b"%d" % n))) for n in range(64)]
        for _ in range(64):
            await in_flight.acquire()
        crew.socket_path = newer
        sent += [tasks.create_task(gateway.deliver(delivery(n, b"%d" % n))) for n in range(64, 128)]
        await asyncio.gather(*sent[64:])
        go_on.set()
        await asyncio.gather(*sent)

    assert {task.result().status for task in sent} == {200}
    assert sorted(done, key=int) == [b"%d" % number for number in range(128)]
    assert {row.attempts for row in reader.page(reader.ids())} == {1}


async def test_a_worker_that_hangs_is_504_and_its_late_answer_reaches_nobody(
    gateway: Gateway, crew: Any, raw_worker: RawWorker
) -> None:
    late = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, raw_body = await body_of(reader)
            if raw_body == b"slow":
                await late.wait()
            writer.write(OK[:-2] + raw_body[:2])

    async with raw_worker(crew.socket_path, answer):
        slow = await gateway.deliver(delivery(1, b"slow", limit_s=0.2))
        late.set()
        following = [await gateway.deliver(delivery(2, b"%02d" % n)) for n in range(20)]

    assert (slow.status, slow.state) == (504, State.FAILED)
    assert slow.error == "marketing#3 did not answer within 0.2 s."
    assert [outcome.raw_body for outcome in following] == [b"%02d" % n for n in range(20)]


async def test_two_thousand_answers_reach_those_who_asked(raw_worker: RawWorker, crew: Any) -> None:
    """Among workers' answers that come late, twice, broken, or as garbage."""
    late = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, raw_body = await body_of(reader)
            number = int(raw_body)
            said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(raw_body), raw_body)
            if number % 97 == 1:
                await late.wait()
            elif number % 97 == 2:
                said *= 2
            elif number % 97 == 3:
                said = b"\x16\x03\x01 garbage\r\n\r\n"
            elif number % 97 == 4:
                said = said[:-1]
            writer.write(said)
            if number % 97 == 4:
                return

    async def ask(number: int) -> str:
        raw_body = b"%d" % number
        limit_s = 0.05 if number % 97 == 1 else PATIENCE_S
        try:
            answer = await forwarder.forward(target, "POST", "/", (), raw_body, timeout_s=limit_s)
        except Exception as error:
            return type(error).__name__
        return "own" if answer.raw_body == raw_body else "another's"

    async def some(numbers: range) -> list[str]:
        return [await ask(number) for number in numbers]

    forwarder = Forwarder(timeout_s=PATIENCE_S)
    target = Target("marketing", "marketing#3", crew.socket_path)
    async with raw_worker(crew.socket_path, answer), asyncio.TaskGroup() as tasks:
        parts = [tasks.create_task(some(range(at, 2_000, 40))) for at in range(40)]
        await asyncio.wait(parts)
        late.set()
        await forwarder.close()

    got = [parts[number % 40].result()[number // 40] for number in range(2_000)]
    expected = ["NoAnswerError" if number % 97 in {1, 3, 4} else "own" for number in range(2_000)]
    assert got == expected


async def test_what_waits_for_a_worker_keeps_its_place(gateway: Gateway, crew: Any) -> None:
    """Who is first in the queue of a worker is its first request."""
    crew.state = WorkerState.STARTING
    place = gateway._holding
    async with asyncio.TaskGroup() as tasks:
        with place.place("marketing"):
            waiting = tasks.create_task(place.wait("marketing"))
            await crew.waiting.wait()
            crew.become(WorkerState.SERVING)
            behind = place.target("marketing")
            taken = await waiting

    assert behind is None
    assert taken == crew.serving("marketing")
    assert place.target("marketing") == taken


async def test_a_worker_that_still_serves_is_not_gone(
    crew: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "NOTICED_S", 0.05)
    held = holding.Holding(crew)
    target = crew.serving("marketing")

    assert not await held.gone(target)
    crew.socket_path += ".newer"
    assert await held.gone(target)
