"""One life of a worker that is any command: told by PORT where to listen, watched until it ends.

engine ── life-line pipe ── lifeline.py, its parent: closing it ends the whole tree
       ── environment ── PORT, HOST, KIKET_… and the secrets that the extension declares
       ── stdout, stderr ── all that it writes
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from typing import TYPE_CHECKING

from kiket_console.engine import health, holders
from kiket_console.engine.ports import Target
from kiket_console.engine.process import StartFailed, how_ended
from kiket_console.engine.worker_log import WorkerLog
from kiket_console.engine.worker_messages import Line
from kiket_console.engine.worker_tree import WorkerTree
from kiket_console.model import Problem
from kiket_console.programs import CannotRunError, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.health import Finding
    from kiket_console.engine.surroundings import Surroundings
    from kiket_console.engine.worker_messages import Found
    from kiket_console.model import Handler
    from kiket_console.module_facts import ModuleFacts
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import ExtensionSpec

START_LIMIT_S = 60.0
"""From its start to its first answer."""
ELSEWHERE_LIMIT_S = 10.0
"""How long it may listen on another port alone: some open one before the one that counts."""
PORT_LIMIT_S = 6.0
"""How long a fixed port may be held yet by what is being ended."""
LOOK_EVERY_S = 0.05
LOOK_AROUND_EVERY_S = 1.0
SHOWN_LIMIT = 60


class CommandProcess(WorkerTree):
    """A started command; `become_ready` tells whether it serves."""

    facts: ModuleFacts | None = None

    def __init__(
        self,
        spec: ExtensionSpec,
        number: int,
        given: Surroundings,
        *,
        on_log: Callable[[NewLog], None],
        on_gone: Callable[[], None],
        is_busy: Callable[[str], bool],
    ) -> None:
        super().__init__(WorkerLog(spec.name, on_log))
        self.label = f"{spec.name}#{number}"
        self.started_us = time.time_ns() // 1000
        self.found: Found | None = None
        self.modules: tuple[str, ...] = ()
        self.finding = health.NOTHING
        self.pid: int | None = None
        self.handlers: tuple[Handler, ...] = ()
        self._spec = spec
        self._given = given
        self._on_gone = on_gone
        self._is_busy = is_busy
        self._shown = _shown(spec.command)
        self._port = spec.port or 0
        self._log.release()
        self._problem: Problem | None = None
        self._spawned = asyncio.Event()
        self._is_gone = False

    @property
    def target(self) -> Target:
        """Return where it takes requests."""
        secret = self._given.webhook_secret
        return Target(self._spec.name, self.label, port=self._port, webhook_secret=secret)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Return what it was given."""
        return self._given.webhook_secrets

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended."""
        return self._is_gone

    async def run(self) -> None:
        """Start it and follow it to its end; whatever happens, nothing of it is left."""
        try:
            await self._spawn()
            self._spawned.set()
            await self._follow_tree(self._given.marker, on_exit=self._gone)
        except StartFailed as error:
            self._problem = error.problem
        except OSError as error:
            self._problem = Problem(f"{self._shown} cannot be started: {error}.")
        finally:
            self.cut()
            self._log.close()
            self._spawned.set()
            self._ended.set()
            self._gone()

    async def become_ready(self) -> None:
        """Wait until its port answers HTTP; raises `StartFailed`."""
        await self._spawned.wait()
        started_s = time.monotonic()
        look_around_s = started_s + LOOK_AROUND_EVERY_S
        while not await self._listens():
            if await self._ends_within(LOOK_EVERY_S):
                await self._ended.wait()
                raise StartFailed(self._problem or self._early_end())
            now_s = time.monotonic()
            if now_s >= look_around_s:
                look_around_s = now_s + LOOK_AROUND_EVERY_S
                await self._check_elsewhere(now_s - started_s)
            if now_s - started_s >= START_LIMIT_S:
                raise StartFailed(
                    self._explained(
                        f"{self._shown} did not listen on port {self._port} within "
                        f"{START_LIMIT_S:.0f} s. Let it listen on $HOST at the port $PORT."
                    )
                )
        await self._check_holder()
        assert self._shim is not None  # noqa: S101 - it listens
        self.pid = await asyncio.to_thread(holders.child_of, self._shim.pid)
        try:
            await self.check(max(1.0, started_s + START_LIMIT_S - time.monotonic()))
        except (TimeoutError, OSError):
            raise StartFailed(
                self._explained(
                    f"{self._shown} listens on port {self._port}, but does not answer HTTP there. "
                    "Let it serve HTTP on $PORT."
                )
            ) from None

    async def check(self, limit_s: float) -> Finding:
        """Ask for GET /health; raises TimeoutError or OSError when no answer comes."""
        self.finding = await health.ask(self.target, limit_s)
        return self.finding

    async def drain(self, limit_s: float) -> bool:
        """Let it answer what is under way, then end it; return whether it did within *limit_s*."""
        until_s = time.monotonic() + limit_s
        while self._is_busy(self.label) and time.monotonic() < until_s:
            if await self._ends_within(LOOK_EVERY_S):
                break
        finished = not self._is_busy(self.label)
        await self.end()
        return finished

    async def _spawn(self) -> None:
        """Start the command below its life-line; raises `StartFailed`, OSError."""
        if self._is_cut:
            raise StartFailed(Problem(f"{self._shown} was stopped before it was started."))
        environment = dict(self._given.environment)
        cut = next((name for name, value in self._given.secrets.items() if "\0" in value), None)
        if cut is not None:
            sentence = f"{cut} has a NUL character, which no variable can hold; set another value."
            raise StartFailed(Problem(sentence))
        program, *arguments = self._spec.command
        try:
            place = await asyncio.to_thread(
                resolved, program, self._spec.folder, environment.get("PATH", os.defpath)
            )
        except CannotRunError as error:
            raise StartFailed(Problem(str(error))) from error
        await self._choose_port()
        await self._spawn_tree(
            [str(place), *arguments],
            environment={
                **environment,
                **self._given.secrets,
                "PORT": str(self._port),
                "HOST": holders.LOOPBACK,
            },
            folder=self._spec.folder,
        )

    async def _choose_port(self) -> None:
        """Take a free port, or wait for the fixed one; raises `StartFailed` when that is taken."""
        if self._spec.port is None:
            self._port = holders.free_port()
            return
        deadline_s = time.monotonic() + PORT_LIMIT_S
        while not holders.is_free(self._port):
            if time.monotonic() >= deadline_s or self._is_cut:
                who = await asyncio.to_thread(holders.holder, self._port)
                raise StartFailed(self._taken(who))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _listens(self) -> bool:
        """Tell whether somebody takes connections on the port."""
        if self._is_gone:
            return False
        try:
            async with asyncio.timeout(LOOK_AROUND_EVERY_S):
                _, writer = await asyncio.open_connection(holders.LOOPBACK, self._port)
        except (TimeoutError, OSError):
            return False
        writer.close()
        return True

    async def _check_holder(self) -> None:
        """Raise `StartFailed` unless it is the command that listens on the port."""
        for _ in range(3):  # a process that has just forked may be looked at too early
            for address, port in await self._listening():
                if port == self._port and holders.takes_loopback(address):
                    if holders.reaches_others(address):
                        self._warn(
                            f"{self._shown} listens on every address of this machine ({address}); "
                            "let it listen on $HOST, so that no other machine reaches it"
                        )
                    return
            await self._ends_within(LOOK_EVERY_S)
        who = await asyncio.to_thread(holders.holder, self._port)
        raise StartFailed(self._taken(who))

    async def _check_elsewhere(self, after_s: float) -> None:
        """Raise `StartFailed` when it listens, but long enough on another port alone."""
        if after_s < ELSEWHERE_LIMIT_S:
            return
        places = sorted(await self._listening())
        if places and not any(port == self._port for _, port in places):
            seen = f"on port {places[0][1]}, not on {self._port}"
            what = f"Let it listen on the port $PORT, or write port = {places[0][1]} in kiket.toml."
        elif places and not any(holders.takes_loopback(address) for address, _ in places):
            seen = f"on {places[0][0]}, not on {holders.LOOPBACK}"
            what = "Let it listen on the address $HOST."
        else:
            return
        raise StartFailed(self._explained(f"{self._shown} listens {seen}. {what}"))

    async def _listening(self) -> set[tuple[str, int]]:
        if self._shim is None:
            return set()
        return await asyncio.to_thread(holders.listening, self._shim.pid)

    def _taken(self, who: str) -> Problem:
        what = "choose another port in kiket.toml" if self._spec.port else "save or restart it"
        return self._explained(f"Port {self._port} is taken by {who}; end that, or {what}.")

    def _early_end(self) -> Problem:
        why = f"{self._shown} {how_ended(self.returncode)} before it listened on port {self._port}"
        if self.returncode == 0:
            return self._explained(f"{why}: let it go on running, and serve HTTP there.")
        return self._explained(f"{why}.")

    def _explained(self, sentence: str) -> Problem:
        return Problem(sentence, traceback=self.last_stderr)

    def _warn(self, text: str) -> None:
        self._log.take(Line(time.time_ns() // 1000, "log", text, 0, "WARNING", "kiket_console"))

    def _gone(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._on_gone()


def _shown(command: tuple[str, ...]) -> str:
    """Return a command as a shell would take it, not longer than a line."""
    text = shlex.join(command)
    return text if len(text) <= SHOWN_LIMIT else f"{text[: SHOWN_LIMIT - 1]}…"
