"""Several deliveries: in order, a few at once, going on after failures."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kiket_console.client import EngineGone
from kiket_console.errors import ConsoleError
from kiket_console.sending import repeating
from kiket_console.sending.repeating import CONCURRENCY, Plan, Tally, carry_out
from kiket_console.wire import Result


def result(number: int, status: int = 200) -> Result:
    return Result(number + 100, "forwarded", status, 1, "")


async def test_they_begin_in_the_order_of_arrival_with_four_under_way() -> None:
    began: list[int] = []
    gate = asyncio.Event()

    async def send(number: int) -> Result:
        began.append(number)
        if len(began) == CONCURRENCY:
            gate.set()
        await gate.wait()
        return result(number)

    tally = await carry_out(Plan((9, 3, 5, 1, 7, 2)), send)

    assert began == [1, 2, 3, 5, 7, 9]
    assert str(tally) == "6 sent · 6 ok"
    assert tally.newest == result(9)


async def test_never_more_than_four_are_under_way() -> None:
    under_way = most = 0

    async def send(number: int) -> Result:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return result(number)

    await carry_out(Plan(range(1, 40)), send)

    assert most == CONCURRENCY


async def test_one_that_fails_or_is_refused_stops_nothing() -> None:
    steps: list[str] = []

    async def send(number: int) -> Result:
        if number == 2:
            raise ConsoleError("No exchange 2 is recorded for this project.")
        return result(number, 500 if number == 3 else 200)

    tally = await carry_out(Plan((1, 2, 3, 4)), send, lambda tally: steps.append(str(tally)))

    assert str(tally) == "4 sent · 2 ok · 2 failed"
    assert len(steps) == 4
    assert (tally.sent, tally.ok, tally.failed) == (4, 2, 2)


async def test_when_the_engine_is_gone_there_is_nothing_to_go_on_with() -> None:
    async def send(number: int) -> Result:
        if number > 4:
            raise EngineGone("/p")
        return result(number)

    tally = await carry_out(Plan(range(1, 13)), send)

    assert str(tally) == "4 sent · 4 ok · 8 not sent"
    assert tally.trouble.startswith("No engine runs for /p.")


async def test_each_round_is_in_order_and_as_far_apart_as_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    began: list[tuple[int, float]] = []

    async def pass_by(seconds: float, _: object = None, *, go_on: Any = asyncio.sleep) -> None:
        nonlocal now_s
        now_s += seconds
        await go_on(0)

    async def send(number: int) -> Result:
        began.append((number, now_s))
        return result(number)

    monkeypatch.setattr(repeating, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(asyncio, "sleep", pass_by)
    await carry_out(Plan((2, 1), times=2, apart_s=2), send)

    assert began == [(1, 100), (2, 102), (1, 104), (2, 106)]


@pytest.mark.parametrize(
    ("times", "apart_s", "count", "sentence"),
    [
        (0, 0.0, 1, "0 times cannot be sent. It can be 1 to 1,000."),
        (1001, 0.0, 1, "1001 times cannot be sent. It can be 1 to 1,000."),
        (2, 61.0, 1, "61 s apart cannot be sent. It can be 0 to 60 s."),
        (1000, 0.0, 11, "11,000 deliveries cannot be sent. It can be up to 10,000 at a time."),
    ],
)
def test_more_than_is_reasonable_is_refused(
    times: int, apart_s: float, count: int, sentence: str
) -> None:
    with pytest.raises(ConsoleError) as refused:
        Plan(range(count), times, apart_s)
    assert str(refused.value) == sentence


def test_a_tally_counts_in_words() -> None:
    assert str(Tally(12, sent=12, ok=11)) == "12 sent · 11 ok · 1 failed"
    assert str(Tally(12, sent=3, ok=3)) == "3 sent · 3 ok · 9 not sent"
    assert Tally(12, sent=3, ok=2).so_far == "3 of 12 sent · 2 ok · 1 failed"
