"""Between the console and the shell: to the background and back, and plain text to select from."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.acceptance.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def shell(own_places: Path, until: Callable[..., object], folder: Path) -> Iterator[Terminal]:
    """Return a terminal with a shell in the project's folder."""
    command = ["bash", "--norc", "--noprofile", "-i"]
    terminal = Terminal(own_places / "tmux", until, command, folder)
    yield terminal
    terminal.close()


@pytest.mark.needs("tmux")
def test_ctrl_z_goes_to_the_shell_and_plain_text_is_shown_on_the_terminal_itself(
    shell: Terminal, own_engine: Any
) -> None:
    own_engine.trigger("issue.created")
    console = shlex.join([sys.executable, "-m", "kiket_console", "attach"])
    shell.type(console)
    shell.press("Enter")
    shell.shows("● serving")

    shell.press("C-z")
    shell.shows("Stopped")
    shell.type("echo in the shell")
    shell.press("Enter")
    shell.shows("(?m)^in the shell")
    shell.type("fg")
    shell.press("Enter")
    shell.shows("● serving")
    shell.shows("enter open")

    shell.press("C-l")
    shell.shows("-- enter goes back to the console --")
    shell.shows(r"1 .*webhook +issue\.created")
    assert "─" not in shell.screen()
    shell.press("C-c")
    shell.press("Enter")
    shell.shows("enter open")
    shell.press("q", "Enter")
    shell.shows(r"\^C\n+sample goes on; [^\n]*\n+bash")
    shell.type("echo left with $?")
    shell.press("Enter")
    shell.shows("left with 0")
