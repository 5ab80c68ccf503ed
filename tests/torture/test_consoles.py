"""Consoles come and go, by fair means or foul, and the engine does not care."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from typing import TYPE_CHECKING

import pytest
from tests.torture.subject import PATIENCE_S, ROOT, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.judge import Judge
    from tests.torture.senders import Senders
    from tests.torture.subject import Subject


_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


class Console:
    """`kiket-console` in a terminal of its own."""

    def __init__(self, subject: Subject, *arguments: str) -> None:
        self.terminal, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (30, 100))
        self.process = subprocess.Popen(
            [
                *("setsid", "-c", sys.executable, "-m", "kiket_console"),
                *("-C", str(subject.folder), *arguments),
            ],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                **_without_size(subject.environment()),
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
            },
        )
        os.close(theirs)
        self._raw = bytearray()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def shows(self, pattern: str) -> None:
        """Wait until something has been painted; colours and places do not count."""
        try:
            until(lambda: re.search(pattern, self.painted()), f"{pattern!r} on screen")
        except AssertionError as error:
            raise AssertionError(f"{error}; last painted: {self.painted()[-2000:]}") from None

    def painted(self) -> str:
        """Return all that has been painted so far."""
        return _SEQUENCE.sub(b"", bytes(self._raw)).decode("utf-8", "replace")

    def shows_delivery(self, number: int) -> None:
        """Wait until the list has a delivery."""
        self.shows(rf" {number} +\d\d:\d\d:\d\d\.\d+ +webhook +torture\.delivered ")

    def end(self, how: str) -> None:
        """Let it die: by a signal's name, or with its terminal."""
        if how == "terminal":
            os.close(self.terminal)
            self.terminal = -1
        else:
            self.process.send_signal(signal.Signals[how])
        self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """Leave nothing of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self._reading.join(PATIENCE_S)
        if self.terminal >= 0:
            os.close(self.terminal)

    def _read(self) -> None:
        try:
            while raw := os.read(self.terminal, 65536):
                self._raw += raw
        except OSError:
            return  # the other side is gone


def _without_size(environment: dict[str, str]) -> dict[str, str]:
    """Let the terminal say how large it is: whoever runs the tests may have said it of another."""
    return {name: each for name, each in environment.items() if name not in ("COLUMNS", "LINES")}


@pytest.fixture
def consoles() -> Iterator[list[Console]]:
    """Return where to keep consoles that are to be gone after the test."""
    kept: list[Console] = []
    yield kept
    for each in kept:
        each.close()


async def test_however_a_console_dies_the_engine_serves_on_and_the_next_one_shows_all(
    subject: Subject, senders: Senders, judge: Judge, consoles: list[Console]
) -> None:
    """A kill, a closed terminal, which hangs up: nothing is lost in between."""
    subject.start()
    subject.wait_ready()
    for count, how in enumerate(("SIGKILL", "terminal"), start=1):
        consoles.append(Console(subject, "attach"))
        consoles[-1].shows("serving")
        assert (await senders.send_one())[1] == 200
        for number in range(1, count + 1):
            consoles[-1].shows_delivery(number)
        consoles[-1].end(how)
    assert (await senders.send_one())[1] == 200
    assert subject.status()["pid"] == subject.pid
    assert subject.stop() == 0
    assert judge.look(2).is_clean
