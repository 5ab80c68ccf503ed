"""A keyring that hangs costs each call 3 s at most, two threads, and no wrong word."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import pytest

from kiket_console.engine.secrets.calls import LEFT_BEHIND_LIMIT, Calls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

SOON_S = 0.03


class Hanging:
    """A call that hangs until the test lets it go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.has_begun = threading.Event()
        self.began = 0
        self.did: list[str] = []

    def __call__(self, what: str = "read") -> str:
        self.began += 1
        self.has_begun.set()
        assert self.goes_on.wait(120)
        self.did.append(what)
        return what


async def test_a_call_returns_or_raises_what_its_function_does() -> None:
    calls = Calls(60)
    assert await calls(max, 1, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await calls(divmod, 1, 0)


async def test_while_two_threads_hang_calls_fail_at_once_and_none_is_made() -> None:
    calls, hanging = Calls(SOON_S), Hanging()
    try:
        made = [asyncio.ensure_future(calls(hanging)) for _ in range(5)]  # three wait their turn
        assert {type(each) for each in await asyncio.gather(*made, return_exceptions=True)} == {
            TimeoutError
        }
        await _until(lambda: hanging.began == LEFT_BEHIND_LIMIT)
    finally:
        hanging.goes_on.set()
    assert await _made(lambda: calls(lambda: "it answers again")) == "it answers again"


async def test_a_change_that_comes_too_late_for_its_caller_is_undone() -> None:
    calls, hanging = Calls(SOON_S), Hanging()
    undone = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            await calls.change(lambda: hanging("set"), undone.set)
        with pytest.raises(TimeoutError):  # it might be overtaken by the one before
            await calls.change(lambda: hanging.did.append("a later one"), lambda: None)
        assert not undone.is_set()
    finally:
        hanging.goes_on.set()
    assert await asyncio.to_thread(undone.wait, 60)
    calls.limit_s = 60
    await _made(lambda: calls.change(lambda: hanging.did.append("the next"), lambda: None))
    assert hanging.did == ["set", "the next"]


async def test_a_change_that_waited_its_turn_does_not_overtake_one_that_was_left_behind() -> None:
    calls, changes, reads = Calls(60), Hanging(), Hanging()
    first = asyncio.ensure_future(calls.change(lambda: changes("set"), lambda: None))
    reading = asyncio.ensure_future(calls(reads))
    for each in (changes, reads):
        assert await asyncio.to_thread(each.has_begun.wait, 60)
    second = asyncio.ensure_future(calls.change(lambda: changes("later"), lambda: None))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    reads.goes_on.set()
    await reading
    try:
        with pytest.raises(TimeoutError):
            await second
        assert changes.began == 1
    finally:
        changes.goes_on.set()


async def test_a_change_in_time_is_not_undone_and_one_that_fails_has_nothing_to_undo() -> None:
    calls, did = Calls(60), list[str]()
    await calls.change(lambda: did.append("set"), lambda: did.append("undone"))
    with pytest.raises(ZeroDivisionError):
        await calls.change(lambda: 1 // 0, lambda: did.append("undone"))
    assert did == ["set"]


async def test_a_caller_that_gives_up_leaves_the_thread_behind_like_one_whose_time_is_over() -> (
    None
):
    calls, hanging = Calls(60), Hanging()
    undone = threading.Event()
    asking = asyncio.ensure_future(calls.change(lambda: hanging("set"), undone.set))
    assert await asyncio.to_thread(hanging.has_begun.wait, 60)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    hanging.goes_on.set()
    assert await asyncio.to_thread(undone.wait, 60)


async def _until(true: Callable[[], bool]) -> None:
    """Wait for what threads do, which may come to it after their time is over."""
    async with asyncio.timeout(120):
        while not true():  # noqa: ASYNC110 - of other threads
            await asyncio.sleep(0.001)


async def _made(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call as soon as the keyring answers again."""
    async with asyncio.timeout(120):
        while True:
            with suppress(TimeoutError):
                return await call()
            await asyncio.sleep(0.005)
