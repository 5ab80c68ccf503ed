"""A process that has imported everything but the project's code, so that a save need not wait.

serves ─refill→ waits ─save→ taken: told what to start ─serves→ refill …
                └ stale, or ended → ended, and the save starts a fresh process

Chosen over forking a warmed process: it is as fast, keeps each worker the child of its own
life-line, and is safe for libraries that start threads while they are imported.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.engine.bootstrapped import Bootstrapped
from kiket_console.engine.leftovers import MARK
from kiket_console.engine.worker_messages import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from kiket_console.engine.process import MakeProcess, Process
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.worker_spec import WorkerSpec

LOCK_FILES = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
    "requirements.txt",
)
"""What tools write when installed packages change."""

Prints = tuple[tuple[int, int, int] | None, ...]


class Standby:
    """At most one waiting process of a worker; it knows nothing of the project but its folder."""

    def __init__(self, make_process: MakeProcess) -> None:
        self._make_process = make_process
        self._waiting: Process | None = None
        self._prints: Prints = ()
        self._package_folders: tuple[str, ...] = ()
        self._teacher: Bootstrapped | None = None
        self._is_spoiled = False

    def take(self, spec: WorkerSpec, number: int, given: Surroundings) -> Process | None:
        """Tell what waits to start *spec*, and return it; None when nothing fit for it waits."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or not isinstance(waiting, Bootstrapped):
            return None
        if waiting.is_gone or not self._fits(waiting, spec, given):
            waiting.cut()
            return None
        waiting.begin(spec, number, given)
        return waiting

    def foresee(self, files: Collection[str]) -> None:
        """Tell what waits that *files* were just saved: it is going to start with them."""
        waiting: object = self._waiting
        if isinstance(waiting, Bootstrapped):
            waiting.foresee(files)

    def learn(self, process: Process) -> None:
        """Remember a process that serves, for what it has imported of what is installed."""
        if isinstance(process, Bootstrapped):
            self._teacher = process

    def spoil(self) -> None:
        """Import only what every worker needs from now on: what was learned does harm early."""
        self._is_spoiled = True

    def refill(
        self, spec: WorkerSpec, number: int, given: Surroundings, on_gone: Callable[[], None]
    ) -> Process | None:
        """Return a process to run that will wait, if none does; *number* is of the newest start."""
        if spec.command or (self._waiting is not None and not self._waiting.is_gone):
            return None
        learned = self._teacher.ready if self._teacher else NOTHING
        if self._is_spoiled:
            learned = replace(learned, modules=())
        self._package_folders = self._teacher.package_folders if self._teacher else ()
        marker = f"{given.marker.rstrip('/')}w/"
        self._prints = self._prints_of(spec)
        self._waiting = self._make_process(
            spec,
            number,
            dataclasses.replace(
                given,
                marker=marker,
                environment={**given.environment, MARK: marker},
                secrets={},
            ),
            on_gone=on_gone,
            learned=learned,
            waits=True,
        )
        return self._waiting

    def discard(self) -> None:
        """Begin to end what waits."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cut()

    def _fits(self, waiting: Bootstrapped, spec: WorkerSpec, given: Surroundings) -> bool:
        before = waiting.spec
        return (
            (before.kind, before.interpreter, before.folder, before.command)
            == (spec.kind, spec.interpreter, spec.folder, spec.command)
            and _plain(waiting.environment) == _plain(given.environment)
            and self._prints == self._prints_of(spec)
        )

    def _prints_of(self, spec: WorkerSpec) -> Prints:
        """Return what changes when the interpreter or a package of it does."""
        places: Iterable[Path | str] = (
            spec.interpreter,
            spec.interpreter.parent.parent / "pyvenv.cfg",
            *(spec.folder / name for name in LOCK_FILES),
            *self._package_folders,
        )
        return tuple(_print_of(place) for place in places)


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != MARK}


def _print_of(place: Path | str) -> tuple[int, int, int] | None:
    try:
        seen = Path(place).stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
