"""What is made of the one registry of commands: bindings, footer, palette, names.

A command is one line of a table in `registry`; nothing else knows it, so that it cannot be in the
keys and missing from the help.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.binding import Binding

from kiket_console.ui.command import PLACES, Argument, Command, Mode, Scope, shown_key
from kiket_console.ui.registry import COMMANDS
from kiket_console.ui.registry.footers import FOOTERS, MOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "COMMANDS",
    "PLACE_SCOPES",
    "Argument",
    "Command",
    "Mode",
    "Registry",
    "Scope",
    "bindings",
    "of",
    "registry_of",
    "shown_key",
    "unique_keys",
]

PLACE_SCOPES = PLACES
NO_KEY = "no-key-for-"
"""A key that no terminal sends, for what has none: a keymap may give it one."""


class Registry:
    """The commands with the keys that a person has for them.

    *keys* is a checked keymap: ids of commands, and the names of their keys, comma-separated.
    """

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        given = dict(keys or {})
        self.commands = tuple(
            replace(command, keys=given.get(command.id, command.keys)) for command in COMMANDS
        )
        self._by_id = {command.id: command for command in self.commands}
        self.keymap = {id_: named or NO_KEY + id_ for id_, named in given.items()}
        """The same for Textual."""

    def __getitem__(self, id_: str) -> Command:
        """Return a command by its id; raises `KeyError`."""
        return self._by_id[id_]

    def find(self, id_: str) -> Command | None:
        """Return a command by its id, None when there is none."""
        return self._by_id.get(id_)

    def key(self, id_: str) -> str:
        """Return the key of a command as a person reads it, of a pair both; empty without one."""
        command = self[id_]
        keys = [command.key, self[command.pair].key] if command.pair else [command.key]
        return " ".join(filter(None, keys))

    def of(self, *scopes: Scope) -> list[Command]:
        """Return the commands of some scopes in the registry's order."""
        return [command for command in self.commands if command.scope in scopes]

    def footer(self, scope: Scope, mode: Mode = Mode.LIST) -> list[tuple[str, str]]:
        """Return keys and labels for the footer, the most useful first; none without a key."""
        named = [(self.key(id_), self[id_].label) for id_ in FOOTERS.get((scope, mode), ())]
        return [pair for pair in named if pair[0]][:MOST]

    def runnable(self, place: Scope) -> list[Command]:
        """Return the commands that can be run by name in a place, those of the place first."""
        scopes = (place, Scope.VIEW, Scope.PLACE, Scope.APP)
        found = [each for each in self.of(*scopes) if each.palette]
        return sorted(found, key=lambda command: command.scope is not place)


def registry_of(app: object) -> Registry:
    """Return the commands with the keys of the person before *app*."""
    found = getattr(app, "registry", None)
    return found if isinstance(found, Registry) else Registry()


def of(*scopes: Scope) -> list[Command]:
    """Return the commands of some scopes with the keys they have by default."""
    return [command for command in COMMANDS if command.scope in scopes]


def bindings(*scopes: Scope) -> list[Binding]:
    """Return the key bindings of some scopes."""
    return [
        Binding(
            command.keys or NO_KEY + command.id,
            f"app.ask({command.id!r})" if command.needs_argument else command.action,
            command.label,
            show=False,
            id=command.id,
            tooltip=command.help,
            priority=command.priority,
        )
        for command in of(*scopes)
    ]


def unique_keys(commands: Iterable[Command]) -> dict[str, str]:
    """Return which command each key belongs to; raises `ValueError` when two want one key."""
    owners: dict[str, str] = {}
    for command in commands:
        for key in command.key_names:
            if key in owners:
                raise ValueError(f"{key!r} belongs to {owners[key]!r} and to {command.id!r}.")
            owners[key] = command.id
    return owners
