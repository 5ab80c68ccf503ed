"""The connection tells what it heard at once, and no more often than can be drawn."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from tests.snap import scene

from kiket_console.model import Notice
from kiket_console.ui import link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from kiket_console.engine_status import EngineStatus

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

    def link_changed(self, up: bool, silent_s: float = 0.0) -> None:  # noqa: ARG002 - it is told
        self.is_up = up


async def test_the_first_and_the_last_of_many_notices_are_told_and_few_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "TELL_EVERY_S", 0.5)  # the flood itself may take a while
    engine, told = Flood(), Told()
    listening = asyncio.ensure_future(link.keep_listening(engine, told))  # type: ignore[arg-type]  # what it asks of it
    async with asyncio.timeout(60):
        await told.newest.wait()
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    assert told.is_up
    assert told.notices[-1] == MANY
    assert len(told.notices) < MANY / 10


class Stopped:
    """An engine that is stopped while it is asked how things are, and goes on when it is let."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def notices(self) -> AsyncIterator[Notice]:
        yield Notice(1, 0, 0, 0)
        await asyncio.Event().wait()

    async def status(self) -> Any:
        await self.goes_on.wait()
        return scene.status()

    async def close(self) -> None:
        pass


class Heard:
    """Keeps what it is told, in a queue."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()

    def heard_notice(self, notice: Notice) -> None:
        pass

    def heard_status(self, status: EngineStatus) -> None:
        self.told.put_nowait(status.project)

    def link_changed(self, up: bool, silent_s: float = 0.0) -> None:
        self.told.put_nowait((up, silent_s))


async def test_an_engine_that_falls_silent_is_told_as_soon_as_it_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "SILENT_AFTER_S", 0.05)
    engine, heard = Stopped(), Heard()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(link.keep_listening(engine, heard))  # type: ignore[arg-type]  # what it asks of it
        assert await heard.told.get() == (True, 0.0)
        assert await heard.told.get() == (False, 0.05)
        engine.goes_on.set()
        assert await heard.told.get() == (True, 0.0)
        assert await heard.told.get() == "marketing"
        listening.cancel()


class Prompt(Stopped):
    """An engine that answers, to a console that is stopped between its question and the answer."""

    async def status(self) -> Any:
        time.sleep(2 * link.SILENT_AFTER_S)  # noqa: ASYNC251  # nothing goes on in the meantime
        for _ in range(4):  # as many rounds as an answer takes to be read, of which it has all
            await asyncio.sleep(0)
        return scene.status()


async def test_a_console_that_was_held_up_itself_does_not_take_the_engine_for_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "SILENT_AFTER_S", 0.05)
    engine, heard = Prompt(), Heard()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(link.keep_listening(engine, heard))  # type: ignore[arg-type]  # what it asks of it
        assert await heard.told.get() == (True, 0.0)
        assert await heard.told.get() == "marketing"
        listening.cancel()
