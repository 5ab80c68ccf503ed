"""What a person changes of the platform's state; all of it can be taken back, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible
from kiket_console.ui.external import edit_text
from kiket_console.ui.key_order import OPENS
from kiket_console.ui.paint.platform import columns_lines, failure_line, settings_about, title
from kiket_console.ui.requests import Step
from kiket_console.ui.screens.row import Form, RowScreen
from kiket_console.ui.widgets.editor import fits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.ui.link import Engine
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.platform_rows import Row
    from kiket_console.ui.screens.platform import PlatformScreen
    from kiket_console.wire import (
        ForcedFailure,
        PlatformCollection,
        PlatformColumn,
        PlatformSettings,
    )

_EMPTY: Final[dict[str, Any]] = {
    "text": "", "integer": 0, "decimal": 0, "boolean": False, "json": {}, "timestamp": "",
}  # fmt: skip
"""What a new row begins with where a column must have a value."""


class PlatformChanges:
    """Carry out what is asked of the platform, and say how it ended."""

    def __init__(self, screen: PlatformScreen) -> None:
        self._screen = screen
        self._console = screen.console

    # Rows

    def add(self, collection: PlatformCollection, like: Row | None = None) -> None:
        """Open the editor for a new row, *like* another or with what its columns begin with."""
        _check_writable(collection)
        members = _begin(collection) if like is None else _members(collection, like)

        async def save(typed: dict[str, Any]) -> None:
            engine = self._console.connected()
            row = await engine.platform.add(collection.name, typed)
            name = _named(collection, row)

            async def take_back(engine: Engine) -> str:
                await engine.platform.remove(collection.name, row["id"])
                self._screen.changed(collection.name)
                return f"{name} is gone again."

            self._done(collection, row, Step(take_back), f"Added {name}")

        def about(width: int) -> list[Line]:
            return columns_lines(collection, width)

        form = Form(f"A new row of {title(collection)}", members, save, True, about)
        self._open(form)

    def edit(self, collection: PlatformCollection, row: Row, *, outside: bool = False) -> None:
        """Open the editor for a row, *outside*: the person's own one first."""
        _check_writable(collection)
        before = _members(collection, row)

        async def save(typed: dict[str, Any]) -> None:
            changes = _changes(before, typed)
            if not changes:
                raise ConsoleError("Nothing differs from the row as it is.")
            engine = self._console.connected()
            kept = await engine.platform.change(collection.name, row["id"], changes)
            name = _named(collection, row)
            was = {each: before.get(each) for each in changes}

            async def take_back(engine: Engine) -> str:
                again = await engine.platform.change(collection.name, row["id"], was)
                self._screen.changed(collection.name, again["id"])
                return f"{name} is as it was."

            self._done(collection, kept, Step(take_back), f"Changed {name}")

        self._open(Form(_named(collection, row), before, save), outside=outside)

    def remove(self, collection: PlatformCollection, row: Row) -> None:
        """Take a row away, until it is undone."""
        _check_writable(collection)
        name = _named(collection, row)

        async def take_back(engine: Engine) -> str:
            again = await engine.platform.restore(collection.name, row["id"])
            self._screen.changed(collection.name, again["id"])
            return f"{name} is back."

        async def remove(engine: Engine) -> None:
            await engine.platform.remove(collection.name, row["id"])
            self._done(collection, None, Step(take_back), f"Deleted {name}")

        self._console.requests.change(remove)

    # Settings

    def edit_settings(self, settings: PlatformSettings, *, outside: bool = False) -> None:
        """Open the editor for the settings."""

        async def save(typed: dict[str, Any]) -> None:
            wanted = _settings(typed)
            if wanted == settings:
                raise ConsoleError("Nothing differs from the settings as they are.")
            await self._set(wanted, settings, "The settings are changed")

        form = Form(
            "Settings of the platform", msgspec.to_builtins(settings), save, about=settings_about
        )
        self._open(form, outside=outside)

    def force(self, settings: PlatformSettings, *failures: ForcedFailure) -> None:
        """Let calls fail as *failures* say, and in no other way."""
        if failures:
            told = "".join(text for text, _ in failure_line(failures[-1]))
            said = f"Forced: {' '.join(told.split())}"
        else:
            said = "All calls are answered as usual"

        async def force(_: Engine) -> None:
            await self._set(_with(settings, failures), settings, said)

        self._console.requests.change(force)

    async def _set(self, wanted: PlatformSettings, was: PlatformSettings, said: str) -> None:
        await _apply(self._console.connected(), wanted)

        async def take_back(engine: Engine) -> str:
            await _apply(engine, was)
            self._screen.changed()
            return "The settings are as they were."

        self._console.requests.remember(Step(take_back))
        self._screen.changed()
        self._console.say(f"{said}; {self._key} undoes it.")

    # What they have in common

    def _done(self, collection: PlatformCollection, row: Row | None, step: Step, said: str) -> None:
        self._console.requests.remember(step)
        self._screen.changed(collection.name, None if row is None else row["id"])
        self._console.say(f"{said}; {self._key} undoes it.")

    def _open(self, form: Form, *, outside: bool = False) -> None:
        if not fits(form.text):
            self._edit_outside(form)
            return
        screen = RowScreen(self._console, form)

        async def show() -> None:
            await self._console.push_screen(screen)
            if outside:
                screen.action_external()

        self._console.run_worker(show(), group=OPENS)

    def _edit_outside(self, form: Form) -> None:
        """Let what is too large to be typed into here be edited in the person's own editor."""
        edited = edit_text(self._console, form.text, ".json")
        if edited is None or edited == form.text:
            return

        async def save(_: Engine) -> None:
            await form.save(form.read(edited))

        self._console.requests.change(save)

    @property
    def _key(self) -> str:
        return self._console.registry.key("platform.undo")


def _check_writable(collection: PlatformCollection) -> None:
    """Raise `ConsoleError` where no person may change anything."""
    if not collection.writable:
        raise ConsoleError(f"{title(collection)} are written by calls of your code alone.")


def _named(collection: PlatformCollection, row: Row) -> str:
    return f"{title(collection)} {visible(str(row.get('id', '')))}".rstrip()


def _begin(collection: PlatformCollection) -> dict[str, Any]:
    return {each.name: _first(each) for each in collection.columns if not each.managed}


def _first(column: PlatformColumn) -> Any:
    if column.default is not None or not column.required:
        return column.default
    return column.choices[0] if column.choices else _EMPTY.get(column.kind, "")


def _members(collection: PlatformCollection, row: Row) -> dict[str, Any]:
    """Return what a person can change of a row."""
    managed = {each.name for each in collection.columns if each.managed} | {"id"}
    return {name: value for name, value in row.items() if name not in managed}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs; what was left out becomes null."""
    gone = {name: None for name in before if name not in after and before[name] is not None}
    return gone | {
        name: value
        for name, value in after.items()
        if name not in before or (type(before[name]), before[name]) != (type(value), value)
    }


def _settings(typed: dict[str, Any]) -> PlatformSettings:
    """Return settings as they were typed; raises `ConsoleError`."""
    from kiket_console.wire import PlatformSettings

    unknown = set(typed) - set(PlatformSettings.__struct_fields__)
    if unknown:
        raise ConsoleError(f'There is no setting "{visible(min(unknown))}".')
    try:
        return msgspec.convert(typed, PlatformSettings)
    except msgspec.ValidationError as error:
        raise ConsoleError(f"{error}.", exit_code=ExitCode.USAGE) from error


def _with(settings: PlatformSettings, failures: tuple[ForcedFailure, ...]) -> PlatformSettings:
    from msgspec.structs import replace

    return replace(settings, failures=failures)


async def _apply(engine: Engine, wanted: PlatformSettings) -> None:
    await engine.platform.set(
        rate_limit_per_minute=wanted.rate_limit_per_minute,
        granted_scopes=wanted.granted_scopes,
        open_tables=wanted.open_tables,
        failures=wanted.failures,
    )
