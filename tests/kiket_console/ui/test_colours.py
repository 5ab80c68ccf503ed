"""Few colours, or none: the terminal decides, and what matters can be read all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.snap import scene
from tests.snap.scene import screen_text, settled, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style

    from kiket_console.ui.app import ConsoleApp


def drawn(app: ConsoleApp) -> list[Style]:
    """Return the styles that go to the terminal."""
    strips = app.screen._compositor.render_strips()
    return [segment.style for strip in strips for segment in strip if segment.style]


@pytest.mark.parametrize(
    ("term", "colorterm", "theme"),
    [
        ("xterm", "", "kiket-ansi"),
        ("linux", "", "kiket-ansi"),
        ("xterm-16color", "", "kiket-ansi"),
        ("xterm-256color", "", "kiket-dusk"),
        ("xterm", "truecolor", "kiket-dusk"),
    ],
)
def test_a_terminal_of_16_colours_is_drawn_in_its_own(
    console: Callable[..., ConsoleApp],
    monkeypatch: pytest.MonkeyPatch,
    term: str,
    colorterm: str,
    theme: str,
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    assert console().theme == theme


def test_colours_that_a_person_chose_stay(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "")
    assert console(theme="kiket-dawn").theme == "kiket-dawn"


@pytest.mark.parametrize("theme", ["kiket-dawn", "nord"])
async def test_no_color_means_none_and_states_keep_their_words(
    console: Callable[..., ConsoleApp],
    engine: scene.ToldEngine,
    monkeypatch: pytest.MonkeyPatch,
    theme: str,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    engine.said = scene.status(scene.worker(**scene.BROKEN))
    app = console(theme=theme)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("k", "k")
        await settled(pilot)
        styles = drawn(app)
        assert {style.color and style.color.name for style in styles} <= {None, "default"}
        assert {style.bgcolor and style.bgcolor.name for style in styles} <= {None, "default"}
        assert any(style.bold for style in styles)
        shown = screen_text(app)
    assert "✗ broken, old code serves" in shown
    assert "500 ✗" in shown
    assert "▌ 1194" in shown


def test_what_would_act_on_a_terminal_is_caught_after_textuals_own_filters(
    console: Callable[..., ConsoleApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    names = [type(each).__name__ for each in console().get_line_filters()]
    assert names == ["NoColor", "ControlFilter"]


@pytest.mark.parametrize("theme", ["kiket-dusk", "kiket-dawn"])
async def test_the_letter_under_the_cursor_of_an_editor_can_be_read(
    console: Callable[..., ConsoleApp], theme: str
) -> None:
    app = console(theme=theme)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("k", "e")
        await until(pilot, lambda: bool(app.screen.query("#edit-payload")))
        editor = app.screen.query_one("#edit-payload")
        cursor = editor.get_component_styles("text-area--cursor")
        ground = editor.background_colors[1] + cursor.background
        assert abs(cursor.color.brightness - ground.brightness) > 0.5


async def test_in_the_terminals_own_colours_a_dialog_leaves_what_is_behind_it_in_sight(
    console: Callable[..., ConsoleApp],
) -> None:
    app = console(theme="kiket-ansi")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "Leave?" in screen_text(app))
        assert "─ Traffic ─" in screen_text(app)
        assert "╭" in screen_text(app), "an outline parts the two"
