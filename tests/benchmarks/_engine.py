"""A real engine in a process of its own, on a project folder and places that end with it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.benchmarks._peers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kiket_console.paths import ProjectPaths

PATIENCE_S = 30.0
SIZE = (36, 120)
"""Of the terminal that a console is open on: lines and columns."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that serves."""

    pid: int
    port: int
    """The gateway's."""
    platform_url: str
    folder: Path
    environment: Mapping[str, str]
    told: Path
    """What it says, as NDJSON."""

    def workers(self) -> list[dict[str, Any]]:
        """Return what it has said of its workers, the oldest first."""
        raw = self.told.read_bytes()
        lines = raw[: raw.rfind(b"\n") + 1].splitlines()
        wanted = [json.loads(line) for line in lines if b'"worker"' in line]
        return [each for each in wanted if each["type"] == "worker"]

    def worker_pids(self) -> list[int]:
        """Return the processes below it."""
        import psutil

        return [each.pid for each in psutil.Process(self.pid).children(recursive=True)]

    def store(self) -> Path:
        """Return its store's file."""
        [found] = Path(self.environment["XDG_STATE_HOME"]).rglob("store.sqlite3")
        return found


def until(is_so: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    deadline_s = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {patience_s:g} s.")
        time.sleep(0.005)


@contextmanager
def engine(
    folder: Path, settings: Mapping[str, str] | None = None, store: Path | None = None
) -> Iterator[Engine]:
    """Run `kiket-console run --headless` on *folder*, until the block ends; it serves at once.

    It prints nothing of what it records, like one that a console starts.

    *settings* are the program's, by name; the places on disk are new and removed in the end. A
    copy of *store* is what was recorded before.
    """
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("KIKET_")
        }
        for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            environment[variable] = str(Path(place, variable[4]))
            Path(place, variable[4]).mkdir(mode=0o700)
        for name, value in (settings or {}).items():
            environment[f"KIKET_CONSOLE_{name.upper()}"] = value
        if store is not None:
            _put(store, folder, environment)
        ready, told, talk = (Path(place, name) for name in ("ready", "told", "talk"))
        command = [sys.executable, "-m", "kiket_console", "-C", str(folder), "run", "--headless"]
        options = ["--quiet", "--json", "--trust", "--session-secrets", "--ready-file", str(ready)]
        options += ["--port", str(free_port())]
        with told.open("wb") as out, talk.open("wb") as errors:
            process = subprocess.Popen(
                [*command, *options],
                stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment,
            )  # fmt: skip
        try:
            _need(process, talk, ready.exists, "The engine is ready")
            urls = json.loads(ready.read_text())
            port = urlsplit(urls["gateway_url"]).port
            assert port is not None
            found = Engine(process.pid, port, urls["platform_url"], folder, environment, told)
            _need(process, talk, lambda: _serves(found), "The engine's worker serves")
            yield found
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _put(store: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """Let *folder* have recorded what is in *store*."""
    from kiket_console.paths import ProjectPaths

    with places(environment):
        paths = ProjectPaths(folder)
        paths.make()
    shutil.copy(store, paths.store)
    paths.store.chmod(0o600)


def _need(
    process: subprocess.Popen[bytes], talk: Path, is_so: Callable[[], bool], what: str
) -> None:
    """Wait until something is so of *process*; fail with its words when it has ended."""
    until(lambda: is_so() or process.poll() is not None, what)
    if process.poll() is not None:
        raise RuntimeError(f"The engine has ended: {talk.read_text()}")


def _serves(found: Engine) -> bool:
    said = found.workers()
    return bool(said) and said[-1]["state"] == "serving"


@contextmanager
def console(engine: Engine) -> Iterator[int]:
    """Keep a console open on *engine*, on a pseudo-terminal that is read; yield its pid."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
    drawn = threading.Event()
    process = subprocess.Popen(
        [sys.executable, "-m", "kiket_console", "-C", str(engine.folder), "attach"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**engine.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(theirs)

    def read() -> None:
        with suppress(OSError):  # the terminal is gone with the process
            while os.read(ours, 1 << 16):
                drawn.set()

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        if not drawn.wait(PATIENCE_S):
            raise TimeoutError(f"The console drew nothing within {PATIENCE_S:g} s.")
        yield process.pid
    finally:
        process.kill()
        process.wait()
        reading.join(PATIENCE_S)
        os.close(ours)


@contextmanager
def places(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process look where *environment* says the program's places are."""
    names = [name for name in environment if name.startswith("XDG_")]
    before = {name: os.environ.get(name) for name in names}
    os.environ.update({name: environment[name] for name in names})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def paths(engine: Engine) -> ProjectPaths:
    """Return the places of an engine's project."""
    from kiket_console.paths import ProjectPaths

    with places(engine.environment):
        return ProjectPaths(engine.folder)
