"""What is refused is counted always, and told in samples."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.refusals import SAMPLE, Refusals

if TYPE_CHECKING:
    from kiket_console.store.records import NewLog


class Log:
    """The lines that were logged."""

    def __init__(self) -> None:
        self.lines: list[NewLog] = []
        self.came = asyncio.Event()

    def take(self, line: NewLog) -> None:
        self.lines.append(line)
        self.came.set()


@pytest.fixture
async def log() -> Log:
    return Log()


async def test_the_first_of_each_kind_are_kept_and_all_are_counted(log: Log) -> None:
    refusals = Refusals(log.take)
    kept = [refusals.refused("platform", 401) for _ in range(1000)]
    assert kept == [True] * SAMPLE + [False] * (1000 - SAMPLE)
    assert refusals.refused("platform", 413)
    assert refusals.refused("gateway", 401)
    assert refusals.total == 1002
    assert log.lines == []


async def test_what_a_guard_refuses_is_logged_with_its_sentence(log: Log) -> None:
    refusals = Refusals(log.take)
    on_refusal = refusals.told_by("gateway")
    for _ in range(30):
        on_refusal(421, "The host 'demo.example' is not served here.")
    assert [line.text for line in log.lines] == [
        "gateway 421: The host 'demo.example' is not served here."
    ] * SAMPLE
    assert {(line.worker, line.level) for line in log.lines} == {("engine", "WARNING")}
    assert refusals.total == 30


async def test_at_the_end_of_a_minute_the_rest_is_told_as_a_number(log: Log) -> None:
    refusals = Refusals(log.take, minute_s=0.02)
    for _ in range(1234):
        refusals.refused("platform", 401)
    refusals.keeps("telemetry without a token", 60)
    async with asyncio.timeout(120):
        await log.came.wait()
    assert [line.text for line in log.lines] == [
        "Counted and not kept in the last minute: platform 401 (1,214 times)."
    ]
    assert refusals.refused("platform", 401), "a new minute has begun"


async def test_a_quiet_minute_is_not_worth_a_line(log: Log) -> None:
    refusals = Refusals(log.take, minute_s=0.01)
    refusals.refused("gateway", 404)
    await asyncio.sleep(0.05)  # longer than a minute here; that nothing comes has no event
    assert log.lines == []
