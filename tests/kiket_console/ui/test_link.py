"""The connection tells what it heard at once, and no more often than can be drawn."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from kiket_console.model import EngineStatus, Notice
from kiket_console.ui import link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MANY = 500


class Flood:
    """An engine that says so much at once that nobody could draw it."""

    def __init__(self) -> None:
        self.said = asyncio.Event()

    async def notices(self) -> AsyncIterator[Notice]:
        for number in range(1, MANY + 1):
            yield Notice(number, number, 0, 0)
            await asyncio.sleep(0)
        self.said.set()
        await asyncio.Event().wait()

    async def status(self) -> Any:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


class Told:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notices: list[int] = []
        self.is_up = False
        self.newest = asyncio.Event()

    def heard_notice(self, notice: Notice) -> None:
        self.notices.append(notice.newest_exchange)
        if notice.newest_exchange == MANY:
            self.newest.set()

    def heard_status(self, status: EngineStatus) -> None:
        raise AssertionError(status)

    def link_changed(self, up: bool) -> None:
        self.is_up = up


async def test_the_first_and_the_last_of_many_notices_are_told_and_few_between() -> None:
    engine, told = Flood(), Told()
    listening = asyncio.ensure_future(link.keep_listening(engine, told))  # type: ignore[arg-type]  # what it asks of it
    async with asyncio.timeout(10):
        await told.newest.wait()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    assert told.is_up
    assert told.notices[-1] == MANY
    assert len(told.notices) < MANY / 10
