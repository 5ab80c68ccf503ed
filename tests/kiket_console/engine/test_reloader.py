"""A save becomes one reload that names its file, however the editor saves and however many."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kiket_console import project as projects
from kiket_console.engine import inotify, reloader
from kiket_console.engine import pace as paces
from kiket_console.engine.inotify import Seen
from kiket_console.engine.pace import Pace
from kiket_console.engine.reloader import Reloader
from kiket_console.engine.tree import matters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kiket_console.store.records import NewLog

PATIENCE_S = 120


class Saves:
    """The reloads that were asked for."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.foreseen: list[str] = []
        self.taken_up: set[str] = set()
        self.is_code = False
        self.logs: list[NewLog] = []
        self.watch: Reloader
        self.known = 0
        """How many of the files `next` has returned, or need not."""
        self.moved = asyncio.Event()

    def __call__(self, file: str, is_code: bool) -> None:
        self.files.append(file)
        self.is_code = is_code
        self.moved.set()

    def log(self, line: NewLog) -> None:
        self.logs.append(line)
        self.moved.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.moved.clear()
                await self.moved.wait()

    async def next(self) -> str:
        """Wait for another reload; return the file of the newest."""
        await self.until(lambda: len(self.files) > self.known)
        self.known = len(self.files)
        return self.files[-1]


class Watch(Reloader):
    """Also says which changes have been taken up."""

    saves: Saves

    def _take_up(self) -> None:
        paths = self._changed.written | self._changed.gone
        super()._take_up()
        self.saves.taken_up |= paths
        self.saves.moved.set()


@pytest.fixture
async def saves(project_folder: Path) -> AsyncIterator[Saves]:
    """Watch the project, and say so once the watch is in place."""
    (project_folder / "pages").mkdir()
    (project_folder / ".git").mkdir()
    async with watching(project_folder) as saves:
        await until_watching(project_folder, saves)
        yield saves


@contextlib.asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Saves]:
    """Watch the project in *folder* until the block ends."""
    saves = Saves()
    extension = projects.find(folder).extensions[0]
    watch = saves.watch = Watch(
        extension, [folder / "kiket.toml"], saves, saves.log, saves.foreseen.extend
    )
    watch.saves = saves
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())
        yield saves
        task.cancel()


async def until_watching(folder: Path, saves: Saves) -> None:
    """Save until a save is seen, then until nothing more is under way."""
    probe = str(folder / "probe.py")
    saves.taken_up.discard(probe)
    while probe not in saves.taken_up:
        (folder / "probe.py").write_text(f"{time.time_ns()}")
        await asyncio.sleep(2 * paces.FOLLOW_UP_SETTLE_S)
    await settled(folder, saves)
    saves.files.clear()
    saves.known = 0


async def settled(folder: Path, saves: Saves) -> str:
    """Wait until all that was written is taken up, which a file that is put in place shows.

    Return its name.
    """
    name = f"settled{len(saves.taken_up)}.py"
    (folder / "settled.py~").write_text("")
    (folder / "settled.py~").replace(folder / name)
    await saves.until(lambda: str(folder / name) in saves.taken_up)
    saves.known = len(saves.files)
    return name


async def test_a_save_names_its_file(project_folder: Path, saves: Saves) -> None:
    (project_folder / "pages" / "titles.py").write_text("A = 1\n")
    assert await saves.next() == "pages/titles.py"


def test_what_is_saved_is_told_before_it_is_whole(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not what is written again and again, as by a checkout."""
    monkeypatch.setattr(paces, "FOLLOW_UP_S", 1e9)
    saves = Saves()
    extension = projects.find(project_folder).extensions[0]
    settings, files = project_folder / "kiket.toml", [f"{project_folder}/{n}.py" for n in "abc"]
    watch = Reloader(extension, [settings], saves, saves.log, saves.foreseen.extend)
    watch._take(Seen({str(settings)}))
    watch._take(Seen({files[0], str(settings)}))
    watch._take(Seen({files[1]}))
    assert (saves.foreseen, saves.files) == (files[:2], [])
    watch._take_up()
    watch._take(Seen({files[2]}))
    assert saves.foreseen == files[:2]


async def test_a_save_by_rename_is_seen(project_folder: Path, saves: Saves) -> None:
    """Most editors write another file and put it in place."""
    new = project_folder / "main.py~"
    new.write_text("app = 1\n")
    new.replace(project_folder / "main.py")
    assert await saves.next() == "main.py"


async def test_a_save_of_what_a_link_leads_to_is_seen_wherever_that_lies(
    project_folder: Path, tmp_path: Path, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloader, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(inotify, "LINKS_EVERY_S", 0.0)
    shared = tmp_path / "shared.py"
    shared.write_text("A = 1\n")
    (project_folder / "own.py").symlink_to("main.py")  # a save of that is one save
    (project_folder / "linked.py").symlink_to(shared)
    await settled(project_folder, saves)
    saves.files.clear()
    saves.known = 0
    for text in ("A = 2\n", "A = 3\n"):
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(shared)
        assert await saves.next() == "linked.py"
    (project_folder / "main.py").write_text("app = 2\n")
    await settled(project_folder, saves)
    assert not any("own.py" in file for file in saves.files)
    (project_folder / "linked.py").unlink()
    assert await saves.next() == "linked.py"


async def test_a_file_whose_name_is_not_unicode_is_named_all_the_same(
    project_folder: Path, saves: Saves
) -> None:
    (project_folder / os.fsdecode(b"caf\xe9.py")).write_text("A = 1\n")
    assert await saves.next() == "caf\\xe9.py"


async def test_many_files_at_once_are_few_reloads(project_folder: Path, saves: Saves) -> None:
    """As when another branch is checked out."""
    for some in range(5):
        for number in range(1_000):
            (project_folder / "pages" / f"page{some}-{number}.py").touch()
        await asyncio.sleep(0)
    await settled(project_folder, saves)
    assert len(saves.files) < 50  # two, unless this process has to wait in between
    assert any("more" in each for each in saves.files)
    assert saves.is_code


async def test_what_is_not_the_developers_code_is_ignored(
    project_folder: Path, saves: Saves
) -> None:
    for path in (".git/index.py", "notes.md", "server.log", "data.sqlite3", "a.json", "page.js"):
        (project_folder / path).write_text("x")
    made = project_folder / "pytest-cache-files-x1"  # as pytest does on its first run
    made.mkdir()
    made.rename(project_folder / ".pytest_cache")
    made.mkdir()  # as cargo does
    (made / "CACHEDIR.TAG").touch()
    made.rename(project_folder / "target")
    (project_folder / "target" / "debug").mkdir()
    (project_folder / "target" / "debug" / "made.py").touch()
    assert not matters(str(project_folder / "target/debug/made.py"), [project_folder])
    assert saves.files == [await settled(project_folder, saves)]
    (project_folder / "extension.yaml").write_text("id: sample\n")
    assert await saves.next() == "extension.yaml"
    assert not saves.is_code


async def test_what_is_data_for_python_may_be_code_for_a_command(project_folder: Path) -> None:
    (project_folder / "kiket.toml").write_text("[[extension]]\ncommand = 'node server.js'\n")
    async with watching(project_folder) as saves:
        await settled(project_folder, saves)  # what the fixture wrote just before is told too
        (project_folder / "server.js").write_text("1")
        assert await saves.next() == "server.js"


async def test_files_that_are_written_all_the_time_do_not_keep_the_code_restarting(
    project_folder: Path, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code may write what is watched: each reload would then cause the next."""
    monkeypatch.setattr(paces, "STREAK_GAP_S", 3600.0)
    monkeypatch.setattr(paces, "STEP_S", 600.0)
    while not saves.logs:
        (project_folder / "counter.yaml").write_text(f"{len(saves.files)}")
        await saves.until(lambda: len(saves.files) > saves.known or bool(saves.logs))
        saves.known = len(saves.files)
    assert 1 <= len(saves.files) <= paces.STREAK_ALLOWED
    assert [(line.worker, line.text) for line in saves.logs] == [
        ("engine", "Saves come faster than every 3600 s; reloads come every 600 s now")
    ]


def test_somebody_who_types_waits_a_second_at_most() -> None:
    """An editor may save every second while somebody types; code that writes itself never ends."""
    logs: list[NewLog] = []
    pace = Pace(logs.append)
    pauses_s = []
    for now_s in range(paces.STREAK_HUMAN + 20):
        pauses_s.append(pace.pause_s(now_s))
        pace.reloaded(now_s)
    typing = pauses_s[: paces.STREAK_HUMAN]
    assert typing[: paces.STREAK_ALLOWED] == [0] * paces.STREAK_ALLOWED
    assert max(typing) <= 1.0
    assert pauses_s[-1] == paces.MOST_PAUSE_S
    assert [line.text for line in logs] == [
        "Saves come faster than every 2 s; reloads come every 1 s now",
        "Saves come faster than every 2 s; a reload waits 5 s now, and longer while it goes on",
    ]
    assert pace.pause_s(now_s + paces.STREAK_GAP_S) == 0, "a breath ends the streak"


async def test_settings_are_no_code(project_folder: Path, saves: Saves) -> None:
    """They say which code runs, and are watched for the whole project."""
    (project_folder / "kiket.toml").write_text("")
    assert saves.files == [await settled(project_folder, saves)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("main.py", True),
        ("src/pages/a.py", True),
        ("extension.yaml", True),
        (".kiket/manifest.yaml", True),
        (".env", True),
        ("kiket.toml", True),
        ("server.js", True),
        ("go.mod", False),
        ("__pycache__/main.cpython-311.pyc", False),
        (".venv/lib/python3.11/site-packages/a.py", False),
        ("node_modules/a/setup.py", False),
        ("main.py.swp", False),
        ("4913", False),
        ("../elsewhere.py", False),
    ],
)
def test_which_files_matter(path: str, expected: bool) -> None:
    root = Path("/home/dev/.venv/shop")  # what stands above the project does not matter
    place = Path("/home/dev/.venv/elsewhere.py") if path.startswith("..") else root / path
    assert matters(str(place), [root]) is expected


@pytest.mark.skipif(sys.platform != "linux", reason="others have another watch")
async def test_a_folder_that_could_not_be_watched_is_as_soon_as_it_can_be(
    project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    add = inotify.Inotify._add_one
    monkeypatch.setattr(inotify.Inotify, "_add_one", refuse)
    monkeypatch.setattr(reloader, "WATCH_AGAIN_S", 0.1)
    monkeypatch.setattr(reloader, "LOOK_EVERY_S", 0.05)
    async with watching(project_folder) as saves:
        await saves.until(lambda: len(saves.logs) == 1)
        assert saves.watch.trouble == saves.logs[0].text
        monkeypatch.setattr(inotify.Inotify, "_add_one", add)
        await saves.until(lambda: len(saves.logs) == 2)
        assert saves.watch.trouble == ""
        await until_watching(project_folder, saves)  # the folder itself is just made, too
        (project_folder / "pages.py").write_text("A = 1\n")
        assert await saves.next() == "pages.py"
    assert [line.level for line in saves.logs[:2]] == ["WARNING", "INFO"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_folder_that_is_replaced_is_watched_again(
    project_folder: Path, saves: Saves, at_once: bool
) -> None:
    """As by a checkout into its place, or a move there and back."""
    os.rename(project_folder, project_folder.with_name("earlier"))  # noqa: PTH104 (at once)
    if not at_once:
        assert await saves.next() == str(project_folder)
    os.mkdir(project_folder)  # noqa: PTH102 (as above)
    assert await saves.next() == str(project_folder)
    await until_watching(project_folder, saves)
    (project_folder / "main.py").write_text("A = 2\n")
    assert await saves.next() == "main.py"


async def test_a_folder_that_is_removed_and_made_at_once_is_watched_again(
    project_folder: Path, saves: Saves
) -> None:
    """The new one can have the number of the old one."""
    shutil.rmtree(project_folder)
    os.mkdir(project_folder)  # noqa: PTH102 (at once)
    assert await saves.next()
    await until_watching(project_folder, saves)
    (project_folder / "main.py").write_text("A = 2\n")
    assert await saves.next() == "main.py"
