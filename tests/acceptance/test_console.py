"""The main job as a person does it: in a terminal, with keys, from first to last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psutil
import pytest

from kiket_console.engine_process import find_engine
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.terminal import Terminal

    Until = Callable[..., object]


@pytest.mark.needs("tmux")
def test_trigger_fail_read_fix_replay_and_leave_nothing(
    terminal: Callable[..., Terminal],
    folder: Path,
    until: Until,
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
    screen.shows("enter open")
    screen.press("q")
    screen.shows("1 worker runs. Detach keeps it")
    screen.press("Enter")
    screen.shows("sample goes on; `kiket-console` shows it, `kiket-console stop` ends it.")
    screen.shows("left with 0")
    engine = find_engine(paths)
    assert engine is not None

    screen = terminal("attach")
    screen.shows("● serving")
    screen.shows("400 ✗")
    below = _below(engine.pid)
    assert below
    screen.press("q", "Right", "Enter")
    screen.shows("left with 0")
    assert find_engine(paths) is None
    until(lambda: not any(map(alive, (engine.pid, *below))), "no process is left")


@pytest.mark.needs("tmux")
def test_a_row_is_pinned_deleted_and_brought_back_by_key(
    terminal: Callable[..., Terminal], program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    screen = terminal("--trust")
    screen.shows("● serving")
    screen.press("t")
    screen.shows(r"issue\.created v1 .*handler")
    screen.press("Enter")
    screen.shows("2 exchanges")  # the delivery and its call
    screen.press("g", "m")
    screen.shows(r"▌ +1★ .*issue\.created")
    screen.press("DC")
    screen.shows(r"Deleted 1 issue\.created and \d calls?; u undoes it\.")
    screen.shows("Nothing has arrived yet")
    screen.press("u")
    screen.shows(r"▌ +1★ .*issue\.created")
    screen.press("q", "Right", "Enter")
    screen.shows("left with 0")


@pytest.mark.needs("tmux")
def test_two_consoles_opened_at_once_share_one_engine(
    terminal: Callable[..., Terminal], folder: Path, until: Until
) -> None:
    consoles = [terminal("--trust"), terminal("--trust")]
    for console in consoles:
        console.shows("● serving")
    log = ProjectPaths(folder).engine_log
    until(lambda: b"runs for" in log.read_bytes(), "the other engine has said why it ended")
    assert b"\0" not in log.read_bytes()
    consoles[0].press("q", "Enter")
    consoles[0].shows("left with 0")
    consoles[1].shows("● serving")
    consoles[1].press("q", "Right", "Enter")
    consoles[1].shows("left with 0")
    assert find_engine(ProjectPaths(folder)) is None


def _below(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _reloads(program: Callable[..., subprocess.CompletedProcess[str]], folder: Path) -> int:
    done = program("-C", str(folder), "status", "--json")
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["workers"][0]["reloads"])
