"""Keep one worker running: through saves, crashes and what a person asks.

STARTING ─ready→ SERVING ─save→ RELOADING ─ready→ SERVING
    └fails→ BROKEN ←──────────────┘ (what served goes on serving)
SERVING ─crash→ BACKOFF ─after a while→ STARTING    five crashes in a minute → FATAL
a save or a restart starts at once, from any state but STOPPED
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.engine import health, portrait
from kiket_console.engine.chronicle import Cause, Chronicle
from kiket_console.engine.crashes import CRASHES_ALLOWED, Crashes, given_up
from kiket_console.engine.drains import Drains
from kiket_console.engine.launcher import Launcher
from kiket_console.engine.process import StartFailed, how_ended
from kiket_console.errors import ConsoleError
from kiket_console.model import Problem, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.process import MakeProcess, Process
    from kiket_console.engine.surroundings import Surrounder, Surroundings
    from kiket_console.model import Worker
    from kiket_console.store.records import NewLog
    from kiket_console.telemetry.nouns import Reload
    from kiket_console.worker_spec import WorkerSpec

DRAIN_LIMIT_S = 30.0
"""The longest that a request can take, and so a worker that has been replaced."""
STUCK_S = 10.0
"""Past this a start is given up when there is a newer save."""
_UNDER_WAY = (WorkerState.STARTING, WorkerState.RELOADING)
_GIVEN_UP = (WorkerState.BROKEN, WorkerState.STOPPING, WorkerState.STOPPED, WorkerState.FATAL)


class Keeper:
    """One worker and its processes: one that serves, at times one that starts or drains."""

    def __init__(
        self,
        spec: WorkerSpec,
        look_again: Callable[[], WorkerSpec | None],
        surrounder: Surrounder,
        make_process: MakeProcess,
        *,
        on_change: Callable[[], None],
        on_log: Callable[[NewLog], None],
        on_reload: Callable[[Reload], None] = lambda _: None,
        drain_limit_s: float = DRAIN_LIMIT_S,
    ) -> None:
        self.name = spec.name
        self._spec = spec
        self._look_again = look_again
        self._surrounder = surrounder
        self._on_change = on_change
        self._chronicle = Chronicle(self.name, on_log, on_reload)
        self._wake = asyncio.Event()
        self._launcher = Launcher(make_process, self._chronicle, on_gone=self._wake.set)
        self.foresee = self._launcher.foresee
        self._drains = Drains(self._chronicle, self._drains_changed, drain_limit_s)
        self._serving: Process | None = None
        self._serving_since_s = 0.0
        self._given: Surroundings | None = None
        self._wanted = True
        self._ending = "stopped"
        self._closing = False
        self._is_removed = False
        self._due = True
        self._saved: Cause | None = None
        self._cause = Cause()
        self._crashes = Crashes()
        self._moved = asyncio.Event()
        self._worker = portrait.at_first(spec)

    # What others see

    @property
    def worker(self) -> Worker:
        """Return how it is now."""
        process = self.serving or self._launcher.newest
        facts = process.facts if process is not None else None
        return replace(self._worker, module=facts) if facts is not None else self._worker

    @property
    def spec(self) -> WorkerSpec:
        """Return how it was run when it was last started."""
        return self._spec

    @property
    def serving(self) -> Process | None:
        """Return the process that requests go to, if one does."""
        process = self._serving
        return process if process is not None and not process.is_gone else None

    @property
    def given(self) -> Surroundings | None:
        """Return what the newest start was given."""
        return self._given

    async def wait_serving(self, timeout_s: float) -> Process | None:
        """Wait until a process serves; None when time is over or no start is under way."""
        await self._wait_while(
            lambda: self.serving is None and (self._due or self._worker.state not in _GIVEN_UP),
            timeout_s,
        )
        return self.serving

    async def wait_settled(self, timeout_s: float) -> bool:
        """Wait until no start is asked for or under way; return whether the newest one serves."""
        await self._wait_while(lambda: self._due or self._worker.state in _UNDER_WAY, timeout_s)
        return self._worker.state is WorkerState.SERVING and not self._due

    async def _wait_while(self, is_so: Callable[[], bool], timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while is_so() and not self._closing:
                    await self._moved.wait()

    def noted(self, **changes: object) -> None:
        """Note what is seen of it from outside: fields of `Worker`."""
        self._worker = replace(self._worker, **changes)

    # What others ask

    def reload(self, file: str, is_code: bool = False) -> None:
        """Start the code as saved; saves while that goes on become one more start after it."""
        if not self._wanted:
            return
        self._crashes.forget()
        self._saved = Cause(file, is_code)
        self._launcher.give_up(STUCK_S)
        self._ask()

    def start(self) -> None:
        """Start it if it is stopped, or has been given up."""
        if self.serving is None:
            self.restart()

    def restart(self) -> None:
        """Start it anew; what serves goes on until the new one does."""
        self._wanted = True
        self._ending = "stopped"
        self._crashes.forget()
        self._ask()

    def stop(self) -> None:
        """End it, and leave it ended until a person asks otherwise."""
        self._wanted = self._due = False
        self._saved = None
        self._launcher.discard()
        self._launcher.give_up()
        self._drains.cut()
        self._wake.set()

    def kill(self) -> None:
        """End it at once, whatever it is doing, and leave it ended."""
        self._ending = "killed"
        self.stop()
        self._launcher.kill()

    def remove(self) -> None:
        """End it for good once it has answered, and say that the project names it no more."""
        if not self._closing:
            self._is_removed = True
            self._chronicle.removed()
            self.close()

    def close(self) -> None:
        """End it for good; `run` returns when nothing is left, and nobody waits any more."""
        self._closing = True
        self._moved.set()
        self.stop()

    def _ask(self) -> None:
        self._due = True
        self._wake.set()

    # Its life

    async def run(self) -> None:
        """Keep it until `close`, or until cancelled; both leave no process behind."""
        async with self._launcher:
            while not self._closing:
                await self._step()
            await self._stop_serving()

    async def _step(self) -> None:
        self._wake.clear()
        gone = self._serving
        if gone is not None and gone.is_gone and self._wanted:
            self._serving = None
            await self._crashed(gone)
        if not self._wanted:
            await self._stop_serving()
            self._go(WorkerState.STOPPED, f"{self._ending} when asked to", pid=None, problem=None)
            await self._wake.wait()
        elif self._due:
            await self._start()
        elif self._worker.state is WorkerState.BACKOFF:
            await self._wait_backoff()
        else:
            await self._wake.wait()

    async def _start(self) -> None:
        self._due = False
        save, self._saved = self._saved, None
        self._cause = save or Cause()
        old = self.serving
        state = WorkerState.RELOADING if old else WorkerState.STARTING
        self._go(state, f"{save.file} was saved" if save else "started")
        process = None
        try:
            process = await self._started(save)
        except (StartFailed, ConsoleError) as error:
            self._failed(error.problem if isinstance(error, StartFailed) else Problem(str(error)))
        if process is not None:
            self._serving = process
            self._launcher.learn(process)
            self._succeeded(process)
            self._launcher.soon(health.watch(process, partial(self._checked, process)))
            if old is not None:
                self._launcher.soon(self._drains.retire(old))
        if self._given is not None and self._wanted:
            self._launcher.prepare_next(self._spec, self._worker.starts, self._given)

    async def _started(self, save: Cause | None) -> Process | None:
        """Return what serves, None when it is not wanted; raises `StartFailed`, `ConsoleError`."""
        known = self._spec
        if save is not None and save.is_code and known.problem is None and not known.command:
            process = await self._started_as_before(known)
            if process is not None or not self._wanted:
                return process
        spec = await self._looked_again()
        return await self._launched(spec, await self._surrounded(spec)) if spec else None

    async def _started_as_before(self, known: WorkerSpec) -> Process | None:
        """Start what is known while the folder is looked at; None where that shows a change."""
        process, failed, looking = None, None, None
        async with asyncio.TaskGroup() as tasks:
            try:
                given = await self._surrounded(known)
                looking = tasks.create_task(self._seen())  # begins when this waits: code is told
                process = await self._launched(known, given)
            except (StartFailed, ConsoleError) as error:
                failed = error
        seen = looking.result() if looking else await self._seen()
        if seen is not None and seen.runs_like(known):
            self._spec = seen
            if failed is not None:
                raise failed
            return process
        if process is not None:
            self._launcher.soon(process.end())
        return None

    async def _seen(self) -> WorkerSpec | None:
        """Return what is in the folder; None where whoever looks next finds out what is wrong."""
        with contextlib.suppress(ConsoleError):
            return await asyncio.to_thread(self._look_again)
        return None

    async def _surrounded(self, spec: WorkerSpec) -> Surroundings:
        """Count one more start, and return what it is given; raises `ConsoleError`."""
        self._worker = portrait.launched(self._worker, spec)
        label = f"{self.name}#{self._worker.starts}"
        given = self._given = await self._surrounder.surround(spec, label)
        self._worker = portrait.surrounded(self._worker, given)
        return given

    async def _launched(self, spec: WorkerSpec, given: Surroundings) -> Process | None:
        if not self._wanted:
            return None  # asked to stop while there was no process to end yet
        return await self._launcher.launch(spec, self._worker.starts, given, self._make_way)

    async def _make_way(self) -> bool:
        """End what serves on the port that its successor needs; requests wait meanwhile.

        Returns whether a successor is still wanted then.
        """
        process, self._serving = self._serving, None
        self.noted(serving=False, pid=None)
        if process is not None:
            await process.drain(self._drains.limit_s)
        return self._wanted

    async def _looked_again(self) -> WorkerSpec | None:
        """Return what is in the folder now; raises `StartFailed` when that cannot start."""
        before = self._spec.manifest
        spec = await asyncio.to_thread(self._look_again)
        if spec is None:
            self.remove()
            return None
        self._spec = spec
        if before is not None and spec.manifest is None:
            self._chronicle.lost(before.name)
        if spec.problem is not None:
            raise StartFailed(spec.problem)
        return spec

    def _succeeded(self, process: Process) -> None:
        self._serving_since_s = time.monotonic()
        after_ms = self._chronicle.serves(process.label, self._cause)
        if self._cause.file:
            self._worker = portrait.reloaded(self._worker, self._cause.file, after_ms)
        self._worker = portrait.with_code(self._worker, self._spec, process)
        found = process.finding
        self._go(WorkerState.SERVING, found.said, problem=found.problem)
        self._chronicle.doubts(found.problem)

    def _checked(self, process: Process, found: health.Finding, silent_s: float | None) -> None:
        """Refresh the evidence; begin to end a process that hangs, as if it had crashed."""
        if process is not self.serving:
            return
        is_news = self._chronicle.checked(process.label, silent_s=silent_s)
        if self._worker.state is WorkerState.SERVING:  # else the evidence is about a newer start
            self.noted(evidence=found.said, evidence_us=_now_us())
            if silent_s is None:
                is_news |= self._chronicle.doubts(found.problem)
                self.noted(problem=found.problem)
        if silent_s is not None and health.is_hung(silent_s, process.modules):
            self._chronicle.hung(process.label, silent_s)
            process.cut()
        if is_news:
            self._on_change()

    def _failed(self, problem: Problem) -> None:
        if not self._wanted:
            return  # it was ended on purpose
        label = f"{self.name}#{self._worker.starts}"
        self._chronicle.did_not_start(label, self._cause, problem)
        self._crashes.tell(label, problem.sentence)
        self._serving = self.serving
        self._go(WorkerState.BROKEN, "the newest code did not start", problem=problem)

    async def _crashed(self, process: Process) -> None:
        alive_s = time.monotonic() - self._serving_since_s
        ended = how_ended(await process.returncode_soon())
        self._launcher.soon(process.end())
        how = f"{process.label} {ended} after {alive_s:.1f} s"
        count = self._crashes.add(time.monotonic(), alive_s)
        self._chronicle.failed(Problem(f"{how}."))
        self._crashes.tell(process.label, f"{how}.")
        if self._due:
            return
        if count >= CRASHES_ALLOWED:
            problem = Problem(given_up(how, count), traceback=process.last_stderr)
            self._go(WorkerState.FATAL, "crashes", pid=None, problem=problem)
            return
        problem = Problem(f"{how}.", traceback=process.last_stderr)
        next_us = _now_us() + round(self._crashes.backoff_s * 1e6)
        pause = f"starts again in {self._crashes.backoff_s:.1f} s"
        self._go(WorkerState.BACKOFF, pause, pid=None, problem=problem, next_try_us=next_us)

    async def _wait_backoff(self) -> None:
        try:
            async with asyncio.timeout(self._crashes.backoff_s):
                await self._wake.wait()
        except TimeoutError:
            self._worker = replace(self._worker, restarts=self._worker.restarts + 1)
            self._due = True

    def _drains_changed(self) -> None:
        self._worker = replace(self._worker, draining=self._drains.shown)
        self._on_change()

    async def _stop_serving(self) -> None:
        process, self._serving = self._serving, None
        if process is not None and not self._closing:
            self._go(WorkerState.STOPPING, "it was asked to end")
        if process is not None:
            await (process.drain(self._drains.limit_s) if self._is_removed else process.end())

    def _go(self, state: WorkerState, evidence: str, **changes: object) -> None:
        self.noted(
            state=state,
            serving=self.serving is not None,
            evidence=evidence,
            evidence_us=_now_us(),
            crashes=self._crashes.told,
            **{"next_try_us": 0, **changes},
        )
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
        self._on_change()


def _now_us() -> int:
    return time.time_ns() // 1000
