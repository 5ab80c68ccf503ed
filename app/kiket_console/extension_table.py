"""The `[[extension]]` tables of `kiket.toml`, each checked for itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kiket_console import settings_file
from kiket_console.declared import plain
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_READ_ELSEWHERE: Final = ("console", "filters", "compare")
"""Tables of `config`, `saved_filters` and `ignored_paths`."""
TABLES_LIMIT: Final = 32
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "name": (str,),
    "path": (str,),
    "entry": (str,),
    "command": (str, list),
    "python": (str,),
    "watch": (list,),
    "dialect": (str, list),
    "era": (str,),
    "port": (int,),
}
_WANTED: Final = {
    (str,): "a text",
    (list,): "a list of texts",
    (str, list): "a text or a list of texts",
    (int,): "a port from 1 to 65535",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_OURS: Final = frozenset({"engine", "platform"})
"""Names that our own lines and attempts go by."""


@dataclass(frozen=True, slots=True)
class ExtensionTable:
    """What one table says; what it does not say is empty."""

    where: str = PROJECT_FILE
    """The file, and which of its tables if there are several."""
    name: str = ""
    path: str = "."
    entry: str = ""
    command: tuple[str, ...] = ()
    python: str = ""
    watch: tuple[str, ...] = ()
    dialects: tuple[str, ...] = ()
    era: str = ""
    port: int | None = None
    is_said: bool = False
    """Whether the file has such a table at all."""

    def refused(self, key: str, value: object, why: str, hint: str = "") -> ConsoleError:
        """Return the error that one of its values cannot be used."""
        return refused(f"{self.where} has {key} = {value!r}{why}.", hint or "Correct it there.")


def raw_tables(folder: Path) -> list[dict[str, Any]]:
    """Return the tables of *folder*'s `kiket.toml` as they stand there.

    Raises `ConsoleError` for a file that cannot be read, or in which they cannot be told apart.
    """
    file = folder / PROJECT_FILE
    settings = settings_file.read(file)
    for word in settings.keys() - {"extension", *_READ_ELSEWHERE}:
        later = word == "module"
        raise refused(
            f"{file} has {word!r}, which "
            + ("comes later: modules cannot be run yet." if later else "is not known."),
            "It has [[extension]] tables.",
        )
    tables = settings.get("extension", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise refused(f"{file} has an [extension] table.", "Write it as [[extension]].")
    if len(tables) > TABLES_LIMIT:
        raise refused(
            f"{file} names {len(tables)} extensions, and {TABLES_LIMIT} are the most.",
            "Move some to a project of their own.",
        )
    return tables


def read(raw: Mapping[str, Any], number: int = 0) -> ExtensionTable:
    """Return what a table says; *number* counts from 1, and is 0 for the only one.

    Raises `ConsoleError` for a key that is not known, has the wrong kind or excludes another.
    """
    name = raw.get("name")
    which = f'"{name}"' if isinstance(name, str) and plain(name) else f"number {number}"
    where = f"{PROJECT_FILE}, [[extension]] {which}," if number else PROJECT_FILE
    for key, value in raw.items():
        _check(where, key, value)
    table = ExtensionTable(
        where=where,
        name=raw.get("name", ""),
        path=raw.get("path", "."),
        entry=raw.get("entry", ""),
        command=_command(where, raw.get("command")),
        python=raw.get("python", ""),
        watch=tuple(raw.get("watch", ())),
        dialects=_each(raw.get("dialect", ())),
        era=raw.get("era", ""),
        port=raw.get("port"),
        is_said=True,
    )
    _check_together(table)
    return table


def refused(message: str, hint: str) -> ConsoleError:
    """Return the error that a project is not understood."""
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)


def is_name(text: str) -> bool:
    """Tell whether *text* can stand in an address, and is none of our own names."""
    return bool(_NAME.fullmatch(text)) and text not in _OURS


def _check(where: str, key: str, value: object) -> None:
    kinds = _KINDS.get(key)
    if kinds is None:
        raise refused(
            f"{where} has {key!r} in [[extension]], which is not known.",
            f"Use {', '.join(_KINDS)}.",
        )
    if kinds == (int,):
        fits = type(value) is int and 1 <= value <= 65535
    else:
        items = value if isinstance(value, list) else [value]
        # An argument may be empty; a name may not.
        fits = isinstance(value, kinds) and all(plain(item) or item == "" for item in items)
        fits = fits and (key == "command" or all(items))
    if not fits:
        raise refused(f"{where} has {key} = {value!r}, but needs {_WANTED[kinds]}.", "Correct it.")


def _check_together(table: ExtensionTable) -> None:
    if table.name and not is_name(table.name):
        why = ", but that is a name of ours" if table.name in _OURS else ", which is no name for it"
        hint = "Use letters, digits, dots, dashes and underscores: it stands in addresses."
        raise table.refused("name", table.name, why, hint)
    if table.entry and table.command:
        raise refused(
            f"{table.where} has both entry and command.",
            "Keep entry for a Python app, command for anything else.",
        )
    if table.python and table.command:
        raise refused(
            f"{table.where} has python beside a command, which names its own program.",
            "Write the interpreter into the command.",
        )
    if table.port is not None and not table.command:
        raise refused(
            f"{table.where} has a port, but no command: a Python app is handed its socket.",
            "Remove port, or give a command.",
        )


def _command(where: str, value: str | list[str] | None) -> tuple[str, ...]:
    import shlex

    if value is None:
        return ()
    try:
        words = tuple(shlex.split(value) if isinstance(value, str) else value)
    except ValueError as error:
        raise refused(
            f"{where} has command = {value!r}: {str(error).lower()}.",
            'Write it as a list: command = ["node", "server.js"].',
        ) from error
    if not words or not words[0]:
        raise refused(
            f"{where} has command = {value!r}, which names no program.",
            'Write it as command = ["node", "server.js"].',
        )
    return words


def _each(value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
