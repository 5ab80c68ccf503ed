"""What the rules find in a manifest is on screen, leads there, and so does the setup wizard."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.kiket_console.linting.conftest import MANIFEST
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

from kiket_console.linting.lint import lint
from kiket_console.text import cell_width
from kiket_console.ui.paint.findings import result_lines
from kiket_console.ui.screens.setup import SetupScreen
from kiket_console.ui.screens.trigger import TriggerScreen
from kiket_console.ui.widgets.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.paths import ProjectPaths
    from kiket_console.ui.app import ConsoleApp

SIZE = (120, 40)


@pytest.fixture
def manifest(paths: ProjectPaths, engine: scene.ToldEngine) -> Path:
    """Return the sound manifest of the worker that runs."""
    path = paths.folder / "extension.yaml"
    path.write_text(MANIFEST)
    engine.said = scene.status(scene.worker(folder=str(paths.folder)))
    return path


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where an editor writes what it was told to open."""
    code, opened = tmp_path / "code", tmp_path / "opened"
    code.write_text(f'#!/bin/sh\necho "$@" >> {opened}\n')
    code.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(code))
    opened.write_text("")
    return opened


def spoil(manifest: Path, text: str = "", *, gone: bool = False) -> None:
    """Write a manifest anew, by default with an error on line 15, or remove it."""
    if gone:
        manifest.unlink()
    else:
        manifest.write_text(text or MANIFEST.replace("timeout: 15000", "timeout: 99"))


def is_said(app: ConsoleApp, sentence: str) -> bool:
    return any(sentence in said.message for said in app._notifications)


async def test_what_is_found_is_told_and_told_again_after_a_save(
    console: Callable[..., ConsoleApp], manifest: Path
) -> None:
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "✓ 1 file, nothing to correct" in screen_text(app))
        spoil(manifest)
        place = "✗ extension.yaml:15:5  extension.callback.timeout  is 99;"
        await until(pilot, lambda: place in screen_text(app))
        spoil(manifest, gone=True)
        await until(pilot, lambda: "Manifest" not in screen_text(app))


async def test_an_error_opens_in_the_editor(
    console: Callable[..., ConsoleApp], manifest: Path, opened: Path
) -> None:
    spoil(manifest)
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "1 error" in screen_text(app))
        await pilot.press("O")
        await until(pilot, lambda: f"-g {manifest}:15" in opened.read_text())


async def test_the_wizard_is_shown_step_by_step(
    console: Callable[..., ConsoleApp], manifest: Path, opened: Path
) -> None:
    """`O` opens the manifest where the step begins."""
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("2", "w")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await until(pilot, lambda: "API token *" in screen_text(app))
        assert "Setup of Pager 1.4.0" in screen_text(app)
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "asked when SEVERITY is high" in screen_text(app))
        await pilot.press("left_square_bracket", "left_square_bracket")
        await until(pilot, lambda: "https://example.org/" in screen_text(app))
        await pilot.press("tab", "O")
        line = MANIFEST.split("\n").index("    - secrets:") + 1
        await until(pilot, lambda: f"-g {manifest}:{line}" in opened.read_text())
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.place)


async def test_a_test_of_the_wizard_can_be_sent(
    console: Callable[..., ConsoleApp], manifest: Path
) -> None:
    """`t` begins to send the event that the step tests with."""
    spoil(manifest, MANIFEST.replace("pager.testConnection", "issue.created"))
    app = console()
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("2", "w")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TriggerScreen))
        await until(pilot, lambda: app.screen.query_one("#typed", Entry).value == "issue.created")


async def test_why_there_is_no_wizard_is_said(
    console: Callable[..., ConsoleApp], manifest: Path
) -> None:
    app = console()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("2")
        for text, sentence in (("id: a.b\n", "describes no"), ("a: b: c\n", "mapping values")):
            spoil(manifest, text)
            await pilot.press("w")
            await until(pilot, partial(is_said, app, sentence))


@pytest.mark.parametrize("width", [36, 60, 80, 120])
def test_findings_fit_any_terminal(tmp_path: Path, width: int) -> None:
    path = tmp_path / "extension.yaml"
    path.write_text("permissions:\n" + "  - 3\n" * 30)
    lines = result_lines(lint(tmp_path), width, tmp_path)
    told = ["".join(text for text, _ in each) for each in lines]
    assert max(map(cell_width, told)) <= width
    assert "more; kiket-console lint lists them" in told[-1] or width < 60
