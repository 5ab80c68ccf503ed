"""Watch a whole project: the code of each worker, and the files that say more of all of them.

a save below a worker ──► reload it            kiket.toml ──► look at the project again
                                                .env ──► reload all
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Protocol

from kiket_console import project as projects
from kiket_console.engine import tree
from kiket_console.engine.pace import GONE_SETTLE_S
from kiket_console.engine.reloader import LOOK_EVERY_S, Reloader
from kiket_console.engine.watches import watched
from kiket_console.errors import ConsoleError
from kiket_console.paths import shown
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection
    from pathlib import Path

    from kiket_console.project import Project
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import WorkerSpec


PROGRAM_EVERY_S = 0.25
"""How often a program is looked at; it is started anew once it stays as it is for so long."""


class Reloaded(Protocol):
    """Who runs the workers."""

    def reload(self, name: str, file: str, is_code: bool = False) -> None:
        """Start worker *name* anew because *file* was saved; *is_code*: Python code alone was."""
        ...

    def foresee(self, name: str, files: Collection[str]) -> None:
        """Make ready for the `reload` of worker *name* that *files*, just saved, will lead to."""
        ...

    def adopt(self, project: Project) -> tuple[WorkerSpec, ...]:
        """Run what *project* names now, and nothing else; return it by the names it goes by."""
        ...

    def reload_all(self, file: str) -> None:
        """Start every worker anew because *file* was saved."""
        ...


class Watching:
    """Watches one project for as long as `run` goes on."""

    def __init__(
        self,
        project: Project,
        workers: Reloaded,
        on_log: Callable[[NewLog], None],
        env_file: Path | None = None,
    ) -> None:
        self._project = project
        self._settings = project.folder / PROJECT_FILE
        self._env_file = env_file
        self._workers = workers
        self._on_log = on_log
        self._watched: dict[str, tuple[WorkerSpec, Reloader, asyncio.Task[None]]] = {}

    @property
    def trouble(self) -> str:
        """Why saves are not heard of at once, in one sentence; empty while they are."""
        return next((watch.trouble for _, watch, _ in self._watched.values() if watch.trouble), "")

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._watch(tasks, self._project.workers)
            if self._env_file is not None:
                tasks.create_task(self._watch_file(self._env_file, self._env_file_saved))
            await self._watch_file(self._settings, partial(self._look_again, tasks))

    def _watch(self, tasks: asyncio.TaskGroup, workers: tuple[WorkerSpec, ...]) -> None:
        """Have a watch over the folders of each worker, and over no other."""
        wanted = {spec.name: spec for spec in workers if spec.watch}
        for name, (seen, _, task) in list(self._watched.items()):
            if name not in wanted or _watched_as(wanted[name]) != _watched_as(seen):
                task.cancel()
                del self._watched[name]
        for name, spec in wanted.items():
            if name not in self._watched:
                ours = (self._settings, *([self._env_file] if self._env_file else []))
                watch = Reloader(
                    spec,
                    ours,
                    partial(self._workers.reload, name),
                    self._on_log,
                    partial(self._workers.foresee, name),
                )
                following = tasks.create_task(self._follow(spec, watch))
                self._watched[name] = (spec, watch, following)

    async def _follow(self, spec: WorkerSpec, watch: Reloader) -> None:
        """Watch the code of a worker, and its program, which a compiler makes anew."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch.run())
            program = _program(spec)
            if program is not None:
                tasks.create_task(self._watch_program(spec.name, program))

    async def _watch_program(self, name: str, program: Path) -> None:
        """Look at one file again and again: no watch over code tells of a file of any name."""
        known = tree.print_of(str(program))
        while True:
            await asyncio.sleep(PROGRAM_EVERY_S)
            seen = tree.print_of(str(program))
            if seen is None or seen == known:
                continue
            while seen != known:  # until it is written to the end
                known = seen
                await asyncio.sleep(PROGRAM_EVERY_S)
                seen = tree.print_of(str(program))
            if seen is not None:
                self._workers.reload(name, program.name)

    async def _watch_file(self, file: Path, on_save: Callable[[], Awaitable[None]]) -> None:
        """Watch one file by its folder: a file that is saved by renaming is another one."""
        folder, since_ns = file.parent, tree.now_ns()
        while True:
            place = tree.place_of(folder)
            async with watched([folder], since_ns, self._on_poll, deep=False) as watch:
                while place is not None and tree.place_of(folder) == place:
                    since_ns = tree.now_ns()
                    seen = await watch.wait(LOOK_EVERY_S)
                    if str(file) in seen.written | seen.gone:
                        await asyncio.sleep(GONE_SETTLE_S)  # an editor may be about to put it back
                        await watch.wait(0)
                        await on_save()
            await asyncio.sleep(LOOK_EVERY_S)  # the folder is being replaced

    def _on_poll(self, sentence: str) -> None:
        """Leave it to the watches over the code to say so."""

    async def _env_file_saved(self) -> None:
        assert self._env_file is not None  # noqa: S101 - it is watched
        self._workers.reload_all(shown(self._env_file.name))

    async def _look_again(self, tasks: asyncio.TaskGroup) -> None:
        project = await self._found()
        if project is None:  # perhaps it is being written once more
            await asyncio.sleep(GONE_SETTLE_S)
            project = await self._found()
        if project is None:
            self._workers.reload_all(PROJECT_FILE)  # each then looks itself, and says what is wrong
        else:
            self._watch(tasks, self._workers.adopt(project))

    async def _found(self) -> Project | None:
        """Return what there is now, or None while that cannot be understood."""
        try:
            return await asyncio.to_thread(projects.find, self._project.folder)
        except ConsoleError:
            return None


def _watched_as(spec: WorkerSpec) -> tuple[object, ...]:
    """Return what makes another watch."""
    return spec.watch, spec.command[:1]


def _program(spec: WorkerSpec) -> Path | None:
    """Return the file that a command names by its path, unless it is watched as code is."""
    if not spec.command or "/" not in spec.command[0]:
        return None
    place = spec.folder / spec.command[0]
    return None if tree.matters(str(place), spec.watch) else place
