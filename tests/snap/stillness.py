"""A still clock, and the places of an empty project."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene

from kiket_console.paths import ProjectPaths
from kiket_console.ui import moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop what would make two pictures differ: the clock, its zone, animation, blinking."""
    monkeypatch.setattr(moment, "now_us", lambda: scene.NOW_US)
    monkeypatch.setattr("textual.widgets.Input._toggle_cursor", lambda _: None)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def paths(own_places: Path) -> ProjectPaths:
    """Return the places of an empty project."""
    folder = own_places / "marketing"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    return paths
