"""Notices are merged, in order, and bounded for each peer."""

from __future__ import annotations

import asyncio

import pytest

from kiket_console.engine import hub as hubs
from kiket_console.engine.hub import Hub
from kiket_console.errors import ConsoleError
from kiket_console.model import Notice

NOTHING = Notice(0, 0, 0, 0)


async def test_a_new_peer_is_told_the_newest_at_once() -> None:
    hub = Hub(Notice(7, 9, 3, 1))
    notices = hub.notices()
    assert await asyncio.wait_for(anext(notices), 20) == Notice(7, 9, 3, 1)
    await notices.aclose()


async def test_what_happens_while_a_peer_is_slow_is_one_notice() -> None:
    hub = Hub(NOTHING)
    notices = hub.notices()
    await anext(notices)
    for number in range(1, 1001):
        hub.committed(exchange=number, change=number * 2, log=0)
    hub.workers_changed()
    assert await asyncio.wait_for(anext(notices), 20) == Notice(1000, 2000, 0, 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(notices), 0.1)


async def test_rows_that_went_away_are_told() -> None:
    hub = Hub(NOTHING)
    hub.committed(exchange=5, change=9, log=4, removals=2)
    hub.committed(exchange=5, change=10, log=4, removals=1)
    assert hub.newest == Notice(5, 10, 4, 0, 2)


async def test_numbers_never_go_back() -> None:
    """Commits of two threads may be told in any order."""
    hub = Hub(NOTHING)
    hub.committed(exchange=5, change=9, log=4)
    hub.committed(exchange=4, change=8, log=6)
    assert hub.newest == Notice(5, 9, 6, 0)


async def test_a_peer_hears_at_most_fifty_times_a_second() -> None:
    """Of what goes on for half a second and until it has heard twice."""
    hub = Hub(NOTHING)
    heard = 0

    async def listen() -> None:
        nonlocal heard
        async for _ in hub.notices():
            heard += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        loop = asyncio.get_running_loop()
        begun = loop.time()
        number = 0
        while loop.time() < begun + 0.5 or heard < 2:
            number += 1
            hub.committed(exchange=number, change=number, log=0)
            await asyncio.sleep(0.001)
        took_s = loop.time() - begun
        hub.close()
    assert 1 < heard <= took_s * hubs.NOTICES_PER_S + 2


async def test_closing_ends_every_stream_and_forgets_the_peers() -> None:
    hub = Hub(NOTHING)

    async def listen() -> int:
        return len([notice async for notice in hub.notices()])

    async with asyncio.TaskGroup() as group:
        listeners = [group.create_task(listen()) for _ in range(3)]
        while hub.peers < 3:  # noqa: ASYNC110 - the count is what is waited for
            await asyncio.sleep(0)
        hub.close()
    assert all(listener.result() <= 1 for listener in listeners)
    assert hub.peers == 0


async def test_too_many_peers_are_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "PEER_LIMIT", 1)
    hub = Hub(NOTHING)
    first = hub.notices()
    await anext(first)
    with pytest.raises(ConsoleError, match="1 clients listen to this engine already"):
        await anext(hub.notices())
    await first.aclose()
    second = hub.notices()
    assert await anext(second) == NOTHING
    await second.aclose()
