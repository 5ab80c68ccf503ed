"""One process of several dies, sleeps or is told to end: what the others owe their callers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.torture.subject import GONE_S, Plan, Subject, until

from kiket_console.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.judge import Judge
    from tests.torture.ledger import Handled
    from tests.torture.senders import Senders


WORKER_KILLS = 2
TIMEOUT_S = 8.0
"""Of a request, in an engine that is stopped for longer."""


@pytest.fixture
def reader(subject: Subject) -> Iterator[Reader]:
    """Return a reader of the project's store."""
    with Reader(subject.store) as opened:
        yield opened


async def in_handler(handled: Handled, count: int) -> None:
    """Wait until so many deliveries have reached a handler."""

    def reached() -> bool:
        handled.read()
        return handled.times.total() >= count

    await asyncio.to_thread(until, reached, f"{count} deliveries are in a handler")


async def test_a_killed_worker_is_said_at_once_and_replaced(
    subject: Subject, senders: Senders, handled: Handled, judge: Judge, reader: Reader
) -> None:
    """Its caller has a 502 that names the exchange, long before its handler ends."""
    subject.start()
    subject.wait_ready()
    for number in range(WORKER_KILLS):
        async with asyncio.TaskGroup() as tasks:
            doomed = tasks.create_task(senders.send_one(hold_s=600))
            await in_handler(handled, 2 * number + 1)
            os.kill(handled.pids[-1], signal.SIGKILL)
        delivery_id, status, answer = doomed.result()
        assert status == 502
        detail = reader.detail(json.loads(answer)["exchange"])
        assert detail is not None
        assert detail.request.header("x-torture-id") == delivery_id
        assert (detail.exchange.state, detail.exchange.status) == ("failed", 502)
        assert [attempt.state for attempt in detail.attempts] == ["failed"]
        assert detail.attempts[0].error
        assert (await senders.send_one())[1] == 200
    assert subject.stop() == 0
    found = judge.look(2, again=True)
    assert not found.lost
    assert not found.repeated
    assert not found.limbo


async def test_a_terminated_engine_answers_all_it_has_and_leaves_nothing(
    subject: Subject, senders: Senders, handled: Handled, judge: Judge
) -> None:
    subject.start()
    subject.wait_ready()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(senders.send_one(hold_s=1.5)) for _ in range(8)]
        await in_handler(handled, 8)
        tasks.create_task(senders.sending(stop))
        await in_handler(handled, 100)
        told_s = time.monotonic()
        status = await asyncio.to_thread(subject.stop)
        stop.set()
    assert status == 0
    assert [task.result()[1] for task in slow] == [200] * 8
    assert subject.wait_gone(1, told_s) == []
    found = judge.look(2, again=True)
    assert found.is_clean, found
    handled.read()
    unanswered = handled.times.keys() - senders.ledger.answered.keys()
    assert not unanswered, "a handler had it, and its sender heard nothing"
    assert {kept.state for kept in judge.kept.values()} == {"forwarded"}


async def test_an_engine_that_was_stopped_for_a_while_blames_nobody(
    subject: Subject, senders: Senders, handled: Handled, judge: Judge, reader: Reader
) -> None:
    """As when a laptop is closed: what was under way ends well, no worker is started anew.

    And people are told why everything was late.
    """
    subject.settings["forward_timeout_s"] = str(TIMEOUT_S)
    subject.start()
    subject.wait_ready()
    assert (await senders.send_one())[1] == 200
    async with asyncio.TaskGroup() as tasks:
        under_way = [tasks.create_task(senders.send_one(hold_s=0.5)) for _ in range(4)]
        await in_handler(handled, 5)
        subject.signal(signal.SIGSTOP)
        await asyncio.sleep(TIMEOUT_S + 1.0)
        subject.signal(signal.SIGCONT)
    assert [task.result()[1] for task in under_way] == [200] * 4
    assert (await senders.send_one())[1] == 200
    handled.read()
    assert len(handled.pids) == 1
    assert subject.stop() == 0
    said = [line.text for line in reader.log_page(reader.log_ids())]
    assert any("The engine stood still for" in text for text in said), said
    found = judge.look(2)
    assert found.is_clean, found


async def test_without_its_parent_a_worker_ends_and_the_next_engine_ends_the_rest(
    subject: Subject, senders: Senders, handled: Handled, reader: Reader
) -> None:
    """Engine and life-line killed together: only what detached itself is left, for so long."""
    subject.start()
    subject.wait_ready()
    assert (await senders.send_one())[1] == 200
    handled.read()
    before = subject.below(1)
    os.kill(subject.pid, signal.SIGSTOP)  # so that it starts no other worker meanwhile
    lifelines = subject.pids_of("lifeline.py", before)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # one that sees another die ends the tree
        for pid in lifelines:
            os.kill(pid, number)
    subject.kill()
    killed_s = time.monotonic()
    until(lambda: handled.pids[0] not in subject.below(1), "the worker has ended", GONE_S)
    subject.start()
    subject.wait_ready()
    assert (await senders.send_one())[1] == 200
    assert subject.wait_gone(1, killed_s) == []
    assert subject.stop() == 0
    said = [line.text for line in reader.log_page(reader.log_ids(worker="engine"))]
    assert any(text.startswith("Processes of an earlier engine still ran") for text in said), said


async def test_when_the_store_can_never_be_written_again_nobody_waits(
    subject: Subject, senders: Senders
) -> None:
    """The thread that writes has ended: the engine says so, or ends, with a sentence; no 2xx."""
    subject.start(Plan(mutants=("writer_dies",)))
    subject.wait_ready()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(senders.sending(stop))

        def noticed() -> bool:
            assert subject.process is not None
            return senders.refused > 50 or subject.process.poll() is not None

        await asyncio.to_thread(until, noticed, "the senders are told")
        stop.set()
    assert senders.hung == []
    assert subject.process is not None
    if subject.process.poll() is None:
        recording = str(subject.status()["recording"])
        assert recording != "ok"
        assert "restart" in recording
        assert (await senders.send_one())[1] == 503
    else:
        assert subject.process.returncode != 0
        assert re.search(r"^Error: ", subject.words.read_text(), re.MULTILINE)


async def test_a_mistake_in_a_task_of_the_engine_ends_it_with_a_sentence(
    subject: Subject, senders: Senders, judge: Judge
) -> None:
    """Half an engine would be worse than none."""
    subject.start(Plan(mutants=("task_fails",)))
    subject.wait_ready()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(senders.sending(stop))
        status = await asyncio.to_thread(subject.wait_ended)
        stop.set()
    assert senders.hung == []
    ended_s = time.monotonic()
    assert status == 1
    said = subject.words.read_text()
    assert "Error: The program failed in a way it should not" in said, "it may have been slow, too"
    assert "Traceback" not in said
    assert subject.wait_gone(1, ended_s) == []
    subject.start()
    subject.wait_ready()
    found = judge.look(2, again=True)
    assert found.is_clean, found
