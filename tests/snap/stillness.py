"""A still clock, much time, style sheets that are parsed once, and an empty project's places."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.snap import scene
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from kiket_console.paths import ProjectPaths
from kiket_console.ui import app as console
from kiket_console.ui import clipboard, key_order, leaving, link, moment, shown_value
from kiket_console.ui.toast import Sentence

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


LONG_S = 600.0


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what goes by within seconds ten minutes: a busy machine may pause for as long."""
    for module, name in (
        (clipboard, "SECRET_FOR_S"),
        (leaving, "TWICE_WITHIN_S"),
        (link, "SILENT_AFTER_S"),
        (shown_value, "SHOWN_S"),
    ):
        monkeypatch.setattr(module, name, LONG_S)
    monkeypatch.setattr(key_order, "LOOKS", int(LONG_S / key_order.LOOK_EVERY_S))

    def said(message: str, **how: Any) -> Sentence:
        return Sentence(message, **(how | {"timeout": LONG_S}))

    monkeypatch.setattr(console, "Sentence", said)


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """End a console's workers before its widgets go, as when it is left: `run_test` does not.

    One whose answer came while the widgets went one by one would look for those that have gone.
    """
    take_away = console.ConsoleApp._shutdown

    async def end(app: console.ConsoleApp) -> None:
        app.workers.cancel_all()
        await take_away(app)

    monkeypatch.setattr(console.ConsoleApp, "_shutdown", end)


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
