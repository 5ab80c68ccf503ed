"""The engine's process as far as it is the console's own: the one it was opened with, and the next.

An engine that has gone is not started anew by itself: somebody may have stopped it, and one that
crashes would do so again. A key starts the next, as the last one was started.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

COMMAND = "engine"
"""The id of the command that starts the next one."""


class OwnEngine:
    """Starts engines for *app*.

    *process* is the engine that was started for the console, if any; *arguments* are options of
    `run --headless` that it had, which count until an engine has told its own; None where no other
    is to be started.
    """

    def __init__(
        self,
        app: ConsoleApp,
        paths: ProjectPaths,
        process: subprocess.Popen[bytes] | None,
        arguments: Sequence[str] | None,
    ) -> None:
        self._app = app
        self._paths = paths
        self._process = process
        self._arguments = arguments
        self.is_starting = False
        """Whether the next one was started and has not been reached yet."""

    @property
    def remedy(self) -> str:
        """What a person can do when it has gone: the rest of a sentence."""
        if self._arguments is None:
            return "leave, and start the demo again"
        return f"{self._app.registry.key(COMMAND) or f':{COMMAND}'} starts a new one"

    def process(self) -> subprocess.Popen[bytes] | None:
        """Return the engine that was started for this console, unless another one's was first."""
        if self._process is not None and self._process.poll() is not None:
            from kiket_console.engine_process import lock_holder

            if lock_holder(self._paths) is not None:
                self._process = None
        return self._process

    @property
    def could_not_start(self) -> bool:
        """Whether the one that the console was opened with ended before it was ever reached."""
        ours = None if self._app.link.ever else self.process()
        return ours is not None and bool(ours.poll())

    @property
    def has_gone(self) -> bool:
        """Whether no engine has the project, be it serving, starting or stopping."""
        from kiket_console.engine_process import lock_holder

        return lock_holder(self._paths) is None

    async def start(self) -> None:
        """Start the next one; say why where none can be."""
        from kiket_console.engine_process import lock_holder, start_engine

        if self.is_starting:
            return
        self.is_starting = True
        try:
            if self._arguments is None:
                raise ConsoleError("A demo has one engine.", hint=f"{self.remedy.capitalize()}.")
            if (pid := lock_holder(self._paths)) is not None:
                raise self._there(pid)
            self._process = None
            status = self._app.status
            arguments = self._arguments if status is None else _alike(status)
            self._process = await asyncio.to_thread(start_engine, self._paths, arguments)
            self._app.link_changed(False)
        except (ConsoleError, OSError) as error:
            self.is_starting = False
            self._app.say(str(error), error=True)

    def look(self) -> None:
        """Say why the next one ended as it started, if it did."""
        if self.is_starting and self._process is not None and self._process.poll():
            from kiket_console.engine_process import start_failure

            self.is_starting = False
            self._app.link_changed(False)
            self._app.say(str(start_failure(self._paths, self._process.returncode)), error=True)

    def _there(self, pid: int) -> ConsoleError:
        who = f"The engine, pid {pid}," if pid else "An engine"
        if self._app.link.up:
            return ConsoleError(f"{who} runs, and needs no other.")
        if self._app.link.silent and pid:
            return ConsoleError(
                f"{who} is there and does not answer.",
                hint=f"Let it go on (kill -CONT {pid}), or end it first (kill -KILL {pid}).",
            )
        return ConsoleError(f"{who} has this project and is on its way up, or down.")


def after_its_end(status: EngineStatus, at_us: int) -> EngineStatus:
    """Return how things are once the engine that said *status* has gone: its workers go with it."""
    ended = {
        "state": WorkerState.STOPPED,
        "serving": False,
        "evidence": "ended with the engine",
        "evidence_us": at_us,
        "pid": None,
        "draining": (),
        "cpu_percent": None,
        "memory_bytes": None,
        "next_try_us": 0,
    }
    return replace(status, workers=tuple(replace(each, **ended) for each in status.workers))


def _alike(status: EngineStatus) -> list[str]:
    """Return the options of the last engine, with where a person told it to keep secrets."""
    return [*status.options, *["--session-secrets"] * (status.vault == "this session only")]
