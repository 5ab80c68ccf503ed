"""A pause of the whole process, told from the outside by a clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kiket_console.engine import pauses

if TYPE_CHECKING:
    import pytest


async def watched(monkeypatch: pytest.MonkeyPatch, pause_s: float) -> None:
    """Watch for ten turns, the clock jumping ahead once as it does in a sleep."""
    monkeypatch.setattr(pauses, "EVERY_S", 0.001)
    turns = 0
    enough = asyncio.Event()

    def now_s() -> float:
        nonlocal turns
        turns += 1
        if turns > 10:
            enough.set()
        return turns * pauses.EVERY_S + (pause_s if turns > 5 else 0)

    monkeypatch.setattr(pauses, "steady_s", now_s)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(pauses.watch())
        await enough.wait()
        watching.cancel()


async def test_a_pause_is_told_once_with_its_length(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await watched(monkeypatch, pause_s=3600)
    [told] = caplog.messages
    assert told.startswith("The engine stood still for 3600")


async def test_what_is_merely_late_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await watched(monkeypatch, pause_s=1.0)
    assert caplog.messages == []
