"""Whatever is pressed, in whatever order and terminal, the console goes on."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import settled

from kiket_console.ui.registry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.ui.app import ConsoleApp

LEAVING = {"ctrl+q", "ctrl+z", "ctrl+c", "q"}
KEYS = sorted({key for command in COMMANDS for key in command.key_names} - LEAVING)
OFTEN = ["escape"] * 10 + ["enter"] * 6 + ["down"] * 5 + ["space", "a", "b", "at", "1"]
PRESSED = int(os.environ.get("KIKET_TORTURE_EXAMPLES") or 50)
SIZES = ((100, 30), (20, 5), (200, 50), (80, 24))


@pytest.mark.parametrize("seed", [23])
async def test_no_row_of_keys_is_too_much(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    frames: None,
    seed: int,
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.chdir(tmp_path)  # what is exported goes here
    chance = random.Random(seed)  # noqa: S311 - the same keys each time
    engine.said = scene.several() if seed % 2 else scene.status()
    app = console()
    async with app.run_test(size=SIZES[0], notifications=True) as pilot:
        await settled(pilot)
        pressed = []
        for _ in range(PRESSED):
            pressed.append(chance.choice(KEYS + OFTEN))
            await pilot.press(pressed[-1])
            if chance.random() < 0.05:
                await pilot.resize_terminal(*chance.choice(SIZES))
            assert app.crash is None, pressed
        assert app.is_running
