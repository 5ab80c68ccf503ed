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
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.ui.terminal import Terminal

from kiket_console.errors import ExitCode
from kiket_console.paths import state_dir

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.paths import ProjectPaths

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0


@pytest.fixture
def opened(terminals: list[Terminal], paths: ProjectPaths) -> Callable[[str], Terminal]:
    """Return what opens a console that is going to fail somewhere."""

    def open_one(where: str) -> Terminal:
        terminals.append(Terminal("tests.kiket_console.ui.failing", str(paths.folder), where))
        terminals[-1].shows(b"rec ")
        return terminals[-1]

    return open_one


@pytest.mark.parametrize("where", ["render", "thread"])
def test_a_fault_of_our_own_ends_with_a_sentence_and_a_private_report(
    opened: Callable[[str], Terminal], where: str
) -> None:
    terminal = opened(where)
    terminal.press(b"\x1bOQ")
    assert terminal.end() == ExitCode.FAILURE
    terminal.is_restored()
    said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")[2].decode()
    plain = re.sub(r"\x1b[\[\]>=][^a-zA-Z]*[a-zA-Z]", "", said).replace("\r", "")
    assert "Error: The program failed in a way it should not (RuntimeError)." in plain
    assert re.search(
        r"No engine runs for \w+ any more; `kiket-console -C /\S+` starts one\.", plain
    )
    assert "Traceback" not in plain
    (report,) = (state_dir() / "crashes").iterdir()
    assert str(report) in plain
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "it failed" in text
    assert "the-value-of-a-local-in-a-frame" not in text
    assert "the-value-of-a-local-in-a-frame" not in plain


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_a_signal_ends_it_and_the_terminal_is_as_before(
    opened: Callable[[str], Terminal], name: str
) -> None:
    terminal = opened("nowhere")
    number = signal.Signals[name]
    terminal.process.send_signal(number)
    assert terminal.end() == 128 + number
    terminal.is_restored()
    said = bytes(terminal.raw).rpartition(b"\x1b[?1049l")[2]
    assert name == "SIGINT" or f"{name} ended the console; the engine goes on.".encode() in said
    assert b"Traceback" not in said
    assert not (state_dir() / "crashes").exists()


def test_a_terminal_that_is_gone_ends_it_though_no_signal_says_so(paths: ProjectPaths) -> None:
    """It does not own this terminal, as under another program that gave it one."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kiket_console.ui.failing", str(paths.folder), "nowhere"],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        drawn = b""
        while b"rec " not in drawn:
            drawn += os.read(ours, 65_536)
        os.close(ours)
        assert process.wait(PATIENCE_S) == 128 + signal.SIGHUP
    finally:
        process.kill()
        process.wait()
