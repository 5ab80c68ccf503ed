"""What a keeper asks of one life of a worker, whatever it runs.

`worker.WorkerProcess` runs Python code under our bootstrap, `command.CommandProcess` any command,
`orchestrator.process.ModuleProcess` a module.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Protocol

from kiket_console.engine.worker_messages import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.health import Finding
    from kiket_console.engine.lateness import Lateness
    from kiket_console.engine.ports import Target
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.engine.worker_messages import Found, Ready
    from kiket_console.model import Handler, Problem
    from kiket_console.module_facts import ModuleFacts
    from kiket_console.worker_spec import WorkerSpec


class StartFailed(Exception):  # noqa: N818  # the answer to "did it start?"
    """A worker did not get as far as answering; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


class Process(Protocol):
    """A process from its start, over its first answer, to its end."""

    label: str
    """The worker and its start count, `marketing#3`."""
    started_us: int
    found: Found | None
    """What its code turned out to be, for code that can tell."""
    returncode: int | None
    finding: Finding
    """What its newest answer showed."""
    lateness: Lateness
    """How late its event loop was, where it tells."""

    @property
    def facts(self) -> ModuleFacts | None:
        """What is known of a module; None for an extension."""
        ...

    @property
    def target(self) -> Target:
        """Where it takes requests."""
        ...

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """With what its deliveries may be signed, the current one first; never shown."""
        ...

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """The handlers that its code registered, as far as that is known."""
        ...

    @property
    def modules(self) -> tuple[str, ...]:
        """What its code has imported of what is installed, as far as that is known."""
        ...

    @property
    def pid(self) -> int | None:
        """The process that runs the developer's code, once it is known."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended; what it started may be ending still."""
        ...

    async def run(self) -> None:
        """Start it and follow it to its end; whatever happens, nothing of it is left."""
        ...

    async def become_ready(self) -> None:
        """Wait until it serves; raises `StartFailed`."""
        ...

    async def check(self, limit_s: float) -> Finding:
        """Ask whether it answers, remember what that shows in `finding`, and return it.

        Raises TimeoutError or OSError when no answer comes.
        """
        ...

    @property
    def last_stderr(self) -> tuple[str, ...]:
        """The newest lines that it wrote to standard error, some fifty at most."""
        ...

    async def drain(self, limit_s: float) -> bool:
        """Let it finish what is under way, then end it; return whether it did within *limit_s*."""
        ...

    async def end(self) -> None:
        """End the whole tree: TERM, three seconds, KILL; returns when nothing is left."""
        ...

    def cut(self) -> None:
        """Begin to end the tree, whether or not we live to see it."""
        ...

    def kill(self) -> None:
        """Begin to kill the whole tree, without a grace: what is under way in it is lost."""
        ...

    async def wait_ended(self) -> None:
        """Wait until nothing of it is left."""
        ...

    async def returncode_soon(self) -> int | None:
        """Return how it ended, None when what it started keeps that from being known yet."""
        ...


class MakeProcess(Protocol):
    """Makes a process for one start; nothing runs before its `run`."""

    def __call__(
        self,
        spec: WorkerSpec,
        number: int,
        given: Surroundings,
        *,
        on_gone: Callable[[], None],
        learned: Ready = NOTHING,
        waits: bool = False,
    ) -> Process:
        """Return the process of start *number*; *on_gone* is called when it has ended.

        One that *waits* imports what was *learned* of an earlier one, and starts nothing until it
        is told to begin; there is none of a command.
        """
        ...


def how_ended(returncode: int | None) -> str:
    """Say how a process ended, by its exit status or, when negative, its signal."""
    if returncode is None:
        return "ended"
    if returncode >= 0:
        return f"ended with exit status {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"
