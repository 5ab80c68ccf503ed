"""Take secrets out of a `.env` into the vault, or write them into one: asked first, by name."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError
from kiket_console.text import plural, visible
from kiket_console.ui.key_order import OPENS
from kiket_console.wire_secrets import PROJECT, SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kiket_console.dotenv_secrets import Row
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.link import Engine
    from kiket_console.ui.screens.names import Chosen
    from kiket_console.ui.screens.secrets import SecretsScreen
    from kiket_console.wire_secrets import SecretEntry, SecretsState

USUAL: Final = ".env"
_AT_ONCE: Final = 8
"""Secrets that are kept together, so that what takes several of them is started anew once."""


class Write(StrEnum):
    """Whether values are to stand in a file."""

    CANCEL = "Cancel"
    WRITE = "Write them"


class Lines(StrEnum):
    """What becomes of the lines whose values are in the vault now."""

    LEAVE = "Leave them"
    TAKE_OUT = "Take out"


def take_from_file(screen: SecretsScreen, state: SecretsState, named: str) -> None:
    """Ask which of a file's values go into the vault, and put them there."""
    from kiket_console.ui.screens.names import NamesScreen, Plan

    console = screen.console
    path = _file(console, named)

    async def plan(engine: Engine) -> None:
        from kiket_console import dotenv_secrets

        found = await asyncio.to_thread(dotenv_secrets.read, path)
        if found is None:
            raise ConsoleError(
                f"There is no {visible(_shown(console, path))}.",
                hint="Write :import and a file's name.",
            )
        wanted = {entry.name for entry in state.entries if entry.declared_by}
        rows = {}
        for scope in SCOPES:
            there = [each for each in state.entries if each.name in found.variables]
            kept = await _values(engine, (each for each in there if each.scope == scope))
            rows[scope] = dotenv_secrets.to_import(found, kept, wanted)
        title = f"Take secrets out of {visible(_shown(console, path))}"
        console.push_screen(NamesScreen(console, Plan(title, "take them", rows)), picked)

    def picked(chosen: Chosen | None) -> None:
        if chosen is not None:
            console.requests.carry_out(partial(_keep, screen, state, path, chosen))

    console.secrets.once_kept(lambda: console.requests.carry_out(plan, group=OPENS))


def write_to_file(screen: SecretsScreen, state: SecretsState, named: str) -> None:
    """Ask which values stand in a file from now on, and write them there."""
    from kiket_console.ui.screens.names import NamesScreen, Plan

    console = screen.console
    path = _file(console, named)

    async def plan(engine: Engine) -> None:
        from kiket_console import dotenv_secrets

        seen = {each.name: each for each in state.entries if each.present}
        seen |= {e.name: e for e in state.entries if e.present and e.scope == PROJECT}
        if not seen:
            raise ConsoleError("There is no secret to write.", hint="Add one first.")
        found = await asyncio.to_thread(dotenv_secrets.read, path)
        rows = dotenv_secrets.to_export(await _values(engine, seen.values()), found)
        title = f"Write secrets to {visible(_shown(console, path))}"
        console.push_screen(NamesScreen(console, Plan(title, "go on", {"": rows})), picked)

    def picked(chosen: Chosen | None) -> None:
        if chosen is not None:
            console.run_worker(_ask_to_write(console, path, chosen.rows), group=OPENS)

    console.requests.carry_out(plan, group=OPENS)


async def _keep(
    screen: SecretsScreen, state: SecretsState, path: Path, chosen: Chosen, engine: Engine
) -> None:
    """Keep the chosen values, begin no more once one is refused, and ask for the file's lines."""
    versions = {each.name: each.version for each in state.entries if each.scope == chosen.scope}
    done: list[Row] = []
    refused: list[ConsoleError] = []
    turns = asyncio.Semaphore(_AT_ONCE)

    async def keep(row: Row) -> None:
        async with turns:
            if refused:
                return
            version = versions.get(row.name, 0)
            try:
                await engine.secrets.set(row.name, row.value, scope=chosen.scope, version=version)
            except ConsoleError as error:
                refused.append(error)
            else:
                done.append(row)

    try:
        async with asyncio.TaskGroup() as tasks:
            for row in chosen.rows:
                tasks.create_task(keep(row))
    finally:
        screen.changed(chosen.rows[0].name, chosen.scope)
    if refused and done:
        told = f"{plural(len(done), 'secret')} taken, then: {refused[0]}"
        raise ConsoleError(told) from refused[0]
    if refused:
        raise refused[0]
    _ask_for_lines(screen.console, path, done)


def _ask_for_lines(console: ConsoleApp, path: Path, done: Sequence[Row]) -> None:
    """Ask whether the file goes on to have what the vault has now."""
    from kiket_console.ui.screens.question import QuestionScreen

    file, count = visible(_shown(console, path)), plural(len(done), "secret")

    async def take_out() -> None:
        from kiket_console import dotenv_secrets

        try:
            gone = await asyncio.to_thread(dotenv_secrets.take_out, path, done)
        except ConsoleError as error:
            console.say(str(error), error=True)
        else:
            console.say(f"{plural(len(gone), 'line')} of {file} taken out.")

    def answered(answer: Lines | None) -> None:
        if answer is Lines.TAKE_OUT:
            console.run_worker(take_out(), group="ask")

    question = QuestionScreen[Lines](
        f"Took {count} out of {file}",
        [
            "The file still has them, for whoever can read it. Take its lines out?",
            "Code that reads only its environment finds them no more then.",
        ],
        (Lines.LEAVE, Lines.TAKE_OUT),
        Lines.LEAVE,
    )
    console.push_screen(question, answered)


async def _ask_to_write(console: ConsoleApp, path: Path, rows: Sequence[Row]) -> None:
    from kiket_console import dotenv_secrets
    from kiket_console.ui.screens.question import QuestionScreen

    file = visible(_shown(console, path))
    said = [f"{plural(len(rows), 'value')} would stand in {file} as clear text."]
    if await asyncio.to_thread(dotenv_secrets.seen_by_git, path):
        said.append(f"! git does not ignore {file}: they may be committed with it.")

    async def write() -> None:
        try:
            await asyncio.to_thread(dotenv_secrets.export, path, rows)
        except ConsoleError as error:
            console.say(str(error), error=True)
        else:
            console.say(f"{plural(len(rows), 'secret')} written to {file}, for you alone to read.")

    def answered(answer: Write | None) -> None:
        if answer is Write.WRITE:
            console.run_worker(write(), group="ask")

    question = QuestionScreen[Write](
        f"Write to {file}?", said, (Write.CANCEL, Write.WRITE), Write.CANCEL
    )
    console.push_screen(question, answered)


async def _values(engine: Engine, entries: Iterable[SecretEntry]) -> Mapping[str, str]:
    """Return values by name, to compare them or to write them."""
    return {
        each.name: await engine.secrets.reveal(each.name, scope=each.scope)
        for each in entries
        if each.present
    }


def _file(console: ConsoleApp, named: str) -> Path:
    """Return the file of a name that was typed: the project's folder is where names begin."""
    return console.folder / Path(named.strip() or USUAL).expanduser()


def _shown(console: ConsoleApp, path: Path) -> str:
    return str(path.relative_to(console.folder) if path.is_relative_to(console.folder) else path)
