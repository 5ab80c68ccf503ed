"""One life of a worker: a process from its preparation, over its first answer, to its end.

engine ── control socket ── bootstrap.py (prepare, start, found, ready, failed, lines, drain)
       ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
       ── stdout, stderr ── what is written past Python: C code, sub-processes
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kiket_console.engine import health
from kiket_console.engine.ports import Target
from kiket_console.engine.private_socket import bind_private
from kiket_console.engine.process import StartFailed, how_ended
from kiket_console.engine.worker_log import WorkerLog
from kiket_console.engine.worker_messages import (
    NOTHING,
    Dropped,
    Failed,
    Found,
    Line,
    Message,
    Prepared,
    Ready,
    Unfit,
    decode,
    drain_message,
    prepare_message,
    start_message,
)
from kiket_console.engine.worker_tree import REST_LIMIT_S, WorkerTree
from kiket_console.errors import ConsoleError
from kiket_console.model import Handler, Problem
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.health import Finding
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import ExtensionSpec

HERE = Path(__file__).parent
IMPORT_LIMIT_S = 60.0
LISTEN_LIMIT_S = 10.0
"""From the import's end to listening: the app's own start-up."""
HEALTH_LIMIT_S = 10.0
PREPARE_LIMIT_S = 20.0
"""How long what is learned may take to import; a start does not wait longer for it."""
MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024
LISTEN_BACKLOG = 512


class UnfitError(StartFailed):
    """What it imported early must not have been, and why: another process has to start."""


class WorkerProcess(WorkerTree):
    """A process that starts its code at once, or waits for `begin` with all else imported.

    `become_ready` tells whether it serves.
    """

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
        super().__init__(WorkerLog(spec.name, on_log))
        self.spec = spec
        self.label = f"{spec.name}#{number}"
        self.started_us = _now_us()
        mark = "w" if waits else ""
        self.socket_path = given.run_folder / f"{_socket_stem(spec.name)}-{number}{mark}.sock"
        self.package_folders: tuple[str, ...] = ()
        self.ready = NOTHING
        self.found: Found | None = None
        self.finding = health.NOTHING
        self._given = given
        self._learned = learned
        self._on_gone = on_gone
        self._is_gone = False
        self._raw_start = b""
        self._prepared = asyncio.Event()
        self._listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawned_s = time.monotonic()
        self._control: asyncio.StreamWriter | None = None
        if not waits:
            self.begin(spec, number, given)

    def begin(self, spec: ExtensionSpec, number: int, given: Surroundings) -> None:
        """Start the code. What is secret reaches the process only now."""
        self.spec = spec
        self.label = f"{spec.name}#{number}"
        self.started_us = _now_us()
        self._given = replace(given, marker=self._given.marker, environment=self._given.environment)
        self._raw_start = start_message(spec, given.secrets, IMPORT_LIMIT_S)
        self._log.release()
        if self._control is not None:
            self._control.write(self._raw_start)

    @property
    def target(self) -> Target:
        """Return where it takes requests."""
        return Target(self.spec.name, self.label, str(self.socket_path))

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that its process was made with."""
        return self._given.environment

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """Return the handlers that its code registered."""
        known = self.found.handlers if self.found else ()
        return tuple(
            Handler(each.event, each.version, each.file, each.line, each.scopes) for each in known
        )

    @property
    def modules(self) -> tuple[str, ...]:
        """Return what its code has imported of what is installed."""
        return self.ready.modules

    @property
    def pid(self) -> int | None:
        """Return the process that runs the developer's code, once it has told."""
        return self.found.pid if self.found else None

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended; what it started may be ending still."""
        return self._is_gone

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
        if self._learned.modules:
            await self._become_prepared()
        try:
            # The worker itself gives up an import, saying where it stands.
            async with asyncio.timeout(IMPORT_LIMIT_S + LISTEN_LIMIT_S):
                await asyncio.shield(self._listening)
        except TimeoutError:
            what = f"was imported, but did not listen within {LISTEN_LIMIT_S:.0f} s"
            raise StartFailed(Problem(f"{self.spec.entry} {what}.")) from None
        try:
            await self.check(HEALTH_LIMIT_S)
        except (TimeoutError, OSError):
            what = f"started, but did not answer GET /health within {HEALTH_LIMIT_S:.0f} s"
            raise StartFailed(Problem(f"{self.spec.entry} {what}.")) from None

    async def _become_prepared(self) -> None:
        left_s = self._spawned_s + PREPARE_LIMIT_S - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await self._prepared.wait()
        except TimeoutError:
            problem = Problem(f"an installed package takes {PREPARE_LIMIT_S:.0f} s to import")
            raise UnfitError(problem) from None

    async def check(self, limit_s: float) -> Finding:
        """Send a signed self-test to code on our SDK, ask any other for GET /health.

        Raises TimeoutError or OSError when no answer comes.
        """
        signing = health.signing(self.found, self._given.webhook_secret, self.spec.dialects)
        if signing is None:
            self.finding = await health.ask(self.target, limit_s)
        else:
            self.finding = await health.test(self.target, signing, limit_s)
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
        """Start the process, hand it its ends of everything, and close them here."""
        with contextlib.ExitStack() as handed:
            ours, theirs = socket.socketpair()
            handed.callback(theirs.close)
            try:
                # Closed here, so that a connection to a worker that has ended is refused.
                listener = handed.enter_context(bind_private(self.socket_path))
                listener.listen(LISTEN_BACKLOG)
                await self._spawn_tree(
                    [
                        *(str(self.spec.interpreter), "-I", str(HERE / "bootstrap.py")),
                        str(theirs.fileno()),
                    ],
                    environment=self._given.environment,
                    descriptors=(theirs.fileno(), listener.fileno()),
                )
                prepare = prepare_message(self.spec, listener.fileno(), self._learned)
                reader, self._control = await asyncio.open_unix_connection(
                    sock=ours, limit=MESSAGE_LIMIT_BYTES
                )
            except BaseException:
                ours.close()
                raise
        self._control.write(prepare + self._raw_start)
        return reader

    async def _read_messages(self, control: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, ValueError):  # cut off; a message without an end
            while raw := await control.readline():
                try:
                    message = decode(raw)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    self._log.drop(1)
                    continue
                self._take(message)
        self._is_gone = True
        self._on_gone()
        if self._learned.modules and not self._prepared.is_set():
            self._fail_with(UnfitError(Problem("an installed package ends the process")))
            self._prepared.set()
        elif not self._listening.done():
            self._fail(Problem(await self._early_end(), traceback=self.last_stderr))

    async def _early_end(self) -> str:
        """Say how it ended before it listened; its parent may need a moment to know."""
        assert self._shim is not None  # noqa: S101 - it has spoken
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_LIMIT_S / 2):
                await self._shim.wait()
        how = how_ended(self._shim.returncode)
        if not self._prepared.is_set():
            interpreter = self.spec.interpreter
            return f"{interpreter} {how} before it ran anything: name a Python 3 in kiket.toml."
        return f"{self.spec.entry} {how} before it listened."

    def _take(self, message: Message) -> None:
        match message:
            case Line():
                self._log.take(message)
            case Dropped(count=count):
                self._log.drop(count)
            case Prepared(package_folders=folders):
                self.package_folders = folders
                self._prepared.set()
            case Unfit(variable=name):
                self._fail_with(UnfitError(Problem(f"an installed package reads {name}")))
            case Found():
                self._protect(message)
                self.found = message
            case Ready():
                self.ready = message
                if not self._listening.done():
                    self._listening.set_result(None)
            case Failed():
                traceback = tuple(redactor.redact(line) for line in message.traceback)
                sentence = redactor.redact(message.sentence)
                self._fail(Problem(sentence, message.file, message.line, traceback))

    def _protect(self, found: Found) -> None:
        """Register what the code configured before anybody can log it."""
        known = set(self._given.secrets.values())
        for index, secret in enumerate(found.webhook_secrets):
            if secret not in known:
                redactor.add(f"{self.spec.name} webhook secret {index + 1}", secret)
        if found.workspace_token and found.workspace_token not in known:
            redactor.add(f"{self.spec.name} workspace token", found.workspace_token)

    def _fail(self, problem: Problem) -> None:
        self._fail_with(StartFailed(problem))

    def _fail_with(self, error: StartFailed) -> None:
        if not self._listening.done():
            self._listening.set_exception(error)
            self._listening.exception()  # looked at: nobody need be waiting

    def _close(self) -> None:
        self.cut()
        if self._control is not None:
            self._control.close()
        with contextlib.suppress(OSError):  # never made, or something else in its place
            self.socket_path.unlink()
        self._is_gone = True
        self._fail(Problem(f"{self.spec.entry} ended before it listened."))
        self._log.close()
        self._ended.set()
        self._on_gone()


def _now_us() -> int:
    return time.time_ns() // 1000


def _socket_stem(name: str) -> str:
    """Return a short file name that no other worker has: socket paths have little room."""
    return f"worker-{zlib.crc32(name.encode('utf-8', 'backslashreplace')):08x}"
