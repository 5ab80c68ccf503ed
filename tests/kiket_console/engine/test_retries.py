"""Deliveries that are tried again, with a real store and a real worker behind them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console import decision
from kiket_console.contract import Contract
from kiket_console.engine import aftermath, retries
from kiket_console.engine.curator import Curator
from kiket_console.engine.forward import Forwarder
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.retries import Retries
from kiket_console.engine.secret_uses import SecretUses
from kiket_console.engine.sender import Sender
from kiket_console.engine.terms import Terms
from kiket_console.engine.token_judging import TokenJudge
from kiket_console.errors import ConsoleError
from kiket_console.model import Retry, State, WorkerState
from kiket_console.store.records import SetRetry
from kiket_console.store.writer import StoreFailedError, Writer
from kiket_console.wire import Event, PlatformSettings
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail, Exchange
    from kiket_console.store.reader import Reader
    from kiket_core.secret import Redactor

QUICK = 100_000.0
SLOW = 1.0
PATIENCE_S = 120


class Disk:
    """Where the store is; it can be full."""

    is_full = False

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        disk = self

        class OnDisk(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql == "COMMIT" and disk.is_full:
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, *values)

        connection: sqlite3.Connection = sqlite3.connect(*args, factory=OnDisk, **options)
        return connection


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def writer(store: Path, disk: Disk) -> Iterator[Writer]:
    writer = Writer(store, connect=disk.connect)
    yield writer
    disk.is_full = False
    writer.close()


class Platform:
    """A gateway, what it tries again, and how to send to it."""

    def __init__(self, parts: dict[str, Any], speed: float) -> None:
        self.parts = parts
        self.reader: Reader = parts["reader"]
        self.forwarder = Forwarder(timeout_s=PATIENCE_S)
        self.gateway = Gateway(
            parts["workers"],
            parts["recorder"],
            self.forwarder,
            retry_speed=speed,
            on_outcome=self._ended,
        )
        names = ("workers", "terms", "recorder", "reader", "writer")
        self.retries = Retries(self.gateway, **{name: parts[name] for name in names})
        self.sender = Sender(
            deliver=self.gateway.deliver,
            vault=parts["values"],
            tokens=TokenJudge(parts["tokens"].jwks),
            retries=self.retries,
            uses=SecretUses(lambda _: 0),
            **{
                name: parts[name] for name in ("workers", "recorder", "reader", "terms", "redactor")
            },
        )

    def _ended(self, outcome: Any) -> None:
        if outcome.next_try_us:
            self.retries.plan(outcome.exchange_id, outcome.next_try_us)

    async def send(self, event: str = "issue.created", **changes: Any) -> int:
        values: dict[str, Any] = {"retry": True, "raw_payload": b'{"n": 1}'} | changes
        return (await self.sender.trigger(Event(event, "v1", **values))).exchange_id

    def exchange(self, exchange_id: int) -> Exchange:
        return self.reader.known(exchange_id).exchange

    async def until(self, exchange_id: int, retry: str) -> Exchange:
        """Wait until a delivery's newest attempt has ended, and this follows from it."""

        def has_ended() -> bool:
            found = self.exchange(exchange_id)
            return found.state is not State.RECEIVED and found.retry == retry

        await self.parts["commits"].until(lambda _: has_ended())
        return self.exchange(exchange_id)


@pytest.fixture
async def parts(
    crew: Any,
    recorder: Recorder,
    reader: Reader,
    writer: Writer,
    values: Any,
    redactor: Redactor,
    commits: Any,
    own_places: Path,
) -> dict[str, Any]:
    async def settings() -> PlatformSettings:
        return PlatformSettings(granted_scopes=("issues.read",))

    crew.moved.set()  # nobody waits for its worker
    tokens = RuntimeTokens(own_places / "key.pem")
    terms = Terms(crew, values, tokens, "http://127.0.0.1:9", settings)
    found = {"workers": crew, "recorder": recorder, "reader": reader, "writer": writer}
    return {
        **found,
        "values": values,
        "redactor": redactor,
        "terms": terms,
        "tokens": tokens,
        "commits": commits,
    }


@contextlib.asynccontextmanager
async def running(parts: dict[str, Any], speed: float = QUICK) -> AsyncIterator[Platform]:
    platform = Platform(parts, speed)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(platform.retries.run())
        try:
            yield platform
        finally:
            platform.retries.close()
    await platform.forwarder.close()


async def test_what_fails_is_tried_until_it_succeeds_as_one_delivery(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 503

    async def recover() -> None:
        while len(fake_worker.seen) < 3:
            fake_worker.arrived.clear()
            await fake_worker.arrived.wait()
        fake_worker.status = 200

    async with running(parts) as platform, asyncio.TaskGroup() as tasks:
        tasks.create_task(recover())
        found = await platform.until(await platform.send(), Retry.NONE)

    detail = platform.reader.known(found.id)
    assert (found.state, found.status, found.next_try_us) == (State.FORWARDED, 200, 0)
    assert found.attempts == len(detail.attempts) == len(fake_worker.seen)
    assert [each.number for each in detail.attempts] == list(range(1, found.attempts + 1))
    assert [each.status for each in detail.attempts][-1] == 200
    assert list(platform.reader.ids()) == [found.id], "one delivery, whatever its attempts"


async def test_each_attempt_is_signed_anew_under_the_deliverys_own_id(
    parts: dict[str, Any], fake_worker: Any, crew: Any
) -> None:
    fake_worker.status = 500
    async with running(parts) as platform:
        await platform.until(await platform.send(dialect="k1"), Retry.GIVEN_UP)

    seen = fake_worker.seen
    assert len(seen) == 1 + len(aftermath.WAITS_S)
    assert len({each.header("x-kiket-delivery") for each in seen}) == 1
    for each in seen:
        verdict = _signing.verify(crew.secrets, each.raw_body, each.headers)
        assert (verdict.ok, verdict.dialect) == (True, "k1")


async def test_each_attempt_has_a_runtime_token_of_its_own_and_the_same_event(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts) as platform:
        await platform.until(await platform.send(), Retry.GIVEN_UP)

    bodies = [json.loads(each.raw_body) for each in fake_worker.seen]
    tokens = [body["authentication"]["runtime_token"] for body in bodies]
    assert len(set(tokens)) == len(bodies)
    for token, seen in zip(tokens, fake_worker.seen, strict=True):
        claims = parts["tokens"].read(token)
        assert claims is not None
        assert (claims.delivery_id, claims.scopes) == (
            seen.header("x-kiket-delivery"),
            ("issues.read",),
        )
    assert {body["n"] for body in bodies} == {1}


async def test_after_the_last_of_the_schedule_it_is_given_up(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 429
    async with running(parts) as platform:
        found = await platform.until(await platform.send(), Retry.GIVEN_UP)

    assert (found.attempts, found.status, found.next_try_us) == (7, 429, 0)
    assert platform.reader.waiting() == []


async def test_what_waits_says_when_the_next_attempt_comes(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        before_us = time.time_ns() // 1000
        found = platform.exchange(await platform.send())
        after_us = time.time_ns() // 1000

    assert (found.state, found.status, found.retry) == (State.FORWARDED, 500, Retry.WAITING)
    assert before_us + 30_000_000 <= found.next_try_us <= after_us + 30_000_000


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 413])
async def test_what_would_fail_again_is_not_tried_again(
    parts: dict[str, Any], fake_worker: Any, status: int
) -> None:
    fake_worker.status = status
    async with running(parts) as platform:
        found = platform.exchange(await platform.send())

    assert (found.retry, found.attempts, found.next_try_us) == (Retry.NONE, 1, 0)


async def test_a_person_who_does_not_ask_for_it_gets_one_attempt(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts) as platform:
        found = platform.exchange(await platform.send(retry=None))

    assert (found.retry, found.attempts) == (Retry.NONE, 1)


async def test_a_guard_is_not_tried_again_for_it_has_decided(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts) as platform:
        found = platform.exchange(await platform.send(decision.GUARD))

    assert (found.retry, found.attempts, found.decision) == (Retry.NONE, 1, decision.DENY)


async def test_a_guard_that_nobody_waits_for_decides_nothing_and_is_tried_again(
    parts: dict[str, Any], fake_worker: Any, crew: Any
) -> None:
    crew.terms = Contract(is_required=False)
    fake_worker.status = 500
    async with running(parts) as platform:
        found = await platform.until(await platform.send(decision.GUARD), Retry.GIVEN_UP)

    assert (found.attempts, found.decision) == (7, "")


async def test_a_guards_answer_is_decided_upon_when_it_comes(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.chunks = [b'{"status": "pending", "message": "Ask QA."}']
    async with running(parts) as platform:
        exchange_id = await platform.send(decision.GUARD, retry=None)

    detail = platform.reader.known(exchange_id)
    assert detail.exchange.decision == decision.PENDING
    found = decision.decide(detail)
    assert found is not None
    assert (found.word, found.message) == (decision.PENDING, "Ask QA.")


async def test_no_answer_within_the_manifests_time_is_tried_again(
    parts: dict[str, Any], fake_worker: Any, crew: Any
) -> None:
    crew.terms = Contract(limit_s=0.05)
    fake_worker.go_on.clear()
    async with running(parts, SLOW) as platform:
        found = platform.exchange(await platform.send())
        fake_worker.go_on.set()

    detail = platform.reader.known(found.id)
    assert (found.state, found.status, found.retry) == (State.FAILED, 504, Retry.WAITING)
    assert detail.attempts[0].error == "marketing#3 did not answer within 0.05 s."


async def test_a_person_can_do_without_the_next_attempt(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        exchange_id = await platform.send()
        cancelled = await platform.retries.cancel([exchange_id, exchange_id, 99])
        found = platform.exchange(exchange_id)
        with pytest.raises(ConsoleError, match="None of these deliveries waits"):
            await platform.retries.cancel([exchange_id])

    assert cancelled.ids == (exchange_id,)
    assert (found.retry, found.next_try_us) == (Retry.CANCELLED, 0)
    assert platform.reader.waiting() == []


async def test_an_attempt_under_way_is_the_last_one_when_it_is_cancelled(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform, asyncio.TaskGroup() as tasks:
        exchange_id = await platform.send()
        fake_worker.go_on.clear()
        fake_worker.arrived.clear()
        trying = tasks.create_task(platform.retries.now(exchange_id))
        await fake_worker.arrived.wait()
        with pytest.raises(ConsoleError, match="An attempt at delivery 1 is under way"):
            await platform.retries.now(exchange_id)
        await platform.retries.cancel([exchange_id])
        fake_worker.go_on.set()
        result = await trying
        found = platform.exchange(exchange_id)

    assert (result.retry, result.next_try_us) == (Retry.CANCELLED, 0)
    assert (found.attempts, found.retry, found.next_try_us) == (2, Retry.CANCELLED, 0)


async def test_what_is_cancelled_while_it_waits_for_its_turn_is_not_sent_any_more(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        ids = [await platform.send() for _ in range(retries.AT_ONCE + 1)]
        fake_worker.go_on.clear()
        for each in ids:
            platform.retries.plan(each, each)
        while len(fake_worker.seen) < len(ids) + retries.AT_ONCE:
            fake_worker.arrived.clear()
            await fake_worker.arrived.wait()
        await platform.retries.cancel([ids[-1]])
        fake_worker.go_on.set()
        found = await platform.until(ids[-1], Retry.CANCELLED)

    assert found.attempts == 1
    assert len(fake_worker.seen) == len(ids) + retries.AT_ONCE


async def test_a_person_can_have_the_next_attempt_at_once(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        exchange_id = await platform.send()
        first = platform.exchange(exchange_id).next_try_us
        result = await platform.retries.now(exchange_id)
        second = platform.exchange(exchange_id)
        fake_worker.status = 200
        await platform.retries.cancel([exchange_id])
        good = await platform.retries.now(exchange_id)
        with pytest.raises(ConsoleError, match="Delivery 1 is none that is tried again"):
            await platform.retries.now(exchange_id)

    assert (result.status, result.retry) == (500, Retry.WAITING)
    assert second.next_try_us > first, "the second wait is longer"
    assert (good.ok, platform.exchange(exchange_id).attempts) == (True, 3)


async def test_what_waits_outlives_the_engine(parts: dict[str, Any], fake_worker: Any) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as first:
        exchange_id = await first.send()
    assert first.exchange(exchange_id).retry == Retry.WAITING
    await asyncio.wrap_future(
        parts["writer"].submit([SetRetry(exchange_id, Retry.WAITING.value, 1)])
    )
    fake_worker.status = 200
    async with running(parts, SLOW) as second:
        found = await second.until(exchange_id, Retry.NONE)

    assert (found.attempts, found.status) == (2, 200)


async def test_what_comes_due_while_it_is_removed_is_tried_once_it_is_back(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        curator = Curator(
            parts["writer"], platform.reader, str, on_restored=platform.retries.plan_waiting
        )
        removed, other = await platform.send(), await platform.send()
        due = [SetRetry(each, Retry.WAITING.value, each) for each in (removed, other)]
        await asyncio.wrap_future(parts["writer"].submit(due))
        await curator.remove([removed])
        fake_worker.status = 200
        for each in (removed, other):
            platform.retries.plan(each, each)
        await platform.until(other, Retry.NONE)
        assert len(fake_worker.seen) == 3, "what is removed is not sent"
        await curator.restore([removed])
        found = await platform.until(removed, Retry.NONE)

    assert (found.status, found.attempts) == (200, 2)


async def test_of_many_that_come_due_at_once_few_are_read_and_none_is_begun_after_the_end(
    parts: dict[str, Any], fake_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a night in which the engine did not run."""
    fake_worker.status = 500
    read: list[int] = []
    async with running(parts, SLOW) as platform:
        ids = [await platform.send() for _ in range(3 * retries.AT_ONCE)]
        detail = platform.reader.detail

        def noted(exchange_id: int) -> Detail | None:
            read.append(exchange_id)
            return detail(exchange_id)

        monkeypatch.setattr(platform.reader, "detail", noted)
        fake_worker.go_on.clear()
        sent = len(fake_worker.seen)
        for each in ids:
            platform.retries.plan(each, each)
        while len(fake_worker.seen) < sent + retries.AT_ONCE:
            fake_worker.arrived.clear()
            await fake_worker.arrived.wait()
        assert read == ids[: retries.AT_ONCE], "the others only wait for their turn"
        platform.retries.close()
        fake_worker.go_on.set()

    assert len(fake_worker.seen) == sent + retries.AT_ONCE
    assert {platform.exchange(each).retry for each in ids} == {Retry.WAITING}
    assert [platform.exchange(each).attempts for each in ids] == [2] * 5 + [1] * 10


async def test_what_comes_due_while_nothing_can_be_recorded_is_tried_once_it_can(
    parts: dict[str, Any], fake_worker: Any, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is as it was: it still waits there; and nobody has to restart the engine."""
    monkeypatch.setattr(retries, "POSTPONED_S", 0.01)
    fake_worker.status = 503
    async with running(parts, SLOW) as platform:
        exchange_id = await platform.send()
        disk.is_full = True
        fake_worker.arrived.clear()
        platform.retries.plan(exchange_id, exchange_id)
        await fake_worker.arrived.wait()
        with pytest.raises(StoreFailedError):  # the attempt could not be recorded either
            await asyncio.wrap_future(parts["writer"].submit([]))
        await asyncio.sleep(0.1)  # in which it would be tried often
        assert len(fake_worker.seen) == 2, "only the attempt that found the trouble"
        assert platform.exchange(exchange_id).retry == Retry.WAITING
        fake_worker.status = 200
        disk.is_full = False
        found = await platform.until(exchange_id, Retry.NONE)

    assert (found.state, found.status, found.attempts) == (State.FORWARDED, 200, 2)


async def test_what_cannot_be_sent_any_more_is_given_up_with_the_reason(
    parts: dict[str, Any], fake_worker: Any, redactor: Redactor, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a secret of its body has no value any more."""
    redactor.add("TOKEN", "a-token-that-nobody-sees")
    fake_worker.status = 500
    async with running(parts) as platform:
        raw = b'{"t": "a-token-that-nobody-sees"}'
        found = await platform.until(await platform.send(raw_payload=raw), Retry.GIVEN_UP)

    assert found.attempts == 1
    assert "is not tried again: The body contained the secret 'TOKEN'" in caplog.text


async def test_what_cannot_be_tried_now_still_waits_for_its_time(
    parts: dict[str, Any], fake_worker: Any, redactor: Redactor
) -> None:
    redactor.add("TOKEN", "a-token-that-nobody-sees")
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        exchange_id = await platform.send(raw_payload=b'{"t": "a-token-that-nobody-sees"}')
        with pytest.raises(ConsoleError, match="The body contained the secret 'TOKEN'"):
            await platform.retries.now(exchange_id)
        assert (await platform.retries.cancel([exchange_id])).ids == (exchange_id,)


async def test_a_worker_that_is_gone_fails_the_attempt(
    parts: dict[str, Any], fake_worker: Any, crew: Any
) -> None:
    fake_worker.status = 500
    async with running(parts, SLOW) as platform:
        exchange_id = await platform.send()
        crew.become(WorkerState.STOPPED)
        result = await platform.retries.now(exchange_id)

    assert (result.state, result.status, result.retry) == (State.REJECTED, 503, Retry.WAITING)
    assert "is stopped" in result.error


async def test_an_engine_that_stops_in_the_middle_of_an_attempt_gives_it_up(
    parts: dict[str, Any], fake_worker: Any
) -> None:
    fake_worker.go_on.clear()
    platform = Platform(parts, SLOW)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(platform.send())
        await fake_worker.arrived.wait()
        sending.cancel()
    await asyncio.wrap_future(parts["writer"].submit([]))  # behind what was recorded
    found = platform.exchange(1)
    await platform.forwarder.close()

    assert (found.state, found.retry) == (State.INTERRUPTED, Retry.GIVEN_UP)


@pytest.mark.parametrize(
    ("attempts", "speed", "waits"),
    [(1, 1, 30), (2, 1, 60), (3, 1, 300), (4, 1, 1800), (5, 1, 7200), (6, 1, 28800), (1, 60, 0.5)],
)
def test_the_schedule_is_the_platforms(attempts: int, speed: float, waits: float) -> None:
    assert aftermath.wait_after(attempts, speed) == waits


@pytest.mark.parametrize("attempts", [0, 7, 4095])
def test_there_is_no_attempt_past_the_schedule(attempts: int) -> None:
    assert aftermath.wait_after(attempts) is None


@pytest.mark.parametrize(
    ("state", "status", "may"),
    [
        (State.FORWARDED, 500, True),
        (State.FORWARDED, 599, True),
        (State.FORWARDED, 429, True),
        (State.FAILED, 504, True),
        (State.REJECTED, 503, True),
        (State.REJECTED, 508, False),
        (State.REJECTED, 413, False),
        (State.FORWARDED, 499, False),
        (State.FORWARDED, 600, False),
        (State.INTERRUPTED, None, False),
        (State.FAILED, None, False),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(
    state: State, status: int | None, may: bool
) -> None:
    assert aftermath.may_pass(state, status) is may
