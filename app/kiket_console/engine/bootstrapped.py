"""A process of Python code under our bootstrap: prepared early, told what to start, followed.

engine ── control socket ── bootstrap.py (prepare, start, found, ready, failed, lines)
       ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kiket_console.engine.process import StartFailed, how_ended
from kiket_console.engine.worker_messages import (
    NOTHING,
    Dropped,
    Failed,
    Found,
    Lag,
    Line,
    Message,
    Prepared,
    Ready,
    Unfit,
    compile_message,
    decode,
)
from kiket_console.engine.worker_tree import WorkerTree
from kiket_console.model import Problem
from kiket_core.frames import LineFrames
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.engine.worker_log import WorkerLog
    from kiket_console.worker_spec import WorkerSpec

BOOTSTRAP = Path(__file__).parent / "bootstrap.py"
PREPARE_LIMIT_S = 20.0
"""How long what is learned may take to import; a start does not wait longer for it."""
SHOWN_LIMIT = 1000
"""Characters of a line that says why a start failed."""
MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
FORESEEN = 8
"""Files that are compiled ahead of a start; where more come at once, more are to follow."""


class UnfitError(StartFailed):
    """What it imported early must not have been, and why: another process has to start."""


class GoneError(UnfitError):
    """What waited has ended without a word, perhaps before it was told what to start."""


class Bootstrapped(WorkerTree):
    """A process that starts its code at once, or waits for `begin` with all else imported."""

    FIRST = "listened"
    """What it has to do first, for the sentence that it never did."""

    def __init__(
        self,
        spec: WorkerSpec,
        number: int,
        given: Surroundings,
        log: WorkerLog,
        *,
        on_gone: Callable[[], None],
        learned: Ready = NOTHING,
        waits: bool = False,
    ) -> None:
        super().__init__(log)
        self.spec = spec
        self.label = f"{spec.name}#{number}"
        self.started_us = _now_us()
        self.package_folders: tuple[str, ...] = ()
        """Where its interpreter finds installed packages."""
        self.ready = NOTHING
        self.found: Found | None = None
        self._given = given
        self._learned = learned
        self._on_gone = on_gone
        self._is_gone = False
        self._waited = waits
        self._raw_start = b""
        self._prepared = asyncio.Event()
        self._imported = asyncio.Event()
        """Set once its code is imported, or will not be."""
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawned_s = time.monotonic()
        self._control: asyncio.StreamWriter | None = None
        if not waits:
            self.begin(spec, number, given)

    def begin(self, spec: WorkerSpec, number: int, given: Surroundings) -> None:
        """Start the code. What is secret reaches the process only now."""
        self.spec = spec
        self.label = f"{spec.name}#{number}"
        self.started_us = _now_us()
        self._given = replace(given, marker=self._given.marker, environment=self._given.environment)
        self._raw_start = self._start_message()
        self._log.release()
        if self._control is not None:
            self._control.write(self._raw_start)

    def foresee(self, files: Collection[str]) -> None:
        """Have files that were just saved compiled while it waits, if its code imports them."""
        if len(files) > FORESEEN:
            return
        known = [file for file in files if file in self._learned.sources]
        if known and self._control is not None and not self._control.is_closing():
            self._control.write(compile_message(known))

    def _start_message(self) -> bytes:
        """Return what tells the process to start its code."""
        raise NotImplementedError

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that its process was made with."""
        return self._given.environment

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

    async def _become_prepared(self) -> None:
        """Wait until what was learned is imported; raises `UnfitError` if that takes long."""
        if not self._learned.modules:
            return
        left_s = self._spawned_s + PREPARE_LIMIT_S - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await self._prepared.wait()
        except TimeoutError:
            problem = Problem(f"an installed package takes {PREPARE_LIMIT_S:.0f} s to import")
            raise UnfitError(problem) from None

    async def _spawn_bootstrap(
        self,
        prepare: bytes,
        descriptors: Sequence[int] = (),
        streams: tuple[int, int] | None = None,
    ) -> asyncio.StreamReader:
        """Start the process, hand it *descriptors* and what *prepare* says; return what it says.

        *streams* become its standard input and output. Raises OSError.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                command = (str(self.spec.interpreter), "-I", str(BOOTSTRAP), str(theirs.fileno()))
                await self._spawn_tree(
                    command,
                    environment=self._given.environment,
                    descriptors=(theirs.fileno(), *descriptors),
                    streams=streams,
                )
                reader, self._control = await asyncio.open_unix_connection(sock=ours)
            except BaseException:
                ours.close()
                raise
        self._control.write(prepare + self._raw_start)
        return reader

    async def _read_messages(self, control: asyncio.StreamReader) -> None:
        frames = LineFrames(MESSAGE_LIMIT_BYTES)
        with contextlib.suppress(OSError):  # cut off
            while raw_chunk := await control.read(CHUNK_BYTES):
                for raw in frames.feed(raw_chunk):
                    try:
                        message = decode(raw) if isinstance(raw, bytes) else Dropped(1)
                    except (msgspec.MsgspecError, UnicodeDecodeError):
                        message = Dropped(1)
                    self._take(message)
                await asyncio.sleep(0)  # a worker that floods has more to say at once
        self._gone()
        if self._learned.modules and not self._prepared.is_set():
            self._fail_with(UnfitError(Problem("an installed package ends the process")))
            self._prepared.set()
        elif self._waited:
            self._fail_with(GoneError(Problem(f"{self.label} ended while it waited")))
        elif not self._started.done():
            await self._ended_early()

    async def _ended_early(self) -> None:
        """Say how it ended before it was started; its parent may need a moment to know."""
        how = how_ended(await self._shim_ends())
        what = f"{self.spec.entry} {how} before it {self.FIRST}."
        if not self._prepared.is_set():
            interpreter = self.spec.interpreter
            what = f"{interpreter} {how} before it ran anything: name a Python 3 in kiket.toml."
        self._fail(Problem(what, traceback=self.last_stderr))

    def _take(self, message: Message) -> None:
        match message:
            case Line():
                self._log.take(message)
            case Dropped(count=count):
                self._log.drop(count)
            case Lag():
                self.lateness.add(message.count, message.total_s, message.longest_s)
            case Prepared(package_folders=folders):
                self.package_folders = folders
                self._prepared.set()
            case Unfit(variable=name):
                self._fail_with(UnfitError(Problem(f"an installed package reads {name}")))
            case Found():
                self._protect(message)
                self.found = message
                self._imported.set()
            case Ready():
                self._listens(message)
            case Failed():
                traceback = tuple(_shown(line) for line in message.traceback)
                sentence = _shown(message.sentence)
                self._fail(Problem(sentence, message.file, message.line, traceback))

    def _listens(self, ready: Ready) -> None:
        """Take what it has imported, of which it tells once it is started."""
        self.ready = ready
        if not self._started.done():
            self._started.set_result(None)

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
        if not self._started.done():
            self._started.set_exception(error)
            self._started.exception()  # looked at: nobody need be waiting
        self._imported.set()

    def _gone(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._on_gone()

    def _close(self) -> None:
        """Let go of everything: nothing of it is left."""
        self.cut()
        if self._control is not None:
            self._control.close()
        self._fail(Problem(f"{self.spec.runs} ended before it {self.FIRST}."))
        self._log.close()
        self._ended.set()
        self._gone()


def _shown(text: str) -> str:
    """Return a line without secrets, and not too long to be shown."""
    return redactor.redact(text)[:SHOWN_LIMIT]


def _now_us() -> int:
    return time.time_ns() // 1000
