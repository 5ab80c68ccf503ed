"""A real terminal, by a pty, for what only the bytes can tell."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
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
"""What turns off again what a console turns on."""
END = b"\0all\0"
"""Written behind what a program wrote, to know that all of it was read."""


class Terminal:
    """A module that shows a console, in a terminal of its own of 100 by 30 cells."""

    def __init__(self, *command: str) -> None:
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, (30, 100))
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
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

    def writes_more(self, than: int) -> None:
        """Wait until more than so many bytes were written."""
        self.until(lambda: len(self.raw) > than, "more output")

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
        """Wait for the end, and for all that was written before; return the exit status."""
        status = self.process.wait(PATIENCE_S)
        os.write(self._theirs, END)
        deadline = time.monotonic() + PATIENCE_S
        while not self.raw.endswith(END) and time.monotonic() < deadline:
            time.sleep(0.005)
        del self.raw[-len(END) :]
        return status

    @property
    def after(self) -> list[object]:
        """The settings of the terminal."""
        return termios.tcgetattr(self._theirs)

    def is_restored(self) -> None:
        """Fail unless everything that was turned on is off again; to be called after the end."""
        raw = bytes(self.raw)
        for on, off in OFF.items():
            assert raw.rfind(off) >= raw.rfind(on), (on, off)
        assert b"\x1b[?1049h" in raw
        assert self.after == self.before

    def close(self) -> None:
        """Leave nothing of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        os.close(self._theirs)
        self._reader.join(PATIENCE_S)
        os.close(self._ours)
