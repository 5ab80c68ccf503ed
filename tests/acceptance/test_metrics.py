"""See what happened: the demo's mistake, found at the keyboard as somebody new to it would."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console import demo
from kiket_console.demo import SAMPLE, lay_out, play
from kiket_console.errors import ExitCode
from kiket_console.paths import ProjectPaths, assets_dir
from kiket_console.telemetry.verdict import FEWEST

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.terminal import Terminal

HURRY_S = (0.005, 0.02)
"""Between two deliveries; the demo itself takes a minute for its story."""


@pytest.fixture
def folder(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the demo plays on: after the opening, what matters here alone."""
    mistake = next(each for each in demo.SAVES if each.file == "main.py")
    monkeypatch.setattr(demo, "SAVES", (replace(mistake, after=FEWEST + 1),))
    monkeypatch.setattr(demo, "STREAM", demo.STREAM[:1])
    place = own_places / SAMPLE
    lay_out(assets_dir() / "samples", place)
    return place


@contextmanager
def playing(folder: Path) -> Iterator[None]:
    """Play the demo's script in a hurry, in a thread of its own."""
    loop = asyncio.new_event_loop()
    script = loop.create_task(play(ProjectPaths(folder), pauses_s=HURRY_S))

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(script)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(script.cancel)
        thread.join()
        loop.close()


@pytest.mark.needs("tmux")
def test_the_slow_handler_its_save_the_call_and_the_log_line_are_two_keys_apart(
    terminal: Callable[..., Terminal],
    folder: Path,
    program: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    screen = terminal("--trust", "--session-secrets", size=(140, 40))
    screen.shows(r"● 2 of 2 serve")

    with playing(folder):
        screen.press("4")
        screen.shows(r"\n▌? *all +[^\n]*\n▌? *issue\.updated v1 [^\n]*slower ✗")
        screen.press("g", "Down")
        screen.shows(r"─ issue\.updated v1 ─+ slower ✗ since main\.py \d\d:\d\d:\d\d ─")

    screen.press("c")
    screen.shows(r"the most time went into [^,]+, [\d.]+ m?s of [\d.]+ m?s")
    screen.shows(r"api +\d+ +GET issues")

    screen.press("l")
    screen.shows(r"LEAD-88: ranking it waited \d+ ms for the platform to list all \d issues")

    said = program("-C", str(folder), "metrics", "--fail-if", "slower")
    assert said.returncode == ExitCode.FAILURE
    assert "issue.updated v1 is slower since main.py " in said.stderr
