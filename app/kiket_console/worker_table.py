"""What the `[[extension]]` and `[[module]]` tables of `kiket.toml` have in common."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console import programs, settings_file
from kiket_console.declared import plain
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Problem
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

Kinds = tuple[type, ...]

OURS: Final = Path(sys.executable)
"""The interpreter of last resort."""
EXTENSION: Final = "extension"
MODULE: Final = "module"
_READ_ELSEWHERE: Final = ("console", "filters", "compare")
"""Tables of `config`, `saved_filters` and `ignored_paths`."""
TABLES_LIMIT: Final = 32
KINDS: Final[Mapping[str, Kinds]] = {
    "name": (str,),
    "path": (str,),
    "entry": (str,),
    "command": (str, list),
    "python": (str,),
    "watch": (list,),
    "port": (int,),
}
"""The keys that both kinds of table have, and of what kind their values are."""
_WANTED: Final[Mapping[Kinds, str]] = {
    (str,): "a text",
    (list,): "a list of texts",
    (str, list): "a text or a list of texts",
    (int,): "a port from 1 to 65535",
    (int, float): "a number of seconds from 0.1 to 3600",
    (dict,): "a table of texts",
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_OURS_BY_NAME: Final = frozenset({"engine", "platform"})
"""Names that our own lines and attempts go by."""


class WorkerTable(Struct, frozen=True, kw_only=True):
    """What one table says; what it does not say is empty."""

    where: str = PROJECT_FILE
    """The file, and which of its tables if there are several."""
    name: str = ""
    path: str = "."
    entry: str = ""
    command: tuple[str, ...] = ()
    python: str = ""
    watch: tuple[str, ...] = ()
    port: int | None = None
    is_said: bool = False
    """Whether the file has such a table at all."""

    def refused(self, key: str, value: object, why: str, hint: str = "") -> ConsoleError:
        """Return the error that one of its values cannot be used."""
        return refused(f"{self.where} has {key} = {value!r}{why}.", hint or "Correct it there.")

    def inside(self, folder: Path, key: str, path: str) -> Path:
        """Return the folder that *path*, seen from *folder*, names under *key*."""
        try:
            place = (folder / path).resolve()
            known = place.is_dir()
        except (RuntimeError, OSError):  # links in a circle, or a name too long for any folder
            known = False
        if not known:
            raise self.refused(key, path, ": no such folder")
        return place

    def interpreter(self, project: Path, folder: Path) -> Path:
        """Return the interpreter that is said, else the nearest `.venv`'s, else ours."""
        if self.python:
            try:
                interpreter = folder / Path(self.python).expanduser()
            except RuntimeError:  # `~somebody` whom nobody knows
                interpreter = folder / self.python
            if not interpreter.is_file():
                raise self.refused("python", self.python, ": no such file")
            return interpreter
        own = (place / ".venv" / "bin" / "python" for place in (folder, project))
        return next((place for place in own if place.is_symlink() or place.is_file()), OURS)


def cannot_run(interpreter: Path) -> Problem | None:
    """Say why an interpreter cannot run anything; None when it can."""
    try:
        programs.check(interpreter)
    except programs.CannotRunError as error:
        return Problem(str(error))
    return None


def raw_tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of *folder*'s `kiket.toml` as they stand there, by their word.

    Raises `ConsoleError` for a file that cannot be read, or in which they cannot be told apart.
    """
    file = folder / PROJECT_FILE
    settings = settings_file.read(file)
    for word in settings.keys() - {EXTENSION, MODULE, *_READ_ELSEWHERE}:
        raise refused(
            f"{file} has {word!r}, which is not known.",
            f"It has [[{EXTENSION}]] and [[{MODULE}]] tables.",
        )
    found = {}
    for word in (EXTENSION, MODULE):
        tables = settings.get(word, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise refused(f"{file} has an [{word}] table.", f"Write it as [[{word}]].")
        if len(tables) > TABLES_LIMIT:
            raise refused(
                f"{file} names {len(tables)} {word}s, and {TABLES_LIMIT} are the most.",
                "Move some to a project of their own.",
            )
        found[word] = tables
    return found


def place_of(word: str, raw: Mapping[str, Any], number: int) -> str:
    """Say which table *raw* is; *number* counts from 1, and is 0 for the only one."""
    name = raw.get("name")
    which = f'"{name}"' if isinstance(name, str) and plain(name) else f"number {number}"
    return f"{PROJECT_FILE}, [[{word}]] {which}," if number else PROJECT_FILE


def refused(message: str, hint: str) -> ConsoleError:
    """Return the error that a project is not understood."""
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)


def is_name(text: str) -> bool:
    """Tell whether *text* can stand in an address, and is none of our own names."""
    return bool(_NAME.fullmatch(text)) and text not in _OURS_BY_NAME


def check(where: str, word: str, kinds: Mapping[str, Kinds], key: str, value: object) -> None:
    """Raise `ConsoleError` for a key that is not known, or whose value has the wrong kind."""
    wanted = kinds.get(key)
    if wanted is None:
        raise refused(
            f"{where} has {key!r} in [[{word}]], which is not known.", f"Use {', '.join(kinds)}."
        )
    if not _fits(wanted, key, value):
        raise refused(f"{where} has {key} = {value!r}, but needs {_WANTED[wanted]}.", "Correct it.")


def _fits(wanted: Kinds, key: str, value: object) -> bool:
    if wanted == (int,):
        return type(value) is int and 1 <= value <= 65535
    if wanted == (int, float):
        return type(value) in wanted and 0.1 <= value <= 3600  # type: ignore[operator]  # a number
    if not isinstance(value, wanted):
        return False
    if isinstance(value, dict):
        return all(plain(name) and isinstance(text, str) for name, text in value.items())
    items = value if isinstance(value, list) else [value]
    # An argument may be empty; a name may not.
    return all(plain(item) or item == "" for item in items) and (key == "command" or all(items))


def check_together(table: WorkerTable) -> None:
    """Raise `ConsoleError` for values that exclude each other."""
    if table.name and not is_name(table.name):
        is_ours = table.name in _OURS_BY_NAME
        why = ", but that is a name of ours" if is_ours else ", which is no name for it"
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


def command_of(where: str, value: str | list[str] | None) -> tuple[str, ...]:
    """Return the words of a command; raises `ConsoleError` when it names no program."""
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
