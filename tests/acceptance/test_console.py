"""The main job as a person does it: in a terminal, with keys, from first to last."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.acceptance.conftest import until
from tests.acceptance.terminal import LISTED, Terminal

from kiket_console.engine_process import find_engine
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def shell(own_places: Path, folder: Path) -> Iterator[Terminal]:
    """Return a terminal with a shell in the project's folder."""
    command = ["bash", "--norc", "--noprofile", "-i"]
    terminal = Terminal(own_places / "shell", until, command, folder)
    yield terminal
    terminal.close()


@pytest.mark.needs("tmux")
def test_trigger_fail_read_fix_replay_and_leave_nothing(
    terminal: Callable[..., Terminal],
    shell: Terminal,
    folder: Path,
    alive: Callable[[int], bool],
    program: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    paths = ProjectPaths(folder)
    screen = terminal()
    screen.shows(r"Run it\? \[y/N\]")
    screen.press("y", "Enter")
    screen.shows("● serving")
    screen.shows("Nothing has arrived yet")

    screen.press("t")
    screen.shows(r"issue\.created v1 .*handler")
    screen.press("Enter")
    screen.shows(r"1 .*webhook +issue\.created +(v1 +)?200 ")

    good = (folder / "main.py").read_text()
    (folder / "main.py").write_text(good.replace('["issue"]["key"]}', '["issue"]["kye"]}'))
    screen.shows("⟳ main.py")
    screen.press("r")
    screen.shows(r"webhook +issue\.created +(v1 +)?400 ✗ .*of 1")
    screen.press("Enter", "l")
    screen.shows(r"main\.py\", line 14, in created")
    screen.shows("KeyError: 'kye'")

    (folder / "main.py").write_text(good)
    until(lambda: _reloads(program, folder) == 2, "the mended code serves")
    screen.press("r")
    screen.shows(r"(?s)400 ✗.*webhook +issue\.created +(v1 +)?200 .*of \d")

    screen.press("Escape")
    screen.shows(LISTED)
    screen.press("q")
    screen.shows("1 worker runs. Detach keeps it")
    screen.press("Enter")
    screen.shows("sample goes on; `kiket-console` shows it, `kiket-console stop` ends it.")
    screen.shows("left with 0")
    engine = find_engine(paths)
    assert engine is not None

    shell.type(shlex.join([sys.executable, "-m", "kiket_console", "attach"]))
    shell.press("Enter")
    shell.shows("● serving")
    shell.shows("400 ✗")
    _pin_delete_and_bring_back(shell)
    _to_the_background_and_back(shell)
    _show_plain_text_on_the_terminal_itself(shell)
    below = _below(engine.pid)
    assert below
    shell.press("q", "Right", "Enter")
    shell.shows(r"\^C\n[^─]*bash")
    shell.shows(r"Stopped sample: the engine and 1 worker\.")
    shell.type("echo left with $?")
    shell.press("Enter")
    shell.shows("left with 0")
    assert find_engine(paths) is None
    until(lambda: not any(map(alive, (engine.pid, *below))), "no process is left")


def _pin_delete_and_bring_back(screen: Terminal) -> None:
    screen.press("g", "m")
    screen.shows(r"▌ +1★ .*issue\.created")
    screen.press("DC")
    screen.said(r"Deleted 1 issue\.created and \d calls?; u undoes it\.")
    until(lambda: "1★" not in screen.screen(), "it is not shown any more")
    screen.press("u")
    screen.shows(r"▌ +1★ .*issue\.created")


def _to_the_background_and_back(screen: Terminal) -> None:
    screen.press("C-z")
    screen.shows("Stopped")
    screen.type("echo in the shell")
    screen.press("Enter")
    screen.shows("(?m)^in the shell")
    screen.type("fg")
    screen.press("Enter")
    screen.shows("● serving")
    screen.shows(LISTED)


def _show_plain_text_on_the_terminal_itself(screen: Terminal) -> None:
    """Leave it as one leaves anything that runs in a shell."""
    screen.press("C-l")
    screen.shows("-- enter goes back to the console --")
    screen.shows(r"1★? .*webhook +issue\.created")
    assert "─" not in screen.screen()
    screen.press("C-c")
    screen.press("Enter")
    screen.shows(LISTED)


def _below(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _reloads(program: Callable[..., subprocess.CompletedProcess[str]], folder: Path) -> int:
    done = program("-C", str(folder), "status", "--json")
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["workers"][0]["reloads"])
