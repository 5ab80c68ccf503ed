"""What is done beside drawing leaves nothing behind when it is called off."""

from __future__ import annotations

import asyncio
from inspect import CORO_CLOSED, getcoroutinestate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.ui.app import ConsoleApp


async def test_what_is_called_off_before_it_began_is_closed(
    console: Callable[..., ConsoleApp],
) -> None:
    """As by who leaves, or presses a key twice, on a machine that is busy."""
    began: list[str] = []

    async def work(name: str) -> None:
        began.append(name)

    app = console(empty=True)
    async with app.run_test():
        works = [work("first"), work("second")]
        first, second = (app.run_worker(each, group="two", exclusive=True) for each in works)
        await second.wait()
        await asyncio.sleep(0)  # whoever is told of its end is
        assert (first.is_cancelled, began) == (True, ["second"])
        assert [getcoroutinestate(each) for each in works] == [CORO_CLOSED] * 2
