"""A person's own colours: `themes/NAME.toml` beside config.toml, built on a theme of ours.

base = "kiket-dusk"
accent = "#ff8800"
background = "#000000"
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from textual.color import Color, ColorParseError
from textual.theme import Theme

from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible
from kiket_console.ui.themes import THEMES, shared

if TYPE_CHECKING:
    from pathlib import Path

MOST_FILES: Final = 100
_FIELDS: Final = {
    "background": "background", "surface": "surface", "panel": "panel", "text": "foreground",
    "accent": "accent", "ok": "success", "warning": "warning", "error": "error",
}  # fmt: skip
_VARIABLES: Final = {
    "muted": "muted", "faint": "faint", "cursor": "cursor", "info": "info",
    "webhook": "source-webhook", "api": "source-api", "ipc": "source-ipc",
    "producer": "source-producer", "log": "source-log",
}  # fmt: skip
ROLES: Final = (*_FIELDS, *_VARIABLES)


def load(folder: Path) -> tuple[list[Theme], list[ConsoleError]]:
    """Return the themes in *folder*, and what is wrong with files that are none."""
    try:
        files = sorted(folder.glob("*.toml"))[:MOST_FILES]
    except OSError:
        return [], []
    themes, wrong = [], []
    for file in files:
        try:
            themes.append(read(file))
        except ConsoleError as error:
            wrong.append(error)
    return themes, wrong


def read(file: Path) -> Theme:
    """Return the theme of *file*, called as the file; raises `ConsoleError`."""
    said = settings_file.read(file)
    lines = settings_file.key_lines(settings_file.text_of(file))

    def where(name: str) -> str:
        return f"{file}:{lines[name]}" if name in lines else str(file)

    bases = {theme.name: theme for theme in THEMES}
    if visible(file.stem) != file.stem or file.stem in bases:
        raise _bad(f"{file} cannot be a theme's name.", "Call the file another name.")
    base = bases.get(str(said.pop("base", THEMES[0].name)))
    if base is None:
        raise _bad(f"{where('base')}: there is no such base.", f"There are {', '.join(bases)}.")
    dark = said.pop("dark", base.dark)
    if not isinstance(dark, bool):
        raise _bad(f"{where('dark')}: dark is {dark!r}.", "It takes true or false.")
    for name, value in said.items():
        if name not in ROLES:
            near = get_close_matches(name, ROLES, n=1)
            hint = f'Did you mean "{near[0]}"?' if near else f"There are {', '.join(ROLES)}."
            raise _bad(f'{where(name)}: there is no colour called "{visible(name)}".', hint)
        if not _is_colour(value):
            hint = 'Write it as "#59c9b1", "teal" or "ansi_cyan".'
            raise _bad(f"{where(name)}: {value!r} is no colour.", hint)
    return _made(file.stem, base, said, dark=dark)


def _made(name: str, base: Theme, said: dict[str, str], *, dark: bool) -> Theme:
    fields: dict[str, Any] = {
        field: said.get(role, getattr(base, field)) for role, field in _FIELDS.items()
    }
    variables = dict(base.variables)
    colours = {role: variables[variable] for role, variable in _VARIABLES.items()}
    colours |= {role: value for role, value in said.items() if role in _VARIABLES}
    for role, variable in _VARIABLES.items():
        variables[variable] = colours[role]
    if base.ansi:
        inks = {"accent": "accent", "ok": "success", "warning": "warning", "error": "error"}
        variables |= {f"ink-{role}": fields[field] for role, field in inks.items()}
    else:
        variables |= shared(
            colours["muted"],
            colours["faint"],
            str(fields["foreground"]),
            fields["accent"],
            colours["cursor"],
            ok=fields["success"],
            warning=fields["warning"],
            error=fields["error"],
        )
        ground = str(fields["surface"])
        variables |= {
            "scrollbar-background": ground,
            "scrollbar-background-hover": ground,
            "scrollbar-background-active": ground,
        }
    return Theme(
        name=name,
        dark=dark,
        ansi=base.ansi,
        primary=fields["accent"],
        secondary=base.secondary,
        variables=variables,
        **fields,
    )


def _is_colour(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
