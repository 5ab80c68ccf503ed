"""A person's own keys: the table `[keys]` of config.toml, checked as a whole.

    [keys]
    "traffic.replay" = "r, ctrl+r"
    "traffic.remove" = ""              # no key; its name on the `:` line is left

A map with a mistake is refused with a sentence: half of it would be worse than none.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from kiket_console import settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.ui.command import KEYS_OF_SIGNS, TOGETHER, TYPING, Command, shown_key
from kiket_console.ui.registry import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

TABLE: Final = "keys"
_NAMED: Final = frozenset({
    "escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup",
    "pagedown", "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
})  # fmt: skip
_ALIASES: Final = {
    "esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", "del": "delete",
    "ins": "insert", "bs": "backspace", "↑": "up", "↓": "down", "←": "left", "→": "right",
}  # fmt: skip
_MODIFIERS: Final = {
    "control": "ctrl",
    "ctrl": "ctrl",
    "shift": "shift",
    "alt": "alt",
    "meta": "alt",
}
_SAME: Final = {
    "ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}  # fmt: skip
"""Keys that a terminal sends as another key."""
_CONTROLS: Final = frozenset(
    {"backslash", "right_square_bracket", "circumflex_accent", "underscore", "at"}
)
_EDITING: Final = frozenset(f"ctrl+{letter}" for letter in "aekuwxvcd") | {
    "left",
    "right",
    "home",
    "end",
    "backspace",
    "delete",
}


def load(file: Path) -> dict[str, str]:
    """Return the keys that *file* gives to commands: ids, and key names separated by commas.

    Raises `ConsoleError` naming the file and, where it is known, the line.
    """
    table = settings_file.read(file).get(TABLE, {})
    if not table:
        return {}
    lines = _lines(settings_file.text_of(file))

    def where(id_: str) -> str:
        return f"{file}:{lines[id_]}" if id_ in lines else f"{file}, [{TABLE}]"

    if not isinstance(table, dict):
        raise _bad(
            f"{file}: {TABLE} is not a table.", f"Write [{TABLE}], and a line for each command."
        )
    known = {command.id: command for command in COMMANDS}
    given: dict[str, str] = {}
    for id_, value in _flat(table):
        if id_ not in known:
            raise _unknown(where(id_), id_, known)
        names = _names(value, where(id_), id_)
        for name in names:
            _check_sent(name, len(names), where(id_))
            _check_place(name, known[id_], where(id_))
        given[id_] = ",".join(names)
    if given.get("quit") == "":
        raise _bad(f'{where("quit")}: "quit" needs a key.', "Without one there is no way out.")
    _check_unique(given, where)
    return given


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield ids and values; `traffic.replay = …` without quotes is a table in a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _names(value: object, where: str, id_: str) -> list[str]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise _bad(f'{where}: the keys of "{id_}" are {value!r}.', 'Write them as "r, ctrl+r".')
    return [_name(text.strip(), where) for text in texts if text.strip()]


def _name(text: str, where: str) -> str:
    """Return a key's name as the terminal's driver has it."""
    *before, last = text.split("+") if text != "+" else ["+"]
    if text.endswith("++"):
        *before, last = [*text[:-2].split("+"), "+"]
    modifiers = {_MODIFIERS.get(each.strip().lower(), "") for each in before}
    name = _ALIASES.get(last.lower(), KEYS_OF_SIGNS.get(last, last))
    if "" in modifiers or not name:
        raise _bad(f'{where}: "{text}" is no key.', 'Keys are written "r", "R", "ctrl+r", "f5".')
    if len(name) > 1:
        name = name.lower()
        if name not in _NAMED and name not in KEYS_OF_SIGNS.values():
            near = get_close_matches(name, [*_NAMED, *KEYS_OF_SIGNS.values(), *_ALIASES], n=1)
            hint = f'Did you mean "{near[0]}"?' if near else 'Keys are written "r", "ctrl+r", "f5".'
            raise _bad(f'{where}: there is no key "{text}".', hint)
    elif not name.isprintable() or name.isspace():
        raise _bad(f'{where}: "{text!r}" is no key.', 'A space is written "space".')
    elif modifiers == {"shift"} and name.isalpha():
        return name.upper()
    elif modifiers:
        name = name.lower()
    order = [each for each in ("alt", "ctrl", "shift") if each in modifiers]
    return "+".join([*order, name])


def _check_sent(name: str, count: int, where: str) -> None:
    """Refuse a key that terminals cannot send; with *count* keys, one that few send may be."""
    if name in _SAME:
        said = f'{where}: a terminal sends {_SAME[name]} for "{shown_key(name)}".'
        raise _bad(said, f'Write "{_SAME[name]}" if that is meant, else take another key.')
    *modifiers, last = name.split("+")
    rare = "ctrl" in modifiers and (
        ("shift" in modifiers and last not in _NAMED)
        or last in ("enter", "tab", "space", "escape", "backspace", "j")
        or last.isdigit()
        or (last in KEYS_OF_SIGNS.values() and last not in _CONTROLS)
    )
    rare = rare or (bool(modifiers) and last == "enter") or name == "shift+space"
    if rare and count == 1:
        said = f'{where}: few terminals can send "{shown_key(name)}".'
        raise _bad(said, "Give a second key beside it.")


def _check_place(name: str, command: Command, where: str) -> None:
    """Refuse a key that a person needs for typing where the command applies."""
    if command.scope not in TYPING and not command.priority:
        return
    last = name.rpartition("+")[2]
    printable = name == last and (
        len(last) == 1 or last in KEYS_OF_SIGNS.values() or last == "space"
    )
    if printable or name in _EDITING:
        said = (
            f'{where}: "{shown_key(name)}" is needed for typing, so "{command.id}" cannot have it.'
        )
        raise _bad(said, "Take one with ctrl or alt, or a function key.")


def _check_unique(given: Mapping[str, str], where: Callable[[str], str]) -> None:
    commands = [replace(each, keys=given.get(each.id, each.keys)) for each in COMMANDS]
    usual = {each.id: set(each.key_names) for each in COMMANDS}
    for scopes in TOGETHER:
        owners: dict[str, Command] = {}
        for command in commands:
            if command.scope not in scopes:
                continue
            for key in command.key_names:
                other = owners.setdefault(key, command)
                if other is command or usual[other.id] & usual[command.id]:
                    continue  # what shares a key as it comes may go on to
                late = command if command.id in given else other
                first = other if late is command else command
                said = f'{where(late.id)}: "{shown_key(key)}" is the key of "{first.id}" too'
                hint = f'Give "{first.id}" another key, or none: "".'
                raise _bad(f"{said} ({first.label}).", hint)


def _unknown(where: str, id_: str, known: Mapping[str, Command]) -> ConsoleError:
    names = {name: command.id for command in COMMANDS for name in command.all_names}
    near = get_close_matches(id_, known, n=1) or [
        names[each] for each in get_close_matches(id_, names, n=1)
    ]
    hint = f'Did you mean "{near[0]}"?' if near else "`kiket-console config keys` lists them."
    return _bad(f'{where}: there is no command "{id_}".', hint)


def _lines(text: str) -> dict[str, int]:
    """Return on which line each command's keys are, from 1."""
    found: dict[str, int] = {}
    prefix: str | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            names = [part.strip(" \"'") for part in stripped.strip("[] ").split(".")]
            prefix = ".".join([*names[1:], ""]) if names[0] == TABLE else None
        elif prefix is not None and "=" in stripped:
            name = stripped.partition("=")[0].replace('"', "").replace("'", "").replace(" ", "")
            found.setdefault(prefix + name, number)
    return found


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
