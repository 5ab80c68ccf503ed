"""A console on a real store, with an engine that says what it was told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.rest import rested
from tests.snap.stillness import ended, parsed_once, paths, still, unhurried
from tests.snap.unseen import frames, unseen

from kiket_console.ui.app import ConsoleApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kiket_console.ui.terminal import Terminal

    from kiket_console.paths import ProjectPaths

__all__ = [
    "console", "ended", "engine", "frames", "parsed_once", "paths", "rested", "still", "unhurried",
    "unseen",
]  # fmt: skip


@pytest.fixture
def engine() -> scene.ToldEngine:
    """Return an engine that says that all is well."""
    return scene.ToldEngine()


@pytest.fixture
def console(paths: ProjectPaths, engine: scene.ToldEngine) -> Callable[..., ConsoleApp]:
    """Return a way to make the console, on the scene's store or another *story*."""

    def make(
        story: scene.Story | None = None, *, empty: bool = False, **options: object
    ) -> ConsoleApp:
        if not empty:
            scene.write_store(paths.store, story)
        return ConsoleApp(paths, open_engine=lambda: engine, **options)  # type: ignore[arg-type]  # handed on as they came

    return make


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Return where to put terminals that are to be closed."""
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()
