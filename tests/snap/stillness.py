"""A still clock, style sheets that are parsed once, and the places of an empty project."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from kiket_console.paths import ProjectPaths
from kiket_console.ui import moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.css.types import CSSLocation


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


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Let all consoles of a run share the rules that one has parsed: a tenth of each test."""
    parse, known = Stylesheet._parse_rules, dict[object, list[RuleSet]]()

    def parsed(
        self: Stylesheet, css: str, read_from: CSSLocation, *how: object, **more: object
    ) -> list[RuleSet]:
        variables = frozenset(self._variables.items())
        key = (css, read_from, how, frozenset(more.items()), variables)
        if key not in known:
            known[key] = parse(self, css, read_from, *how, **more)  # type: ignore[arg-type]  # handed on as they came
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        patch.setattr(RuleSet, "__hash__", object.__hash__)  # by identity too, and not in Python
        yield


@pytest.fixture
def paths(own_places: Path) -> ProjectPaths:
    """Return the places of an empty project."""
    folder = own_places / "marketing"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    return paths
