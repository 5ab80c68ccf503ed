"""Every change below a folder is heard of, whatever the system and however folders come and go."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import inotify, slow_watch, tree, watches
from kiket_console.engine.inotify import Inotify, Seen
from kiket_console.engine.slow_watch import Polling, library_watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kiket_console.engine.watches import Watch

    Open = Callable[[Path], contextlib.AbstractAsyncContextManager[Watch]]

PATIENCE_S = 120

QUEUED_EVENTS = 16_384
"""Linux's own limit, which nobody raises."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@contextlib.asynccontextmanager
async def polling(folder: Path) -> AsyncIterator[Watch]:
    yield Polling([folder], tree.now_ns())


def by_inotify(folder: Path) -> Any:
    return Inotify([folder], tree.now_ns())


def by_library(folder: Path) -> Any:
    return library_watch([folder])


@pytest.fixture
def folder(own_places: Path) -> Path:
    place = own_places / "code"
    (place / "pages").mkdir(parents=True)
    (place / "main.py").write_text("A = 1\n")
    return place


@pytest.fixture(params=[pytest.param(by_inotify, marks=linux), by_library, polling])
async def watch(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watch]:
    """Return each way to watch the folder, once it has told of a first change."""
    monkeypatch.setattr(slow_watch, "POLL_EVERY_S", 0.05)
    async with request.param(folder) as watch:
        number = 0
        async with asyncio.timeout(PATIENCE_S):
            while not await watch.wait(0.1):
                number += 1
                (folder / "probe.py").write_text(str(number))
            while await watch.wait(0.3):
                continue
        yield watch


async def heard(watch: Watch, wanted: Callable[[Seen], bool]) -> Seen:
    """Return all that was heard up to what is wanted."""
    seen = Seen()
    async with asyncio.timeout(PATIENCE_S):
        while not wanted(seen):
            seen.add(await watch.wait(0.1))
    return seen


async def test_a_file_that_is_saved_is_written(folder: Path, watch: Watch) -> None:
    path = str(folder / "main.py")
    (folder / "main.py").write_text("A = 2\n")
    assert path in (await heard(watch, lambda seen: path in seen.written)).written


async def test_a_file_that_is_removed_is_gone_until_it_is_back(folder: Path, watch: Watch) -> None:
    path = str(folder / "main.py")
    (folder / "main.py").rename(folder / "main.py~")
    await heard(watch, lambda seen: path in seen.gone)
    (folder / "main.py").write_text("A = 2\n")
    assert path not in (await heard(watch, lambda seen: path in seen.written)).gone


async def test_a_folder_that_is_new_is_watched(folder: Path, watch: Watch) -> None:
    (folder / "new" / "inner").mkdir(parents=True)
    path = str(folder / "new" / "inner" / "a.py")
    async with asyncio.timeout(PATIENCE_S):
        for number in itertools.count():
            (folder / "new" / "inner" / "a.py").write_text(f"A = {number}\n")
            if path in (await watch.wait(0.2)).written:
                return


async def test_what_is_not_code_is_not_heard_of(folder: Path, watch: Watch) -> None:
    (folder / "server.log").write_text("x")
    (folder / ".git").mkdir()
    (folder / ".git" / "hook.py").write_text("x")
    path = str(folder / "main.py")
    (folder / "main.py").write_text("A = 2\n")
    seen = await heard(watch, lambda seen: path in seen.written)
    assert {each for each in seen.written | seen.gone if each.endswith(("log", "hook.py"))} == set()


@pytest.mark.parametrize("way", [pytest.param(by_inotify, marks=linux), polling])
async def test_a_save_just_before_the_watch_stands_is_not_missed(
    folder: Path, way: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    since_ns = tree.now_ns()
    monkeypatch.setattr(tree, "now_ns", lambda: since_ns)
    (folder / "pages" / "late.py").write_text("A = 1\n")
    async with way(folder) as watch:
        path = str(folder / "pages" / "late.py")
        await heard(watch, lambda seen: path in seen.written)


@linux
async def test_a_file_that_is_put_in_place_with_its_old_moment_is_not_missed(
    folder: Path, own_places: Path
) -> None:
    """As `mv` and `rsync --times` do while the watch is set up."""
    (own_places / "old.py").write_text("A = 1\n")
    os.utime(own_places / "old.py", (1, 1))
    await asyncio.sleep(0.02)  # the clock of file systems is coarse
    since_ns = tree.now_ns()
    (own_places / "old.py").rename(folder / "old.py")
    async with Inotify([folder], since_ns) as watch:
        assert (await watch.wait(PATIENCE_S)).written == {str(folder / "old.py")}


@linux
async def test_links_in_a_circle_come_to_an_end_and_linked_code_is_watched(
    folder: Path, own_places: Path
) -> None:
    shared = own_places / "shared"
    shared.mkdir()
    (folder / "pages" / "round").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "shared").symlink_to(shared)
    async with Inotify([folder], tree.now_ns()) as watch:
        (shared / "a.py").write_text("A = 1\n")
        path = str(folder / "shared" / "a.py")
        await heard(watch, lambda seen: path in seen.written)
        late = own_places / "late"
        late.mkdir()
        (folder / "late").symlink_to(late)
        await asyncio.sleep(0)
        (late / "b.py").write_text("A = 1\n")
        path = str(folder / "late" / "b.py")
        await heard(watch, lambda seen: path in seen.written)


@linux
async def test_what_was_written_into_a_new_folder_before_it_was_watched_is_not_missed(
    folder: Path,
) -> None:
    async with Inotify([folder], tree.now_ns()) as watch:
        (folder / "new" / "inner").mkdir(parents=True)
        (folder / "new" / "inner" / "a.py").write_text("A = 1\n")
        path = str(folder / "new" / "inner" / "a.py")
        await heard(watch, lambda seen: path in seen.written)


@linux
async def test_a_folder_that_is_moved_is_known_by_its_new_name(folder: Path) -> None:
    (folder / "pages" / "a.py").write_text("A = 1\n")
    async with Inotify([folder], tree.now_ns()) as watch:
        (folder / "pages").rename(folder / "sites")
        await heard(watch, lambda seen: str(folder / "sites" / "a.py") in seen.written)
        (folder / "sites" / "a.py").write_text("A = 2\n")
        seen = await heard(watch, lambda seen: bool(seen.written))
        assert seen.written == {str(folder / "sites" / "a.py")}


@linux
async def test_more_than_the_kernel_keeps_is_told_as_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody reads, the queue runs over: whoever asks has to look at everything."""
    monkeypatch.setattr(Inotify, "_read", lambda _: None)
    async with Inotify([folder], tree.now_ns()) as watch:
        places = [folder / "a.py", folder / "b.py"]
        for number in range(QUEUED_EVENTS + 10):  # alike events in a row are one
            os.close(os.open(places[number % 2], os.O_WRONLY | os.O_CREAT))
        monkeypatch.undo()
        asyncio.get_running_loop().add_reader(watch._descriptor, watch._read)
        await heard(watch, lambda seen: seen.is_lost)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ENOSYS])
@linux
async def test_where_nothing_can_be_watched_files_are_looked_at_and_a_sentence_says_so(
    folder: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(inotify.Inotify, "_add_one", refuse)
    monkeypatch.setattr(slow_watch, "POLL_EVERY_S", 0.05)
    told: list[str] = []
    async with watches.watched([folder], tree.now_ns(), told.append) as watch:
        path = str(folder / "main.py")
        await watch.wait(0)
        (folder / "main.py").write_text("A = 33\n")
        await heard(watch, lambda seen: path in seen.written)
    [sentence] = told
    assert sentence.startswith(f"{folder} cannot be watched ({os.strerror(number)}); ")
    assert ("fs.inotify.max_user_watches" in sentence) is (number == errno.ENOSPC)
