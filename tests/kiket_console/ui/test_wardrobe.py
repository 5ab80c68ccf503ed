"""Own themes, and which theme is worn next time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.snap.scene import screen_text, settled, until
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from kiket_console.config import change
from kiket_console.errors import ConsoleError
from kiket_console.ui import own_themes
from kiket_console.ui.themes import fallbacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.theme import Theme

    from kiket_console.ui.app import ConsoleApp

SMALL = (80, 24)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Return a config.toml with a comment, beside a folder of themes."""
    file = tmp_path / "config" / "config.toml"
    (file.parent / "themes").mkdir(parents=True)
    file.write_text('# mine\ntheme = "kiket-dusk"  # dark\n\n[keys]\n"theme" = "f9"\n')
    return file


def write(settings: Path, name: str, *lines: str) -> Path:
    file = settings.parent / "themes" / f"{name}.toml"
    file.write_text("\n".join(lines))
    return file


def text(file: Path) -> str:
    return file.read_text()


def test_an_own_theme_takes_from_its_base_what_it_does_not_say(settings: Path) -> None:
    theme = own_themes.read(write(settings, "night", 'base = "kiket-dawn"', 'accent = "#ff8800"'))
    assert (theme.name, theme.dark, theme.accent, theme.background) == (
        "night", False, "#ff8800", "#fbfaf7",
    )  # fmt: skip
    assert theme.variables["footer-key-foreground"] == "#ff8800"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('acent = "#ff8800"', ':1: there is no colour called "acent". Did you mean "accent"?'),
        ('accent = "#ff88zz"', (':1: \'#ff88zz\' is no colour. Write it as "#59c9b1", "teal" or '
         '"ansi_cyan".')),
        ("accent = 5", ':1: 5 is no colour. Write it as "#59c9b1", "teal" or "ansi_cyan".'),
        ('base = "dusk"', (":1: there is no such base. There are kiket-dusk, kiket-dawn, "
         "kiket-ansi.")),
        ("dark = 1", ":1: dark is 1. It takes true or false."),
        ("dark = ", (" cannot be understood: Invalid value (at end of document). "
         "Correct it there.")),
    ],
)  # fmt: skip
def test_a_wrong_theme_is_refused_with_its_line(settings: Path, line: str, sentence: str) -> None:
    file = write(settings, "night", line)
    with pytest.raises(ConsoleError) as refused:
        own_themes.read(file)
    assert str(refused.value) == f"{file}{sentence}"


async def test_a_chosen_theme_is_written_down_and_every_other_line_stays(
    console: Callable[..., ConsoleApp], settings: Path
) -> None:
    write(settings, "night", 'accent = "#ff8800"')
    app = console(settings=settings)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("T", *"night", "enter")
        await until(pilot, lambda: app.theme == "night" and app.screen is app.place)
    assert text(settings) == '# mine\ntheme = "night"  # dark\n\n[keys]\n"theme" = "f9"\n'


async def test_a_theme_that_the_project_decides_on_is_not_written_down(
    console: Callable[..., ConsoleApp], settings: Path
) -> None:
    before = text(settings)
    app = console(settings=settings, theme_fixed_by="kiket.toml")
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"theme kiket-dawn", "enter")
        await until(pilot, lambda: "kiket-dawn is worn until you leave" in screen_text(app))
        assert app.theme == "kiket-dawn"
    assert text(settings) == before


async def test_a_wrong_theme_file_is_no_reason_not_to_start(
    console: Callable[..., ConsoleApp], settings: Path
) -> None:
    write(settings, "night", 'acent = "#ff8800"')
    app = console(settings=settings)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await settled(pilot)
        said = ": there is no colour called"
        await until(pilot, lambda: any(said in each.message for each in app._notifications))


async def test_a_wrong_theme_that_is_to_be_worn_is(
    console: Callable[..., ConsoleApp], settings: Path
) -> None:
    write(settings, "night", 'acent = "#ff8800"')
    with pytest.raises(ConsoleError, match=r"night\.toml:1: there is no colour"):
        await asyncio.sleep(0, console(settings=settings, theme="night"))


def test_a_link_is_kept_and_what_it_leads_to_is_written(settings: Path) -> None:
    real = settings.rename(settings.with_name("dotfile.toml"))
    settings.symlink_to(real)
    change(settings, "", "theme", '"kiket-dawn"')
    assert settings.is_symlink()
    assert 'theme = "kiket-dawn"  # dark' in real.read_text()


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    change(tmp_path / "new" / "config.toml", "", "theme", '"kiket-dawn"')
    assert (tmp_path / "new" / "config.toml").read_text() == 'theme = "kiket-dawn"\n'


@pytest.mark.parametrize(
    "theme", [each for each in BUILTIN_THEMES.values() if not each.ansi], ids=lambda each: each.name
)
def test_textuals_own_colours_can_be_read_as_text(theme: Theme) -> None:
    """They are made to stand behind text: one that is too near the ground is moved."""
    variables = theme.to_color_system().generate()
    ground = Color.parse(variables["background"]).brightness
    found = fallbacks(variables)
    for role in ("muted", "ink-accent", "ink-ok", "ink-warning", "ink-error", "source-webhook"):
        assert abs(Color.parse(found[role]).brightness - ground) > 0.25, role
