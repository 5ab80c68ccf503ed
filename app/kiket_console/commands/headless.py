"""Run an engine in this process: signals, words, and what is left when it ends.

signals, `stop`, end of standard input ──► engine.stop()      a second signal ──► hurry
commits, workers, notes ──► teller ──► stdout (NDJSON) or stderr
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict

from kiket_console.commands.documents import document
from kiket_console.commands.teller import Teller
from kiket_console.engine.engine import Engine
from kiket_console.engine.hardening import harden
from kiket_console.engine.parts import Events
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private
from kiket_core.secret import RedactingFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path
    from typing import Any

    from kiket_console.config import Config
    from kiket_console.paths import ProjectPaths
    from kiket_console.project import Project
    from kiket_console.wire import EngineInfo


GC_OBJECTS = 20_000
"""How many more objects start a collection: what a delivery makes is in no cycle, so that looking
at it more often costs a twelfth of the engine's time and finds nothing."""


class Wanted(Struct, frozen=True):
    """How the engine is to run."""

    settings: Config
    session_secrets: bool = False
    env_file: Path | None = None
    """Where variables for workers stand, if not in `.env`."""
    as_json: bool = False
    as_lines: bool = False
    """Lines for a person are what is wanted, so that they go to standard output."""
    is_quiet: bool = False
    """Nothing is said of what is recorded."""
    ready_file: Path | None = None
    options: Sequence[str] = ()
    """Those of the command line, which the engine tells whoever starts the next one."""
    until_stdin_closes: bool = False
    """Stop when whoever started us is gone."""
    beside: Callable[[ProjectPaths], Coroutine[Any, Any, None]] | None = None
    """Runs while the engine serves, and is cancelled when it stops."""


def serve(paths: ProjectPaths, project: Project, wanted: Wanted) -> int:
    """Run the engine to its end; return the exit status.

    Raises `ConsoleError` when it cannot start.
    """
    harden()
    gc.set_threshold(GC_OBJECTS, 20, 20)
    handler = logging.StreamHandler(sys.stderr)
    form = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(RedactingFormatter(form))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_Run(paths, project, wanted).run())


class _Run:
    """One run of an engine, from its start to its last word."""

    def __init__(self, paths: ProjectPaths, project: Project, wanted: Wanted) -> None:
        self._paths = paths
        self._wanted = wanted
        self._teller = Teller(
            paths, as_json=wanted.as_json, to_stdout=wanted.as_lines, is_quiet=wanted.is_quiet
        )
        self._ready = asyncio.Event()
        self._reason = "stop"
        events = Events(self._on_ready, self._teller.wake, self._teller.worker, self._teller.note)
        self._engine = Engine(
            paths,
            project,
            wanted.settings,
            events,
            session_secrets=wanted.session_secrets,
            env_file=wanted.env_file,
            options=wanted.options,
        )

    async def run(self) -> int:
        self._listen()
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = tasks.create_task(self._beside())
                await self._engine.run()
                beside.cancel()
        except* ConsoleError as group:
            raise group.exceptions[0] from None
        finally:
            gc.enable()
            if self._wanted.ready_file is not None:
                self._wanted.ready_file.unlink(missing_ok=True)
            if self._ready.is_set():
                self._teller.stopped(self._reason)
        return ExitCode.INTERRUPTED if self._reason == "SIGINT" else ExitCode.OK

    def _on_ready(self, info: EngineInfo) -> None:
        if self._wanted.ready_file is not None:
            write_private(self._wanted.ready_file, document(**asdict(info)).encode())
        self._teller.ready(info)
        self._teller.start()
        gc.freeze()  # nor need it go through what was imported
        gc.enable()
        self._ready.set()

    async def _beside(self) -> None:
        await self._ready.wait()
        if self._wanted.beside is not None:
            await self._wanted.beside(self._paths)

    def _listen(self) -> None:
        """Let signals, and the end of standard input where that is wanted, stop the engine."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled, number)
        if self._wanted.until_stdin_closes:
            loop.add_reader(0, self._read_stdin)

    def _signalled(self, number: signal.Signals) -> None:
        if self._engine.is_stopping:
            self._engine.hurry()
        else:
            self._reason = number.name
            self._engine.stop()

    def _read_stdin(self) -> None:
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            self._reason = "end of standard input"
            self._engine.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None
