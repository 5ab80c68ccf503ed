"""Choose colours; what the cursor is on is shown at once."""

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


def theme_dialog(app: ConsoleApp) -> Chooser[str]:
    """Return the dialog; leaving it without a choice brings the old colours back."""
    ours = [theme.name for theme in THEMES]
    others = sorted(name for name in app.available_themes if name not in ours)
    names = [*ours, *others]
    before = app.theme
    choices = [Choice(name, _NOTES.get(name, ""), "", name) for name in names]
    return ThemeChooser(
        before,
        "Colours",
        choices,
        selected=names.index(before),
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
