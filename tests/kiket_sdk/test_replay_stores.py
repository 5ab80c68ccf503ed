"""Stores of webhooks: each key once, answers as they were, nothing dropped before its time."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import stat
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk.replay_stores import (
    AnswerStore,
    MemoryStore,
    ReplayStore,
    ReplayStoreError,
    SqliteStore,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

A, B = b"a" * 32, b"b" * 32
TTL_S = 660.0


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnswerStore]:
    """Every shipped store in turn."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        kept = SqliteStore(tmp_path / "webhooks.db")
        yield kept
        await kept.aclose()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clocks of the stores."""
    passed = [0.0]
    clocks = SimpleNamespace(
        time=lambda: time.time() + passed[0], monotonic=lambda: time.monotonic() + passed[0]
    )
    monkeypatch.setattr("kiket_sdk.replay_stores.time", clocks)

    def advance(seconds: float) -> None:
        passed[0] += seconds

    return advance


async def test_a_key_is_new_once(store: AnswerStore) -> None:
    assert isinstance(store, ReplayStore)
    assert isinstance(store, AnswerStore)
    found = [await store.add_if_absent(key, TTL_S) for key in (A, B, A, B)]
    assert found == [True, True, False, False]


async def test_of_many_at_once_one_is_new(store: AnswerStore) -> None:
    found = await asyncio.gather(*(store.add_if_absent(A, TTL_S) for _ in range(50)))
    assert sum(found) == 1


async def test_a_key_is_new_again_after_its_time(
    store: AnswerStore, pass_time: Callable[[float], None]
) -> None:
    assert await store.add_if_absent(A, 10)
    await store.remember(B, b"answer", 20)
    pass_time(9)
    assert not await store.add_if_absent(A, 10)
    pass_time(2)
    assert await store.add_if_absent(A, 10)
    assert await store.recall(A) == b""
    assert await store.recall(B) == b"answer"
    pass_time(10)
    assert await store.recall(B) is None


async def test_answers_are_kept_renewed_and_let_go(
    store: AnswerStore, pass_time: Callable[[float], None]
) -> None:
    assert await store.recall(A) is None
    await store.add_if_absent(A, 10)
    assert await store.recall(A) == b""
    await store.remember(A, b"\x00 answer", 100)
    pass_time(50)
    assert await store.recall(A) == b"\x00 answer"
    assert not await store.add_if_absent(A, 10)
    await store.forget(A)
    await store.forget(A)
    assert await store.recall(A) is None
    assert await store.add_if_absent(A, 10)


async def test_what_has_ended_makes_room(
    tmp_path: Path, pass_time: Callable[[float], None]
) -> None:
    """Neither store grows with keys whose time has passed."""
    memory, kept = MemoryStore(limit=10), SqliteStore(tmp_path / "webhooks.db")
    for number in range(200):
        key = number.to_bytes(32)
        for each in (memory, kept):
            assert await each.add_if_absent(key, 100)
            await each.remember(key, b"x", 200)
            if number % 2:
                await each.forget(key)
        pass_time(61)
    assert len(memory._entries) <= 4
    assert len(memory._ends) <= 100
    rows = await kept._do(lambda file: file.execute("SELECT count(*) FROM webhook").fetchone())
    assert rows[0] <= 4
    await kept.aclose()


async def test_a_full_memory_says_so_and_drops_nothing() -> None:
    store = MemoryStore(limit=2, limit_bytes=10)
    await store.add_if_absent(A, TTL_S)
    await store.add_if_absent(B, TTL_S)
    with pytest.raises(ReplayStoreError, match="full with 2 keys"):
        await store.add_if_absent(b"c" * 32, TTL_S)
    with pytest.raises(ReplayStoreError, match="higher limit"):
        await store.remember(A, b"eleven byte", TTL_S)
    await store.remember(A, b"ten bytes.", TTL_S)
    await store.remember(A, b"renewed 10", TTL_S)
    assert not await store.add_if_absent(B, TTL_S)
    await store.forget(A)
    await store.remember(B, b"ten bytes.", TTL_S)


def modes(folder: Path) -> dict[str, int]:
    """Return who may do what with each file of a folder."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_the_file_is_private_and_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "webhooks.db"
    first = SqliteStore(path)
    await first.add_if_absent(A, TTL_S)
    await first.remember(B, b"answer", TTL_S)
    assert set(modes(tmp_path).values()) == {0o600}
    await first.aclose()
    await first.aclose()
    again = SqliteStore(path)
    assert not await again.add_if_absent(A, TTL_S)
    assert await again.recall(B) == b"answer"
    assert not await first.add_if_absent(A, TTL_S), "a closed one opens again"
    await again.aclose()
    await first.aclose()


def _add_many(path: str, count: int, found: Any) -> None:
    async def add() -> int:
        store = SqliteStore(path)
        new = [await store.add_if_absent(number.to_bytes(32), TTL_S) for number in range(count)]
        await store.aclose()
        return sum(new)

    found.put(asyncio.run(add()))


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Of several that see the same webhooks, one in all takes each."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    path, count = os.fspath(tmp_path / "webhooks.db"), 300
    processes = [context.Process(target=_add_many, args=(path, count, found)) for _ in range(2)]
    for process in processes:
        process.start()
    new = [found.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(10)
    assert sum(new) == count


@pytest.mark.parametrize("damage", ["no folder", "no database"])
async def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "missing" / "webhooks.db"
    if damage == "no database":
        path = tmp_path / "webhooks.db"
        path.write_bytes(b"This is a text, and not a database at all." * 100)
    store = SqliteStore(path)
    with pytest.raises(ReplayStoreError, match=r"webhooks\.db cannot be used \(.+\); look at"):
        await store.add_if_absent(A, TTL_S)
    await store.aclose()
