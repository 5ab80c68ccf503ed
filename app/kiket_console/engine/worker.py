"""One life of a worker: a process from its preparation, over its first answer, to its end.

engine ── control socket ── bootstrap.py (prepare, start, found, ready, failed, lines, drain)
       ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
       ── stdout, stderr ── what is written past Python: C code, sub-processes
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from typing import TYPE_CHECKING

from kiket_console.engine import health, worker_tree
from kiket_console.engine.bootstrapped import Bootstrapped
from kiket_console.engine.ports import Target
from kiket_console.engine.private_socket import bind_private
from kiket_console.engine.process import StartFailed
from kiket_console.engine.worker_log import WorkerLog
from kiket_console.engine.worker_messages import (
    NOTHING,
    Ready,
    drain_message,
    prepare_message,
    start_message,
)
from kiket_console.engine.worker_tree import REST_LIMIT_S
from kiket_console.errors import ConsoleError
from kiket_console.model import Handler, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.health import Finding
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.module_facts import ModuleFacts
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import ExtensionSpec

IMPORT_LIMIT_S = 60.0
LISTEN_LIMIT_S = 10.0
"""From the import's end to listening: the app's own start-up."""
HEALTH_LIMIT_S = 10.0
LISTEN_BACKLOG = 512


class WorkerProcess(Bootstrapped):
    """A process that starts its code at once, or waits for `begin` with all else imported.

    `become_ready` tells whether it serves.
    """

    facts: ModuleFacts | None = None

    def __init__(
        self,
        spec: ExtensionSpec,
        number: int,
        given: Surroundings,
        *,
        on_log: Callable[[NewLog], None],
        on_gone: Callable[[], None],
        learned: Ready = NOTHING,
        waits: bool = False,
    ) -> None:
        mark = "w" if waits else ""
        self.socket_path = given.run_folder / f"{_socket_stem(spec.name)}-{number}{mark}.sock"
        self.finding = health.NOTHING
        self._uses_sdk = spec.uses_sdk
        self._target: Target | None = None
        self._line: health.Line | None = None
        """A connection for the first check, made while nobody waits for it."""
        log = WorkerLog(spec.name, on_log)
        super().__init__(spec, number, given, log, on_gone=on_gone, learned=learned, waits=waits)

    def _start_message(self) -> bytes:
        given = self._given
        shows_locals = given.shows_locals
        return start_message(self.spec, given.secrets, IMPORT_LIMIT_S, shows_locals=shows_locals)

    @property
    def target(self) -> Target:
        """Return where it takes requests."""
        secret = next(iter(self.webhook_secrets), "")
        if self._target is None or self._target.webhook_secret != secret:
            self._target = Target(
                self.spec.name, self.label, str(self.socket_path), webhook_secret=secret
            )
        return self._target

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Return what its code configured, else what it was given."""
        return (self.found.secrets if self.found else ()) or self._given.webhook_secrets

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Return the handlers that its code registered."""
        known = self.found.handlers if self.found else ()
        return tuple(
            Handler(each.event, each.version, each.file, each.line, each.scopes) for each in known
        )

    async def run(self) -> None:
        """Start it and follow it to its end; whatever happens, nothing of it is left."""
        try:
            if self._is_cut:
                return  # before there was a process
            control = await self._spawn()
            await self._follow_tree(self._given.marker, self._read_messages(control))
        except OSError as error:
            self._fail(Problem(f"{self.label} cannot be started: {error}."))
        except ConsoleError as error:
            self._fail(Problem(str(error)))
        finally:
            self._close()

    async def become_ready(self) -> None:
        """Wait until it answers its health check; raises `StartFailed`."""
        await self._become_prepared()
        try:
            # The worker itself gives up an import, saying where it stands.
            async with asyncio.timeout(IMPORT_LIMIT_S + LISTEN_LIMIT_S) as limit:
                if self._control is not None:  # its socket is open, though nobody takes it yet
                    with contextlib.suppress(OSError):
                        self._line = await health.connected(self.target)
                await self._imported.wait()
                await self._first_answer(limit)
        except (TimeoutError, OSError):
            limit_s = worker_tree.TOLD_LIMIT_S + REST_LIMIT_S
            await asyncio.wait([self._started], timeout=limit_s)  # what ends says why
            what = f"was imported, but did not listen within {LISTEN_LIMIT_S:.0f} s"
            if self._started.done():
                self._started.result()
                what = f"started, but did not answer GET /health within {HEALTH_LIMIT_S:.0f} s"
            raise StartFailed(Problem(f"{self.spec.entry} {what}.")) from None
        finally:
            line, self._line = self._line, None
            if line is not None:
                line[1].close()

    async def _first_answer(self, limit: asyncio.Timeout) -> None:
        """Ask before it listens, so that it answers at once when it does: its socket is open.

        Once it listens it has `HEALTH_LIMIT_S`, and no time at all once it has failed.
        """
        is_over = False

        def hurry(started: asyncio.Future[None]) -> None:
            if not (is_over or limit.expired()):  # it is called a little later than it was due
                left_s = 0.0 if started.exception() else HEALTH_LIMIT_S
                limit.reschedule(asyncio.get_running_loop().time() + left_s)

        self._started.add_done_callback(hurry)
        try:
            await self.check(IMPORT_LIMIT_S + LISTEN_LIMIT_S + HEALTH_LIMIT_S)
            await asyncio.shield(self._started)
        finally:
            is_over = True

    async def check(self, limit_s: float) -> Finding:
        """Send a signed self-test to code on our SDK, ask any other for GET /health.

        Raises TimeoutError or OSError when no answer comes.
        """
        signing = health.signing(self.found, self._given.webhook_secret, self.spec.dialects)
        if signing is None:
            self.finding = await health.ask(self.target, limit_s, self._line)
        else:
            self.finding = await health.test(self.target, signing, limit_s, self._line)
        return self.finding

    async def drain(self, limit_s: float) -> bool:
        """Let it finish what is under way, then end it; return whether it did within *limit_s*."""
        if self._control is not None and not self._control.is_closing():
            self._control.write(drain_message(limit_s))
        if await self._ends_within(limit_s + REST_LIMIT_S):
            return True
        await self.end()
        return False

    async def _spawn(self) -> asyncio.StreamReader:
        """Start the process, and close here what it listens on.

        So a connection to a worker that has ended is refused.
        """
        with bind_private(self.socket_path) as listener:
            listener.listen(LISTEN_BACKLOG)
            prepare = prepare_message(self.spec, self._learned, listener.fileno(), self._uses_sdk)
            return await self._spawn_bootstrap(prepare, [listener.fileno()])

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # never made, or something else in its place
            self.socket_path.unlink()
        super()._close()


def _socket_stem(name: str) -> str:
    """Return a short file name that no other worker has: socket paths have little room."""
    return f"worker-{zlib.crc32(name.encode('utf-8', 'backslashreplace')):08x}"
