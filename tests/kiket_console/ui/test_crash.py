"""However the console ends, the terminal is as it was, and nobody sees a value of ours."""

from __future__ import annotations

import os
import pty
import re
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ExitCode
from kiket_console.paths import state_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kiket_console.paths import ProjectPaths

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0
OFF = {
    b"\x1b[?1049h": b"\x1b[?1049l",  # the other screen
    b"\x1b[?25l": b"\x1b[?25h",  # the cursor
    b"\x1b[?1000h": b"\x1b[?1000l",  # the mouse
    b"\x1b[?1003h": b"\x1b[?1003l",
    b"\x1b[?1006h": b"\x1b[?1006l",
    b"\x1b[?2004h": b"\x1b[?2004l",  # pastes in brackets
    b"\x1b[?1004h": b"\x1b[?1004l",  # focus
    b"\x1b[>1u": b"\x1b[<u",  # keys with all their modifiers
}


class Terminal:
    """A console in a terminal of its own."""

    def __init__(self, paths: ProjectPaths, where: str) -> None:
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, (30, 100))
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.kiket_console.ui.failing", str(paths.folder), where],
            cwd=ROOT,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "", "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        self.raw = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                raw = os.read(self._ours, 65_536)
            except OSError:
                return
            if not raw:
                return
            self.raw += raw

    def shows(self, text: bytes) -> None:
        """Wait until something was written."""
        self.until(lambda: text in self.raw, text)

    def until(self, true: Callable[[], bool], what: object) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"{what!r} did not come; it wrote {bytes(self.raw)[-2000:]!r}")
            time.sleep(0.01)

    def press(self, raw: bytes) -> None:
        """Send what a terminal sends for a key."""
        os.write(self._ours, raw)

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        return self.process.wait(PATIENCE_S)

    @property
    def after(self) -> list[object]:
        """The settings of the terminal."""
        return termios.tcgetattr(self._theirs)

    def close(self) -> None:
        """Leave nothing of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        os.close(self._theirs)
        self._reader.join(PATIENCE_S)
        os.close(self._ours)


@pytest.fixture
def opened(paths: ProjectPaths) -> Iterator[Callable[[str], Terminal]]:
    """Return what opens a console that is going to fail somewhere."""
    terminals: list[Terminal] = []

    def open_one(where: str) -> Terminal:
        terminals.append(Terminal(paths, where))
        terminals[-1].shows(b"rec ")
        return terminals[-1]

    yield open_one
    for each in terminals:
        each.close()


def is_restored(terminal: Terminal) -> None:
    """Fail unless everything that was turned on in *terminal* is off again."""
    raw = bytes(terminal.raw)
    for on, off in OFF.items():
        assert raw.rfind(off) >= raw.rfind(on), (on, off)
    assert b"\x1b[?1049h" in raw
    assert terminal.after == terminal.before


@pytest.mark.parametrize(
    "where", ["message", "render", "async worker", "thread", "timer", "details", "refresh"]
)
def test_a_fault_of_our_own_ends_with_a_sentence_and_a_private_report(
    opened: Callable[[str], Terminal], where: str
) -> None:
    terminal = opened(where)
    terminal.press(b"\x1bOQ")
    assert terminal.end() == ExitCode.FAILURE
    is_restored(terminal)
    said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")[2].decode()
    plain = re.sub(r"\x1b[\[\]>=][^a-zA-Z]*[a-zA-Z]", "", said).replace("\r", "")
    assert "Error: The program failed in a way it should not (RuntimeError)." in plain
    assert "The engine goes on" in plain
    assert "Traceback" not in plain
    (report,) = (state_dir() / "crashes").iterdir()
    assert str(report) in plain
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "it failed" in text
    assert "the-value-of-a-local-in-a-frame" not in text
    assert "the-value-of-a-local-in-a-frame" not in plain


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_it_and_the_terminal_is_as_before(
    opened: Callable[[str], Terminal], name: str
) -> None:
    terminal = opened("nowhere")
    number = signal.Signals[name]
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    is_restored(terminal)
    said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")[2]
    assert name == "SIGINT" or f"{name} ended the console; the engine goes on.".encode() in said
    assert b"Traceback" not in said
    assert not (state_dir() / "crashes").exists()
