"""A process of a worker and all that it starts, held by a life-line.

engine ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
       ── stdout, stderr ── all that is written there, read to the end
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console.engine.lateness import Lateness
from kiket_console.engine.leftovers import end_marked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import Any

    from kiket_console.engine.worker_log import WorkerLog

LIFELINE = Path(__file__).parent / "lifeline.py"
END_LIMIT_S = 5.0
"""What the life-line needs at most: its grace, and killing."""
REST_LIMIT_S = 1.0
"""How long what a tree wrote before its end is read on."""
REST_TURNS = 10
"""In so many turns: when this process pauses for longer, it reads what came meanwhile."""
TOLD_LIMIT_S = 2.0
"""How long the life-line may take to tell how what it holds ended: a moment, if it has the time."""


class WorkerTree:
    """What every worker's process is; it may be cut at any time, be it before it is spawned.

    Whoever derives from it calls `_spawn_tree`, then `_follow_tree`, then sets `_ended`.
    """

    def __init__(self, log: WorkerLog) -> None:
        self.returncode: int | None = None
        """How the process ended; negative for a signal, None before."""
        self.lateness = Lateness()
        """How late its event loop was, where it tells."""
        self._log = log
        self._is_cut = False
        self._ended = asyncio.Event()
        self._life: int | None = None
        self._shim: asyncio.subprocess.Process | None = None

    @property
    def last_stderr(self) -> tuple[str, ...]:
        """Return the newest lines that it wrote to standard error."""
        return self._log.last_stderr

    async def _spawn_tree(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        descriptors: Sequence[int] = (),
        streams: tuple[int, int] | None = None,
    ) -> None:
        """Start *command*, handing it *descriptors*; raises OSError.

        *streams* become its standard input and output; else it has no input, and what it writes
        is read as lines.
        """
        stdin, stdout = streams or (asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE)
        life, ours = os.pipe()
        try:
            self._shim = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(LIFELINE)),
                ",".join(map(str, (life, *descriptors))),
                *command,
                stdin=stdin,
                stdout=stdout,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(life, *descriptors),
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(life)
        self._life = ours
        if self._is_cut:  # meanwhile
            self.cut()

    async def _follow_tree(
        self,
        marker: str,
        *reading: Coroutine[Any, Any, None],
        on_exit: Callable[[], None] = lambda: None,
    ) -> None:
        """Read what it writes, and whatever else there is to read, until nothing is left of it.

        *marker* is the value of `leftovers.MARK` in its environment; *on_exit* is called when the
        process has ended.
        """
        shim = self._shim
        assert shim is not None  # noqa: S101 - spawned
        pipes = (("stdout", shim.stdout), ("stderr", shim.stderr))
        async with asyncio.TaskGroup() as tasks:
            readers = [
                *(tasks.create_task(each) for each in reading),
                *(tasks.create_task(self._log.read(name, pipe)) for name, pipe in pipes if pipe),
            ]
            self.returncode = await shim.wait()
            on_exit()
            if self.returncode < 0:  # else its parent has ended the tree, and so itself
                await asyncio.to_thread(end_marked, marker)
            # What the tree wrote before its end is still in the pipes, and read to the end.
            unended: set[asyncio.Task[None]] = set(readers)
            for _ in range(REST_TURNS):
                if unended:
                    _, unended = await asyncio.wait(unended, timeout=REST_LIMIT_S / REST_TURNS)
            for reader in unended:
                reader.cancel()

    def cut(self) -> None:
        """Close the life-line: the tree begins to end, whether or not we live to see it."""
        self._is_cut = True
        if self._life is not None:
            os.close(self._life)
            self._life = None

    def kill(self) -> None:
        """Begin to kill the whole tree, without a grace: what is under way in it is lost."""
        if self._shim is not None:
            with contextlib.suppress(ProcessLookupError):
                self._shim.send_signal(signal.SIGUSR1)
        self.cut()

    async def end(self) -> None:
        """End the whole tree: TERM, three seconds, KILL; returns when nothing is left."""
        self.cut()
        if not await self._ends_within(END_LIMIT_S):
            if self._shim is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._shim.kill()
            await self._ended.wait()

    async def wait_ended(self) -> None:
        """Wait until nothing of it is left."""
        await self._ended.wait()

    async def _ends_within(self, limit_s: float) -> bool:
        """Wait for the end for so long; return whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._ended.wait()
        return self._ended.is_set()

    async def returncode_soon(self) -> int | None:
        """Return how it ended, None when what it started keeps that from being known yet."""
        await self._ends_within(TOLD_LIMIT_S)
        return self.returncode

    async def _shim_ends(self) -> int | None:
        """Wait for its parent's end; return how it ended, None when that is not known soon."""
        assert self._shim is not None  # noqa: S101 - spawned
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOLD_LIMIT_S):
                await self._shim.wait()
        return self._shim.returncode
