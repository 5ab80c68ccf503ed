"""The engine under torture: a process of the program's own command line, in a place of its own.

It is started through `launcher`, which arms a failpoint or makes a mutant of it; without either
it is the program as it is.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from tests.ports import free_port
from tests.torture.sample import write_sample

from kiket_console.paths import APP, project_key
from kiket_console.settings import ENVIRONMENT_PREFIX, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    T = TypeVar("T")

ROOT = Path(__file__).parents[2]
START_VARIABLE = "KIKET_TORTURE_START"
"""Every process below an engine inherits which start it belongs to."""
PATIENCE_S = 90.0
GONE_S = 30.0
"""How long a worker may outlive its engine: a moment, and longer where processes queue."""
_SETTINGS = {"retention_days": "0", "retention_mb": "0", "held_s": "30"}
"""Nothing may be removed by age or size: what is gone is lost. And on a busy machine a worker may
take longer than usual to start."""


class SubjectError(AssertionError):
    """The engine did not do what no fault excuses: start, or answer at all."""


def until(found: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """Return what *found* returns as soon as that is true."""
    deadline = time.monotonic() + patience_s
    while not (value := found()):
        if time.monotonic() > deadline:
            raise SubjectError(f"{what}: not within {patience_s:g} s")
        time.sleep(0.01)
    return value


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wrong with an engine from its start on."""

    mutants: tuple[str, ...] = ()
    """Names of `mutants.MUTANTS`."""
    failpoint: str = ""
    """A name of `failpoints.POINTS`, and after a colon at which pass it strikes."""
    clock: bool = False
    """Whether its wall clock can be moved."""


@dataclass
class Subject:
    """One project and the engines that run for it, one after the other.

    *state* is where the store goes, when not below *place*.
    """

    place: Path
    state: Path | None = None
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_s: float = 0.0
    gone_s: float = GONE_S

    def __post_init__(self) -> None:
        self.folder = self.place / "sample"
        self.worker_ledger = self.place / "handled"
        write_sample(self.folder, self.worker_ledger)
        state = self.state or self.place / "state"
        self.store = state / APP / "projects" / project_key(self.folder) / "store.sqlite3"
        self.fuse = self.place / "fuse"
        self.clock = self.place / "clock"
        self.ready_file = self.place / "ready.json"
        self.words = self.place / "engine.err"
        run = self.place / "r"
        run.mkdir(mode=0o700, exist_ok=True)
        self._places = {
            "XDG_STATE_HOME": str(state),
            "XDG_CONFIG_HOME": str(self.place / "config"),
            "XDG_DATA_HOME": str(self.place / "data"),
            "XDG_CACHE_HOME": str(self.place / "cache"),
            "XDG_RUNTIME_DIR": str(run),
        }

    @property
    def url(self) -> str:
        """Return where its gateway is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Return the engine's process."""
        assert self.process is not None
        return self.process.pid

    def environment(self) -> dict[str, str]:
        """Return the variables of an engine, or of a command about it."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KIKET_")}
        settings = {**_SETTINGS, **self.settings}
        said = {
            f"{ENVIRONMENT_PREFIX}{name.upper()}": value
            for name, value in settings.items()
            if name in NAMES
        }
        return {**plain, **self._places, **said, START_VARIABLE: self._mark(self.starts)}

    def start(self, plan: Plan | None = None) -> None:
        """Start an engine, the next one of this project; it may not be ready yet."""
        plan = plan or Plan()
        self.starts += 1
        self.fuse.unlink(missing_ok=True)
        self.ready_file.unlink(missing_ok=True)
        armed = [
            *(word for name in plan.mutants for word in ("--mutant", name)),
            *(("--failpoint", plan.failpoint, "--fuse", str(self.fuse)) if plan.failpoint else ()),
            *(("--clock", str(self.clock)) if plan.clock else ()),
        ]
        program = ["tests.torture.launcher", *armed, "--"] if armed else ["kiket_console"]
        self.started_s = time.monotonic()
        with self.words.open("ab") as words:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", *program, "-C", str(self.folder)),
                    *("run", "--headless", "--json", "--trust", "--session-secrets"),
                    *("--port", str(self.port), "--ready-file", str(self.ready_file)),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                env=self.environment(),
            )

    def wait_ready(self) -> None:
        """Wait until the engine serves; raises `SubjectError` with its words when it does not."""
        assert self.process is not None
        process = self.process
        until(lambda: self.ready_file.exists() or process.poll() is not None, "the engine is ready")
        if not self.ready_file.exists():
            said = self.words.read_text("utf-8", "replace")[-2000:]
            raise SubjectError(f"The engine ended with status {process.returncode}: {said}")

    def signal(self, number: int) -> None:
        """Send the engine a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def limit_files(self, most_bytes: int) -> None:
        """Let no file that the engine writes grow beyond so many bytes."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))

    def kill(self) -> None:
        """End the engine as the kernel does when memory is out: at once, without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def wait_ended(self) -> int:
        """Wait until the engine has ended; return its status."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Ask the engine to end; return its status."""
        assert self.process is not None
        self.process.terminate()
        return self.wait_ended()

    def struck(self) -> str | None:
        """Return the delivery at which the failpoint struck; None when it has not."""
        try:
            raw = self.fuse.read_text()
        except FileNotFoundError:
            return None
        return raw.strip() if raw.endswith("\n") else None

    def below(self, start: int) -> list[int]:
        """Return the living processes that descend from one start's engine, itself left out."""
        mark = f"{START_VARIABLE}={self._mark(start)}\0".encode()
        found = []
        for pid in psutil.pids():
            try:
                raw = Path(f"/proc/{pid}/environ").read_bytes() + b"\0"
                living = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue  # another user's, the kernel's, or gone
            own = pid in {os.getpid(), self.process.pid if self.process else 0}
            if mark in raw and not own and living not in (b"Z", b"X"):
                found.append(pid)
        return found

    def _mark(self, start: int) -> str:
        return f"{project_key(self.folder)}#{start}"

    def wait_gone(self, start: int, since_s: float) -> list[int]:
        """Wait until nothing of a start is left, `gone_s` from *since_s* at most; return the rest.

        Raises nothing: what is left is for the judge.
        """
        while (left := self.below(start)) and time.monotonic() - since_s < self.gone_s:
            time.sleep(0.05)
        return left

    def told(self, pid: int) -> str:
        """Say what a process is, for people."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            words = "gone by now"
        return f"{pid} ({words.strip()})"

    def pids_of(self, program: str, among: Iterable[int]) -> list[int]:
        """Return those processes whose command line names *program*."""
        found = []
        for pid in among:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if program.encode() in words:
                found.append(pid)
        return found

    def status(self) -> dict[str, object]:
        """Return what `status --json` says; raises `SubjectError` when no engine answers."""
        done = self.command("status", "--json")
        if done.returncode:
            raise SubjectError(done.stderr)
        document: dict[str, object] = json.loads(done.stdout)
        return document

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command on this project to its end."""
        return subprocess.run(
            [sys.executable, "-m", "kiket_console", "-C", str(self.folder), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=self.environment(),
        )

    def end(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        for start in range(1, self.starts + 1):
            for pid in self.below(start):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
