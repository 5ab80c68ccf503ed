"""How long the console takes to its first frame, beside a minimal Textual program; and its keys.

Each contender is a fresh process on a pseudo-terminal of 120 by 36, and they take turns. The clock
runs from the start of the process to the byte that completes what a person waits for:

console     `run_console` on a store of 20,000 exchanges, until a row of it is drawn; no engine runs
textual     a program of one label, until the label is drawn (the least that Textual takes)
python      `python -c pass`, to its end (the limit)

Keys are pressed into the console that is on screen: from the write of the key to the first byte
that comes back, for a step of the cursor and for a page.
"""

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
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Any, Self

from tests.snap import scene

ROWS = 20_000
SIZE = (36, 120)
DEADLINE_S = 20.0
CONSOLE = """
import sys
from pathlib import Path
from kiket_console.paths import ProjectPaths
from kiket_console.ui.app import run_console
run_console(ProjectPaths(Path(sys.argv[1])))
"""
TEXTUAL = """
from textual.app import App
from textual.widgets import Label
class Minimal(App):
    def compose(self):
        yield Label("shown at last")
Minimal().run()
"""
GOAL_FIRST_FRAME_MS = 250
GOAL_OF_TEXTUAL = 1.67
"""The 250 ms, on a machine where the minimal program takes 150."""


def measure(quick: bool) -> dict[str, Any]:
    """Start all contenders in turn; return medians (ms), ratios and goals."""
    rounds = 5 if quick else 15
    with tempfile.TemporaryDirectory(prefix="kc") as place:
        environment = os.environ | {
            "XDG_STATE_HOME": place,
            "XDG_RUNTIME_DIR": place,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPYCACHEPREFIX": str(Path(place, "bytecode")),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
        project = _project(Path(place), environment)
        contenders = {
            "console": ([sys.executable, "-c", CONSOLE, str(project)], b"issue.created"),
            "textual": ([sys.executable, "-c", TEXTUAL], b"shown at last"),
            "python": ([sys.executable, "-c", "pass"], None),
        }
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(rounds + 1):
            for name, (command, marker) in contenders.items():
                took_ms = _first_frame_ms(command, marker, environment)
                if turn:  # the first fills the page cache and writes bytecode
                    taken[name].append(took_ms)
        keys = _keys(contenders["console"], environment, 20 if quick else 100)
    medians = {name: round(statistics.median(results), 1) for name, results in taken.items()}
    return {
        "benchmark": "from the start of the console to its first row, and from key to paint",
        "rounds": rounds,
        "rows": ROWS,
        "first_frame_ms": medians,
        "key_to_paint_ms": keys,
        "ratios": {
            "of_textual": round(medians["console"] / medians["textual"], 2),
            "of_python": round(medians["console"] / medians["python"], 2),
        },
        "goals": {
            "first_frame_ms.console": f"<= {GOAL_FIRST_FRAME_MS}",
            "of_textual": f"<= {GOAL_OF_TEXTUAL}",
        },
    }


def _project(place: Path, environment: dict[str, str]) -> Path:
    """Make a project with a store of many exchanges, and return its folder."""
    from kiket_console.paths import ProjectPaths

    before = {name: os.environ.get(name) for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR")}
    os.environ |= {name: environment[name] for name in before}
    try:
        folder = place / "project"
        folder.mkdir()
        paths = ProjectPaths(folder)
        paths.make()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    for part in range(ROWS // 1_000):
        story = scene.Story()
        story._id = part * 1_000
        for number in range(1_000):
            story.webhook("issue.created", "v1", scene.issue(number), 200, 3_000)
        scene.write_store(paths.store, story)
    return folder


class _Screen:
    """A process on a pseudo-terminal, ended with the context."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
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

    def wait_for(self, marker: bytes) -> float:
        """Read until *marker* was drawn; return the time since the start in ms."""
        seen = b""
        while marker not in seen:
            seen += self.read(DEADLINE_S)
        return (time.perf_counter() - self.began_s) * 1000

    def wait_for_end(self) -> float:
        """Return the time from the start to the end of the process in ms."""
        self._process.wait(DEADLINE_S)
        return (time.perf_counter() - self.began_s) * 1000

    def key_ms(self, key: bytes) -> float:
        """Press a key; return the time to the first byte that it causes in ms."""
        began_s = time.perf_counter()
        os.write(self._end, key)
        self.read(DEADLINE_S)
        return (time.perf_counter() - began_s) * 1000

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


def _first_frame_ms(command: list[str], marker: bytes | None, environment: dict[str, str]) -> float:
    with _Screen(command, environment) as screen:
        return screen.wait_for_end() if marker is None else screen.wait_for(marker)


def _keys(
    contender: tuple[list[str], bytes | None], environment: dict[str, str], presses: int
) -> dict[str, dict[str, float]]:
    command, marker = contender
    assert marker is not None
    found = {}
    with _Screen(command, environment) as screen:
        screen.wait_for(marker)
        screen.settle(1.5)
        for name, key in (("step", b"k"), ("page", b"\x02")):
            taken = []
            for _ in range(presses):
                taken.append(screen.key_ms(key))
                screen.settle(0.08)
            found[name] = {
                "median": round(statistics.median(taken), 1),
                "p95": round(statistics.quantiles(taken, n=20)[-1], 1),
            }
    return found
