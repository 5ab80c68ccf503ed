"""The themes that can be worn: ours, a person's own, Textual's; and which is worn next time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.ui.themes import THEMES, fitting, known

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.ui.app import ConsoleApp

FOLDER = "themes"


class Wardrobe:
    """Wears themes on *app*.

    *settings* is the person's config.toml: own themes are in the folder `themes` beside it, and
    what is chosen is written into it, unless *fixed_by* names what else decides on the theme.
    """

    def __init__(self, app: ConsoleApp, settings: Path | None, fixed_by: str = "") -> None:
        self._app = app
        self._settings = settings
        self._fixed_by = fixed_by
        self.own: list[str] = []
        """Names of the person's own themes."""
        self.wrong: list[ConsoleError] = []
        """What is wrong with files of own themes."""

    def open(self, name: str) -> None:
        """Make all themes known and wear the one called *name*; raises `ConsoleError`."""
        for theme in THEMES:
            self._app.register_theme(theme)
        if self._settings is not None and (folder := self._settings.parent / FOLDER).is_dir():
            from kiket_console.ui.own_themes import load

            own, self.wrong = load(folder)
            for theme in own:
                self._app.register_theme(theme)
                self.own.append(theme.name)
        few = self._app.no_color or self._app.console.color_system in (None, "standard")
        name = fitting(name, few_colours=few)
        for error in self.wrong:
            if name not in self._app.available_themes and f"/{name}.toml" in error.message:
                raise error
        self._app.theme = known(name, self._app.available_themes)
        self._app.stylesheet.set_variables(self._app.get_css_variables())

    def wear(self, name: str) -> None:
        """Wear a theme now and next time; raises `ConsoleError` when there is none of this name."""
        self._app.theme = known(name, self._app.available_themes)
        self.remember(name)

    def remember(self, name: str | None) -> None:
        """Write down which theme was chosen; None: none was."""
        if name is None or self._settings is None:
            return
        if self._fixed_by:
            self._app.say(f"{name} is worn until you leave: {self._fixed_by} says another theme.")
            return
        from kiket_console.config import change

        try:
            change(self._settings, "", "theme", json.dumps(name, ensure_ascii=False))
        except ConsoleError as error:
            self._app.say(f"{name} is worn until you leave. {error}", error=True)
