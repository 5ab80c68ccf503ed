"""The processes of one worker: each from its launch, by standby or anew, to its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from kiket_console.engine.bootstrapped import GoneError, UnfitError
from kiket_console.engine.process import StartFailed
from kiket_console.engine.standby import Standby

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine
    from types import TracebackType
    from typing import Any, Self

    from kiket_console.engine.chronicle import Chronicle
    from kiket_console.engine.process import MakeProcess, Process
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.worker_spec import WorkerSpec

REFILL_AFTER_S = 0.1
"""What has just started answers its first requests before the next process is prepared."""
FIRST_REFILL_AFTER_S = 2.0
"""The same of the very first start: a console starts beside it, and nobody saves yet."""


class Launcher:
    """Launches processes, and leaves none behind when its block is left."""

    def __init__(
        self,
        make_process: MakeProcess,
        chronicle: Chronicle,
        *,
        on_gone: Callable[[], None],
    ) -> None:
        self._make_process = make_process
        self._chronicle = chronicle
        self._on_gone = on_gone
        self._standby = Standby(make_process)
        self._discarded = asyncio.Event()
        self._processes: set[Process] = set()
        self._tasks = asyncio.TaskGroup()
        self._attempt: Process | None = None
        self.newest: Process | None = None
        """What was started last, be it that it failed or has ended."""
        self.attempt_s = 0.0
        """When the newest attempt began, on the monotonic clock."""

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._tasks.__aexit__(kind, error, trace)
        finally:
            for process in self._processes:
                process.cut()

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* meanwhile; the block is left when it is done."""
        self._tasks.create_task(work)

    async def launch(
        self,
        spec: WorkerSpec,
        number: int,
        given: Surroundings,
        make_way: Callable[[], Coroutine[Any, Any, bool]],
    ) -> Process | None:
        """Return a process that serves.

        Where only one can at a time, *make_way* is called and says whether another is wanted
        still; if not there is None. Raises `StartFailed`.
        """
        self._discarded.clear()
        if spec.port is not None and not await make_way():
            return None
        process: Process | None = self._standby.take(spec, number, given)
        if process is not None:
            try:
                return await self._ready(process)
            except GoneError:
                pass  # a fresh one tells whether it is the code that ends it
            except UnfitError as error:
                self._standby.spoil()
                self._chronicle.unfit(error.problem)
        process = self._make_process(spec, number, given, on_gone=self._on_gone)
        self._run(process)
        return await self._ready(process)

    def prepare_next(self, spec: WorkerSpec, number: int, given: Surroundings) -> None:
        """Have a process wait for the next start; *number* is of the newest one."""
        self.soon(self._refill(spec, number, given))

    def foresee(self, files: Collection[str]) -> None:
        """Have what waits compile *files*, which were just saved, before it is told to start."""
        self._standby.foresee(files)

    def learn(self, process: Process) -> None:
        """Prepare the next one as *process*, which serves, is."""
        self._standby.learn(process)

    def give_up(self, after_s: float = 0.0) -> None:
        """End the attempt that is under way, once it is older than *after_s*."""
        attempt = self._attempt
        left_s = self.attempt_s + after_s - time.monotonic()
        if attempt is None:
            return
        if left_s <= 0:
            attempt.cut()
        else:
            asyncio.get_running_loop().call_later(left_s, self._cut, attempt)

    def _cut(self, attempt: Process) -> None:
        if attempt is self._attempt:
            attempt.cut()

    def kill(self) -> None:
        """Kill every process: the one that serves, those that finish, those that wait."""
        for process in self._processes:
            process.kill()

    def discard(self) -> None:
        """Have no process wait any more, until the next launch."""
        self._discarded.set()
        self._standby.discard()

    async def _refill(self, spec: WorkerSpec, number: int, given: Surroundings) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REFILL_AFTER_S if number > 1 else FIRST_REFILL_AFTER_S):
                await self._discarded.wait()
        if not self._discarded.is_set():
            waiting = self._standby.refill(spec, number, given, self._on_gone)
            if waiting is not None:
                self._run(waiting)

    async def _ready(self, process: Process) -> Process:
        """Wait until *process* serves; end it if it fails to, or if that is given up."""
        self._attempt, self.attempt_s = process, time.monotonic()
        self.newest = process
        try:
            await process.become_ready()
        except StartFailed:
            self.soon(process.end())
            raise
        finally:
            self._attempt = None
        return process

    def _run(self, process: Process) -> None:
        self._processes.add(process)
        self.soon(self._follow(process))

    async def _follow(self, process: Process) -> None:
        try:
            await process.run()
        finally:
            self._processes.discard(process)
