"""What is typed after `:`: a command's name and, for some, one argument; pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible
from kiket_console.ui.command import Argument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kiket_console.ui.actions import Registry
    from kiket_console.ui.command import Command, Scope

GO = "go"
"""The name that a bare number stands for: `:1204` goes to that exchange."""


MOST_NUMBERS = 1_000
"""How many exchanges one command may name."""
LARGEST = 2**63 - 1
"""The largest number that the store could have for an exchange."""


class CommandError(ConsoleError):
    """What is wrong with a typed command, and where: characters counted from 0."""

    def __init__(self, message: str, hint: str, column: int, length: int) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length


class Typed(Struct, frozen=True):
    """A command and what follows its name, which begins at a *column* of the line."""

    command: Command
    argument: str
    column: int


class Offered(Struct, frozen=True):
    """What may stand in the place of `start..end` of the line, and what it means."""

    text: str
    start: int
    end: int
    note: str


def read(text: str, registry: Registry, place: Scope) -> Typed:
    """Return the command that *text* names in *place*; a beginning that fits one name will do.

    Raises `CommandError`.
    """
    start = len(text) - len(text.lstrip(": "))
    name = text[start:].split(" ", 1)[0]
    rest = text[start + len(name) :]
    argument = rest.strip()
    column = len(text) - len(rest.lstrip()) if argument else len(text.rstrip())
    if name.isdecimal() and not argument:
        name, argument, column = GO, name, start
    command = _named(name, start, registry, place)
    if argument and command.argument is None:
        hint = f'Write "{name}" alone.'
        raise CommandError(f'"{name}" takes nothing after it.', hint, column, len(argument))
    if command.needs_argument and not argument and command.argument is not None:
        said = f'"{name}" needs a {command.argument.value} after it.'
        raise CommandError(said, command.help, column, 1)
    return Typed(command, argument, column)


def offers(
    text: str,
    cursor: int,
    registry: Registry,
    place: Scope,
    *,
    recent: Iterable[str] = (),
    values: Callable[[Argument, str], Iterable[tuple[str, str]]],
) -> list[Offered]:
    """Return what may be typed at the *cursor*: names of commands, then values of an argument.

    *recent*: ids of the commands run last, which come first. *values* returns what an argument
    may be, each with a note, for what is typed of it.
    """
    start = len(text) - len(text.lstrip(": "))
    name, space, _ = text[start:cursor].partition(" ")
    if not space:
        end = start + len(text[start:].split(" ", 1)[0])
        order = list(recent)
        found = [
            (_name(command, name), command)
            for command in registry.runnable(place)
            if name.lower() in _name(command, name)
        ]
        found.sort(key=lambda each: _rank(each[0], each[1], name.lower(), order))
        return [
            Offered(said + (" " if command.argument else ""), start, end, _about(registry, command))
            for said, command in found
        ]
    try:
        command = _named(name, start, registry, place)
    except CommandError:
        return []
    if command.argument is None:
        return []
    begin = start + len(name) + 1
    begin += len(text[begin:cursor]) - len(text[begin:cursor].lstrip())
    typed = text[begin:cursor]
    return [
        Offered(value, begin, len(text), note) for value, note in values(command.argument, typed)
    ]


def numbers(text: str) -> list[int]:
    """Return the numbers of exchanges in *text*: `12`, `12 14`, `12-15`.

    Raises `CommandError`, with columns of *text*.
    """
    found: list[int] = []
    for word in re.finditer(r"[^\s,]+|^[\s,]+$", text):
        low, dash, high = word[0].partition("-")
        last = high if dash else low
        is_number = low.isdecimal() and last.isdecimal() and int(last) <= LARGEST
        if not is_number or not 0 <= int(last) - int(low) < MOST_NUMBERS:
            said = f'"{visible(word[0])}" is no number of an exchange.'
            hint = "Write 12, or 12 14, or 12-15."
            raise CommandError(said, hint, word.start(), len(word[0]))
        found += range(int(low), int(last) + 1)
    if len(found) > MOST_NUMBERS:
        raise CommandError(f"These are more than {MOST_NUMBERS:,}.", "", 0, len(text))
    return found


def usage(command: Command) -> str:
    """Return how a command is typed: `replay [number]`, `save NAME`."""
    name = command.all_names[0]
    if command.argument is None:
        return name
    saved = command.argument is Argument.SAVED_FILTER  # which is called by its name
    what = (Argument.NAME if saved else command.argument).value
    return f"{name} {what.upper()}" if command.needs_argument else f"{name} [{what}]"


def _named(name: str, start: int, registry: Registry, place: Scope) -> Command:
    here: dict[str, Command] = {}
    for command in registry.runnable(place):
        for each in command.all_names:
            here.setdefault(each, command)
    if name in here:
        return here[name]
    beginning = {each: command for each, command in here.items() if each.startswith(name)}
    if name and len({command.id for command in beginning.values()}) == 1:
        return next(iter(beginning.values()))
    length = max(1, len(name))
    shown = visible(name)
    if name and beginning:
        several = _or(sorted(beginning)[:4])
        raise CommandError(f'"{shown}" could be {several}.', "Type more of it.", start, length)
    elsewhere = next(
        (each for each in registry.commands if each.palette and name in each.all_names), None
    )
    if elsewhere is not None:
        scope = elsewhere.scope
        hint = f"Press {registry.key(f'place.{scope.name.lower()}')} to go there."
        raise CommandError(f'"{shown}" works in {scope.value}.', hint, start, length)
    near = get_close_matches(name.lower(), here, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"{registry.key('palette')} finds one."
    raise CommandError(f'There is no command "{shown}".', hint, start, length)


def _name(command: Command, typed: str) -> str:
    """Return the name of a command that begins as it is typed, else the one to show."""
    names = command.all_names
    return next((each for each in names if each.startswith(typed.lower())), names[0])


def _rank(said: str, command: Command, typed: str, recent: Sequence[str]) -> tuple[bool, int, str]:
    place = recent.index(command.id) if command.id in recent else len(recent)
    return not said.startswith(typed), place, said


def _about(registry: Registry, command: Command) -> str:
    return f"{registry.key(command.id):<7} {command.help}"


def _or(names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
