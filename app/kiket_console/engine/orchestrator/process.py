"""One life of a module: a process from its init line, over its announcement, to its end.

engine ── stdin, stdout, TCP, UDS ── the session: all that is said in the protocol
       ── control socket ── bootstrap.py, for Python code: what it imported, why it failed
       ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
       ── stderr ── its log, a JSON object a line
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from msgspec.structs import replace

from kiket_console import __version__
from kiket_console.engine import health, holders
from kiket_console.engine.bootstrapped import Bootstrapped
from kiket_console.engine.health import Finding
from kiket_console.engine.orchestrator import failures, ladder
from kiket_console.engine.orchestrator.allocation import NoPortError
from kiket_console.engine.orchestrator.log_lines import read_log_line
from kiket_console.engine.ports import Target
from kiket_console.engine.process import StartFailed
from kiket_console.engine.worker_log import WorkerLog
from kiket_console.engine.worker_messages import (
    NOTHING,
    REPORT,
    Line,
    Ready,
    prepare_message,
    start_message,
)
from kiket_console.model import Handler, Problem
from kiket_console.module_facts import ModuleFacts
from kiket_console.programs import CannotRunError, resolved
from kiket_console.worker_spec import ModuleSpec
from pywatt_sdk._protocol import Init

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kiket_console.engine.orchestrator.ports import OpenSession, Session
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.store.records import NewLog
    from pywatt_sdk._protocol import Announce

CONNECT_LIMIT_S = 10.0
"""From its announcement to taking connections: modules of the Rust SDK bind only then."""
LOOK_EVERY_S = 0.05
MUTE_LIMIT_S = 10.0
"""From closing its standard output to its end; more than the steps of its ladder take."""
PORT_LIMIT_S = 6.0
"""How long a fixed port may be held yet by what is being ended."""
ANNOUNCED = "announced itself"
REACHED = "announced itself, and takes connections"
ACCEPTS = "takes connections"
BEATS = "answers its heartbeats"


class ModuleProcess(Bootstrapped):
    """A process of a module, in any language; `become_ready` tells whether it serves.

    Python code runs under our bootstrap, at once or after it waited, and a command as it is.
    """

    FIRST = "announced itself"

    def __init__(
        self,
        spec: ModuleSpec,
        number: int,
        given: Surroundings,
        *,
        open_session: OpenSession,
        free_port: Callable[[str], int],
        orchestrator_api: str,
        on_log: Callable[[NewLog], None],
        on_gone: Callable[[], None],
        on_change: Callable[[], None],
        is_busy: Callable[[str], bool],
        learned: Ready = NOTHING,
        waits: bool = False,
    ) -> None:
        self.finding = health.NOTHING
        self.handlers: tuple[Handler, ...] = ()
        self.webhook_secrets: tuple[str, ...] = ()  # deliveries go to extensions alone
        self._open_session = open_session
        self._give_port = free_port
        self._orchestrator_api = orchestrator_api
        self._on_change = on_change
        self._is_busy = is_busy
        self._session: Session | None = None
        self._address: tuple[str, int] | None = None
        self._first_pid: int | None = None
        self._pipes: tuple[BinaryIO, ...] = ()
        self._begun = asyncio.Event()
        log = WorkerLog(spec.name, on_log, read=read_log_line)
        super().__init__(spec, number, given, log, on_gone=on_gone, learned=learned, waits=waits)

    def _start_message(self) -> bytes:
        self._begun.set()
        return start_message(self.spec, self._given.secrets, self._module.announce_s)

    @property
    def _module(self) -> ModuleSpec:
        assert isinstance(self.spec, ModuleSpec)  # noqa: S101 - it is made of nothing else
        return self.spec

    @property
    def facts(self) -> ModuleFacts:
        """Return how it is now, as a module."""
        facts = self._session.facts if self._session else ModuleFacts("starting")
        return replace(facts, handshake="") if self._is_gone else facts

    @property
    def target(self) -> Target:
        """Return where it takes requests; port 0 where that is over its channels alone."""
        ip, port = self._address or (holders.LOOPBACK, 0)
        return Target(self.spec.name, self.label, port=port, ip=ip)

    @property
    def pid(self) -> int | None:
        """Return the process that runs the developer's code, once it is known."""
        return super().pid or self._first_pid

    async def run(self) -> None:
        """Start it and follow it to its end; whatever happens, nothing of it is left."""
        try:
            if self._is_cut:
                return  # before there was a process
            if self.spec.command:
                await self._spawn_command()
                following = [self._converse()]
            else:
                control = await self._spawn_python()
                following = [self._converse(), self._read_messages(control)]
            await self._follow_tree(self._given.marker, *following, on_exit=self._gone)
            if not self._prepared.is_set():
                await super()._ended_early()
            self._fail(failures.early_end(self.spec, self.facts, self.returncode, self.last_stderr))
        except StartFailed as error:
            self._fail_with(error)
        except OSError as error:
            self._fail(Problem(f"{self.label} cannot be started: {error}."))
        finally:
            for pipe in self._pipes:
                pipe.close()
            self._close()

    async def become_ready(self) -> None:
        """Wait until it has announced itself, and its address answers; raises `StartFailed`."""
        await self._become_prepared()
        try:
            async with asyncio.timeout(self._module.announce_s):
                await asyncio.shield(self._started)
        except TimeoutError:
            raise StartFailed(
                failures.silence(self._module, self.facts, self.last_stderr)
            ) from None
        session = self._session
        assert session is not None  # noqa: S101 - it has announced itself
        await self._become_reachable(session.address)
        if self._shim is not None and self.found is None:
            self._first_pid = await asyncio.to_thread(holders.child_of, self._shim.pid)
        session.became_ready()
        self.finding = Finding(REACHED if session.address else ANNOUNCED)

    async def check(self, limit_s: float) -> Finding:
        """Ask for GET /health, or look at its heartbeats where it has no address.

        Raises TimeoutError or OSError when no answer comes.
        """
        if self._address is not None and self._address[0] != holders.LOOPBACK:
            if not await ladder.accepts(self._address):
                raise ConnectionRefusedError
            self.finding = Finding(ACCEPTS)
        elif self._address is not None:
            self.finding = await health.ask(self.target, limit_s)
        elif self.facts.handshake == "unhealthy":
            raise TimeoutError
        else:
            self.finding = Finding(BEATS if self.facts.heartbeats else ANNOUNCED)
        return self.finding

    async def drain(self, limit_s: float) -> bool:
        """Let it answer what is under way, then end it; return whether it did within *limit_s*."""
        until_s = time.monotonic() + limit_s
        while self._has_work() and time.monotonic() < until_s:
            if await self._ends_within(LOOK_EVERY_S):
                break
        finished = not self._has_work()
        await self.end()
        return finished

    async def end(self) -> None:
        """End it step by step: shutdown, no more input, TERM, KILL; returns when nothing is left.

        See pywatt wire specification §13, 17.
        """
        if self._session is not None and not self._is_gone and not self._is_cut:
            await ladder.step_down(self._session, self._address, self._ends_within)
        await super().end()

    def _has_work(self) -> bool:
        under_way = self._session.under_way if self._session else 0
        return not self._is_gone and (self._is_busy(self.label) or under_way > 0)

    async def _become_reachable(self, address: tuple[str, int] | None) -> None:
        """Wait until *address* takes connections; raises `StartFailed`."""
        until_s = time.monotonic() + CONNECT_LIMIT_S
        while address is not None and not await ladder.accepts(address):
            if await self._ends_within(LOOK_EVERY_S) or self._is_gone:
                await self._ended.wait()
                raise StartFailed(
                    failures.end_behind(self.spec, address, self.returncode, self.last_stderr)
                )
            if time.monotonic() >= until_s:
                raise StartFailed(
                    failures.unreachable(self.spec, address, CONNECT_LIMIT_S, self.last_stderr)
                )
        self._address = address

    async def _spawn_python(self) -> asyncio.StreamReader:
        with self._streams() as streams:
            prepare = prepare_message(self.spec, self._learned)
            return await self._spawn_bootstrap(prepare, streams=streams)

    async def _spawn_command(self) -> None:
        """Start the command below its life-line; raises `StartFailed`, OSError."""
        self._prepared.set()
        environment = {**self._given.environment, **self._given.secrets}
        program, *arguments = self.spec.command
        try:
            place = await asyncio.to_thread(
                resolved, program, self.spec.folder, environment.get("PATH", os.defpath)
            )
        except CannotRunError as error:
            raise StartFailed(Problem(str(error))) from error
        with self._streams() as streams:
            await self._spawn_tree(
                [str(place), *arguments],
                environment=environment,
                folder=self.spec.folder,
                streams=streams,
            )

    @contextlib.contextmanager
    def _streams(self) -> Iterator[tuple[int, int]]:
        """Make its standard input and output; its ends of them are closed behind the block."""
        stdin, to_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        self._pipes = (
            os.fdopen(to_stdin, "wb", buffering=0),
            os.fdopen(from_stdout, "rb", buffering=0),
        )
        try:
            yield stdin, stdout
        finally:
            os.close(stdin)
            os.close(stdout)

    async def _converse(self) -> None:
        """Speak with it, from the moment when it is to begin."""
        await self._begun.wait()
        if self._is_gone:
            return  # it waited in vain
        spec = self._module
        try:
            port = await self._free_port()
        except StartFailed as error:
            self._fail_with(error)
            self.cut()
            return
        init = Init(
            orchestrator_api=self._orchestrator_api,
            module_id=spec.name,
            env=dict(spec.env),
            listen=f"{holders.LOOPBACK}:{port}",
            orchestrator=f"kiket-console/{__version__}",
        )
        self._session = self._open_session(
            spec,
            self.label,
            init,
            self._given,
            on_change=self._on_change,
            note=self._note,
            pid=lambda: self._shim.pid if self._shim else None,
        )
        self._session.announced.add_done_callback(self._announced)
        stdin, stdout = self._pipes
        await self._session.run(stdin, stdout)
        await self._end_mute()

    async def _end_mute(self) -> None:
        """End a process that has closed its standard output, and goes on: nothing can be said."""
        until_s = time.monotonic() + MUTE_LIMIT_S
        while not self._is_gone and time.monotonic() < until_s:
            await self._ends_within(LOOK_EVERY_S)
        if not self._is_gone:
            self._note("ERROR", "It closed its standard output and goes on; it is ended.")
            self.cut()

    async def _free_port(self) -> int:
        """Return a free port, or the fixed one; raises `StartFailed` if that stays taken."""
        port = self.spec.port
        if port is None:
            try:
                return self._give_port(self.label)
            except NoPortError as error:
                raise StartFailed(Problem(str(error))) from error
        until_s = time.monotonic() + PORT_LIMIT_S
        while not holders.is_free(port):
            if time.monotonic() >= until_s or self._is_cut:
                who = await asyncio.to_thread(holders.holder, port)
                raise StartFailed(
                    Problem(
                        f"Port {port} is taken by {who}; end that, or choose another port in "
                        "kiket.toml."
                    )
                )
            await asyncio.sleep(LOOK_EVERY_S)
        return port

    def _announced(self, announced: asyncio.Future[Announce]) -> None:
        if announced.cancelled():
            return
        error = announced.exception()
        if isinstance(error, StartFailed):
            self._fail_with(error)
        elif error is None and not self._started.done():
            self._started.set_result(None)
            if self._control is not None and not self._control.is_closing():
                self._control.write(REPORT)

    async def _ended_early(self) -> None:
        """Leave it to `run`, which has read what it wrote to the end."""

    def _gone(self) -> None:
        super()._gone()
        self._begun.set()

    def _note(self, level: str, sentence: str) -> None:
        line = Line(time.time_ns() // 1000, "log", sentence, 0, level, "kiket_console")
        self._log.take(line)
