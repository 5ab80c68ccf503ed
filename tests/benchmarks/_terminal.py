"""A process on a pseudo-terminal of its own, read as a person would: by what is drawn, and when."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SIZE = (36, 120)
"""Lines and columns."""
DEADLINE_S = 30.0
SETTLED_S = 0.08


class Terminal:
    """A process on a pseudo-terminal, ended with the context."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._end, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.began_s = time.perf_counter()
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._end)

    @property
    def pid(self) -> int:
        """Return the process that draws."""
        return self._process.pid

    def read_until(self, marker: bytes, timeout_s: float = DEADLINE_S) -> bytes:
        """Return what is drawn until *marker* is."""
        seen = b""
        while marker not in seen:
            seen += self.read(timeout_s)
        return seen

    def read_to_end(self) -> None:
        """Read what is drawn until the process has ended."""
        while True:
            try:
                if not self.read(DEADLINE_S):
                    return
            except TimeoutError:
                raise
            except OSError:  # what Linux says at the end
                return

    def wait_for(self, marker: bytes, since_s: float | None = None) -> float:
        """Read until *marker* was drawn; return the time since *since_s*, or the start, in ms."""
        self.read_until(marker)
        return (time.perf_counter() - (self.began_s if since_s is None else since_s)) * 1000

    def wait_for_each(self, *markers: bytes) -> list[float]:
        """Return when each of *markers* was first drawn, in ms since the start."""
        seen, found = b"", dict.fromkeys(markers, 0.0)
        while not all(found.values()):
            seen += self.read(DEADLINE_S)
            now_ms = (time.perf_counter() - self.began_s) * 1000
            found |= {each: now_ms for each in markers if not found[each] and each in seen}
        return [*found.values()]

    def wait_for_end(self) -> float:
        """Return the time from the start to the end of the process in ms."""
        self._process.wait(DEADLINE_S)
        return (time.perf_counter() - self.began_s) * 1000

    def press(self, key: bytes) -> float:
        """Press a key; return when."""
        began_s = time.perf_counter()
        os.write(self._end, key)
        return began_s

    def key_ms(self, key: bytes) -> float:
        """Press a key; return the time to the first byte that it causes in ms."""
        began_s = self.press(key)
        self.read(DEADLINE_S)
        return (time.perf_counter() - began_s) * 1000

    def keys_ms(self, key: bytes, presses: int) -> dict[str, float]:
        """Press a key again and again, each time when the screen is still; return the spread.

        `cpu` is the processor time for each, with all that is drawn after the first byte.
        """
        taken = []
        before_ms = self.cpu_ms()
        for _ in range(presses):
            taken.append(self.key_ms(key))
            self.settle(SETTLED_S)
        return spread(taken) | {"cpu": round((self.cpu_ms() - before_ms) / presses, 2)}

    def settle(self, seconds: float) -> None:
        """Read what is drawn for a while."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            self.read(left_s, needed=False)

    def read(self, timeout_s: float, *, needed: bool = True) -> bytes:
        """Return what was drawn; fail when nothing is and it is *needed*."""
        ready, _, _ = select.select([self._end], [], [], timeout_s)
        if not ready and needed:
            raise TimeoutError("Nothing was drawn.")
        return os.read(self._end, 1 << 16) if ready else b""

    def cpu_ms(self) -> float:
        """Return the processor time that the process has taken, of all its threads that live."""
        import psutil

        taken = psutil.Process(self.pid).cpu_times()
        return 1000 * (taken.user + taken.system)

    def memory_mib(self) -> float:
        """Return what the process holds in memory."""
        import psutil

        found: int = psutil.Process(self.pid).memory_info().rss
        return round(found / 1024**2, 1)


def spread(taken_ms: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile."""
    ordered = sorted(taken_ms)
    return {
        "median": round(statistics.median(ordered), 2),
        "p99": round(ordered[len(ordered) * 99 // 100], 2),
    }


def places(place: Path) -> dict[str, str]:
    """Return an environment for programs that draw, whose places are below *place*."""
    environment = os.environ | {
        "XDG_STATE_HOME": str(place),
        "XDG_CONFIG_HOME": str(place),
        "XDG_RUNTIME_DIR": str(place),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPYCACHEPREFIX": str(place / "bytecode"),
    }
    for name in ("PYTHONDONTWRITEBYTECODE", "NO_COLOR"):  # an installed program has its bytecode
        environment.pop(name, None)
    return environment


def project(place: Path, environment: Mapping[str, str], store: Path) -> Path:
    """Return the folder of a new project that has recorded what is in *store*."""
    from tests.benchmarks import _engine

    from kiket_console.paths import ProjectPaths

    folder = place / "project"
    folder.mkdir()
    with _engine.places(environment):
        paths = ProjectPaths(folder)
        paths.make()
    os.link(store, paths.store)
    return folder
