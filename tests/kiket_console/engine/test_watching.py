"""What kiket.toml names is what runs: also what is added, changed or removed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console import project as projects
from kiket_console.engine import tree
from kiket_console.engine.watching import Watching
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kiket_console.model import Worker

Supervise = Any
PATIENCE_S = 120

COMMAND = f"command = {json.dumps([sys.executable, '-I', '-S', 'server.py'])}\n"
A = f'[[extension]]\nname = "a"\n{COMMAND}'
B = f'[[extension]]\nname = "b"\npath = "b"\n{COMMAND}'
SERVER = """\
import os, socket
server = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    connection, _ = server.accept()
    connection.recv(9999)
    connection.sendall(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    connection.close()
"""
"""It starts fast."""


@dataclass
class Watched:
    """A supervisor at work, and a watch over its project."""

    running: Any
    folder: Path

    def names(self) -> list[str]:
        return [worker.name for worker in self.running.supervisor.workers()]

    def worker(self, name: str) -> Worker:
        workers: tuple[Worker, ...] = self.running.supervisor.workers()
        return next(each for each in workers if each.name == name)

    def settings(self, text: str) -> None:
        """Save kiket.toml as most editors do."""
        new = self.folder / "kiket.toml~"
        new.write_text(text)
        new.replace(self.folder / "kiket.toml")

    async def until(self, holds: Callable[[], bool]) -> None:
        await self.running.until(holds)

    async def until_serving(self, *names: str) -> None:
        await self.until(
            lambda: (
                self.names() == list(names)
                and all(self.worker(name).state is WorkerState.SERVING for name in names)
            )
        )


@pytest.fixture
async def watched(project_folder: Path, supervise: Supervise) -> AsyncIterator[Watched]:
    """Run and watch a project whose kiket.toml names `a`; there is code for a `b`, too."""
    (project_folder / "b").mkdir()
    for folder in (project_folder, project_folder / "b"):
        (folder / "server.py").write_text(SERVER)
    (project_folder / "kiket.toml").write_text(A)
    until_past(project_folder)
    async with supervise() as running, watching(running):
        watched = Watched(running, project_folder)
        await watched.until_serving("a")
        yield watched


def until_past(folder: Path) -> None:
    """Wait until a watch that begins now finds that all files were there before."""
    newest_ns = max(path.stat().st_ctime_ns for path in folder.rglob("*"))
    while tree.now_ns() <= newest_ns:
        time.sleep(0.001)


@contextlib.asynccontextmanager
async def watching(running: Any) -> AsyncIterator[None]:
    watch = Watching(
        projects.find(running.folder),
        running.supervisor,
        running.logs.append,
        running.folder / ".env",
    )
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())
        yield
        task.cancel()


async def until_seen(save: Callable[[int], object], seen: Callable[[], bool]) -> None:
    """Save until the watch, which may only begin, has seen it."""
    async with asyncio.timeout(PATIENCE_S):
        for number in itertools.count():
            if number % 20 == 0:
                save(number)
            if seen():
                return
            await asyncio.sleep(0.02)


async def until_added(watched: Watched) -> None:
    """Add `b` to the settings, and wait until it serves."""
    await until_seen(
        lambda number: watched.settings(f"{A}{B}# {number}\n"),
        lambda: watched.names() == ["a", "b"],
    )
    await watched.until_serving("a", "b")


async def test_an_extension_that_is_added_starts_and_the_others_go_on(watched: Watched) -> None:
    await until_added(watched)
    assert watched.worker("a").starts == 1
    assert watched.running.supervisor.serving("b") is not None
    code = watched.folder / "b" / "server.py"
    await until_seen(lambda _: code.write_text(SERVER), lambda: watched.worker("b").reloads > 0)
    assert watched.worker("b").last_reload == "server.py"


async def test_an_extension_that_is_removed_is_stopped_and_the_logs_say_so(
    watched: Watched,
) -> None:
    await until_added(watched)
    watched.settings(B)
    await watched.until_serving("b")
    assert watched.worker("b").starts == 1
    assert ("a", "kiket.toml names it no more; it was stopped") in [
        (line.worker, line.text) for line in watched.running.logs
    ]
    assert watched.running.supervisor.serving("a") is None
    watched.settings(A + B)
    await watched.until_serving("a", "b")


async def test_an_extension_that_is_changed_starts_anew_and_the_others_go_on(
    watched: Watched,
) -> None:
    await until_added(watched)
    watched.settings(f'{A}dialect = "sw1"\n{B}')
    await watched.until(lambda: watched.worker("a").dialects == ("sw1",))
    await watched.until_serving("a", "b")
    assert watched.worker("a").last_reload == "kiket.toml"
    assert watched.worker("b").starts == 1
    assert watched.running.supervisor.judging("a").accept == ("sw1",)


async def test_a_mistake_in_one_table_leaves_the_others_alone_and_its_old_code_serving(
    watched: Watched,
) -> None:
    await until_added(watched)
    watched.settings(f"{A}port = 0\n{B}")
    await watched.until(lambda: watched.worker("a").state is WorkerState.BROKEN)
    problem = watched.worker("a").problem
    assert problem is not None
    assert problem.sentence.startswith(
        'kiket.toml, [[extension]] "a", has port = 0, but needs a port from 1 to 65535.'
    )
    assert watched.worker("a").serving
    assert watched.worker("b").state is WorkerState.SERVING
    watched.settings(A + B)
    await watched.until_serving("a", "b")
    assert watched.worker("b").starts == 1


async def test_settings_that_cannot_be_understood_are_told_and_everything_goes_on(
    watched: Watched,
) -> None:
    await until_added(watched)
    watched.settings(A + A)
    for name in ("a", "b"):
        await watched.until(lambda name=name: watched.worker(name).problem is not None)  # type: ignore[misc]  # a default binds the loop's value
        problem = watched.worker(name).problem
        assert problem is not None
        assert 'kiket.toml has two extensions called "a"' in problem.sentence
        assert watched.worker(name).serving
    watched.settings(A + B)
    await watched.until_serving("a", "b")


async def test_a_comment_in_the_settings_reloads_nothing(watched: Watched) -> None:
    await until_added(watched)
    watched.settings(f"# only a comment\n{A}{B}")
    watched.settings(f"# and one that is seen\n{A}{B}dialect = 'k0'\n")
    await watched.until(lambda: watched.worker("b").dialects == ("k0",))
    assert watched.worker("a").starts == 1


async def test_a_change_of_the_variables_reloads_each_extension_once(watched: Watched) -> None:
    """Wherever it lies: the file stands in the project's folder alone."""
    await until_added(watched)
    file = watched.folder / ".env"
    await until_seen(
        lambda number: file.write_text(f"SHOP_NAME={number}\n"),
        lambda: watched.worker("b").last_reload == ".env",
    )
    await watched.until_serving("a", "b")
    assert watched.worker("a").last_reload == ".env"
    before = watched.worker("a").starts
    file.unlink()
    await watched.until(lambda: watched.worker("a").starts > before)  # or of one more save above
    await watched.until_serving("a", "b")


async def test_a_program_that_was_built_anew_is_started_anew(watched: Watched) -> None:
    def build() -> None:
        new = watched.folder / "server~"
        new.write_text(f"#!{sys.executable} -IS\n{SERVER}")
        new.chmod(0o755)
        new.replace(watched.folder / "server")

    build()
    watched.settings(f'{A}[[extension]]\nname = "b"\ncommand = ["./server"]\n')
    await watched.until_serving("a", "b")
    await until_seen(lambda _: build(), lambda: watched.worker("b").last_reload == "server")
    assert watched.worker("a").reloads == 0
