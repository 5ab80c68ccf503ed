"""Choose colours; what the cursor is on is shown at once, and what is chosen is remembered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kiket_console.ui.screens.chooser import Choice, Chooser
from kiket_console.ui.themes import THEMES

if TYPE_CHECKING:
    from kiket_console.ui.app import ConsoleApp

_NOTES = {
    "kiket-dusk": "dark, the default",
    "kiket-dawn": "light",
    "kiket-ansi": "the terminal's own 16 colours",
}


def names(app: ConsoleApp) -> list[tuple[str, str]]:
    """Return the names of all themes with a note: ours, the person's own, Textual's."""
    ours = [theme.name for theme in THEMES]
    own = sorted(app.wardrobe.own)
    others = sorted(set(app.available_themes) - {*ours, *own})
    shade = {
        name: "dark" if theme.dark else "light" for name, theme in app.available_themes.items()
    }
    return [
        *((name, _NOTES.get(name, "")) for name in ours),
        *((name, f"{shade[name]}, your own") for name in own),
        *((name, shade[name]) for name in others),
    ]


def theme_dialog(app: ConsoleApp) -> Chooser[str]:
    """Return the dialog; leaving it without a choice brings the old colours back."""
    before = app.theme
    choices = [Choice(name, note, "", name) for name, note in names(app)]
    return ThemeChooser(
        before,
        "Colours",
        choices,
        selected=[choice.value for choice in choices].index(before),
        highlighted=partial(setattr, app, "theme"),
    )


class ThemeChooser(Chooser[str]):
    """A chooser that undoes its preview when it is cancelled."""

    def __init__(self, before: str, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # handed on as they came
        self._before = before

    def action_cancel(self) -> None:
        """Bring the old colours back."""
        self.app.theme = self._before
        super().action_cancel()
