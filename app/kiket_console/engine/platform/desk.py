"""What a person sees of the platform's state, and changes: the control API's `PlatformControls`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kiket_console.engine.platform import custom_data
from kiket_console.engine.platform.audit import ANCHORS, RECORDS
from kiket_console.engine.platform.columns import InvalidError
from kiket_console.engine.platform.events import NOTIFICATIONS, SLA_EVENTS
from kiket_console.engine.platform.intake import FORMS, SUBMISSIONS
from kiket_console.engine.platform.issues import COMMENTS, ISSUES
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import PlatformCollection, PlatformRows, PlatformSettings, PlatformState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.platform.collection import Collection
    from kiket_console.engine.platform.custom_data import Modules, Tables
    from kiket_console.engine.platform.documents import Documents, Row
    from kiket_console.engine.platform.settings import Settings
    from kiket_console.engine.platform.state import State
    from kiket_console.engine.ports import Workers

T = TypeVar("T")

_MARKER: Final = re.compile(r"\[secret(?::[^\]\s]+)?\]")
FIXED: Final = (
    *(NOTIFICATIONS, ISSUES, COMMENTS, FORMS, SUBMISSIONS, SLA_EVENTS),
    *(RECORDS, ANCHORS),
)
"""The collections that there always are."""


class Desk:
    """Show and change what the platform keeps.

    `address` gives where others post for an extension, by the worker's name; `redact` takes known
    secrets out of what is shown; `on_change` is called when a person has changed something.
    """

    def __init__(
        self,
        *,
        state: State,
        settings: Settings,
        modules: Modules,
        workers: Workers,
        address: Callable[[str], str],
        redact: Callable[[str], str],
        on_change: Callable[[], None],
    ) -> None:
        self._state = state
        self._settings = settings
        self._modules = modules
        self._workers = workers
        self._address = address
        self._redact = redact
        self._on_change = on_change

    async def about(self) -> PlatformState:
        """Return the collections and the settings."""
        folders, settings = custom_data.folders_of(self._workers), await self._settings.now()

        def work(documents: Documents) -> tuple[tuple[PlatformCollection, ...], tuple[str, ...]]:
            tables = self._modules.tables(folders)
            unknown = [
                custom_data.open_table(name)
                for name in documents.names(custom_data.PREFIX)
                if name not in tables.collections
            ]
            known = (*FIXED, *tables.collections.values(), *unknown)
            return tuple(each.about(documents) for each in known), tables.problems

        collections, problems = await self._state.ask(work)
        urls = {
            each.name: self._address(each.name)
            for each in self._workers.workers()
            if each.kind == "extension"
        }
        return PlatformState(collections, settings, urls, problems)

    async def rows(self, name: str, limit: int, after: int | None, find: str) -> PlatformRows:
        """Return rows, newest first, older than the one with the id *after*."""

        def work(documents: Documents, collection: Collection) -> PlatformRows:
            rows = documents.rows(name, before=after, find=find, limit=limit + 1)
            shown = tuple(self._shown(collection, row) for row in rows[:limit])
            return PlatformRows(shown, len(rows) > limit)

        return await self._on(name, work)

    async def row(self, name: str, row_id: int) -> dict[str, Any]:
        """Return one row."""
        return await self._on(
            name, lambda documents, each: self._shown(each, _row(documents, each, row_id))
        )

    async def add(self, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Add a row and return it."""
        _refuse_markers(fields)
        return await self._change(
            name, lambda documents, each: self._shown(each, each.add(documents, fields))
        )

    async def change(self, name: str, row_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Change what is named of a row and return it."""
        _refuse_markers(fields)

        def work(documents: Documents, collection: Collection) -> dict[str, Any]:
            row = _row(documents, collection, row_id)
            return self._shown(collection, collection.change(documents, row, fields))

        return await self._change(name, work)

    async def remove(self, name: str, row_id: int) -> None:
        """Take a row away."""

        def work(documents: Documents, collection: Collection) -> None:
            documents.remove(name, _row(documents, collection, row_id).id)

        await self._change(name, work)

    async def restore(self, name: str, row_id: int) -> dict[str, Any]:
        """Bring a removed row back and return it."""

        def work(documents: Documents, collection: Collection) -> dict[str, Any]:
            row = collection.restore(documents, row_id)
            if row is None:
                raise _no_row(collection, row_id)
            return self._shown(collection, row)

        return await self._change(name, work)

    async def set(self, changes: Mapping[str, Any]) -> PlatformSettings:
        """Change settings and return all of them."""
        settings = await self._settings.change(changes)
        self._on_change()
        return settings

    def _shown(self, collection: Collection, row: Row) -> dict[str, Any]:
        shown: dict[str, Any] = _mapped(collection.shown(row), self._redact)
        return shown

    async def _change(self, name: str, work: Callable[[Documents, Collection], T]) -> T:
        def checked(documents: Documents, collection: Collection) -> T:
            if not collection.writable:
                raise ConsoleError(
                    f"{collection.title} cannot be changed by hand.",
                    hint=collection.meaning,
                    exit_code=ExitCode.USAGE,
                )
            return work(documents, collection)

        try:
            result = await self._on(name, checked)
        except InvalidError as error:
            problems = "; ".join(f"{name} {each[0]}" for name, each in error.errors.items())
            raise ConsoleError(
                f"The row does not fit: {problems}.",
                hint=f"`kiket-console platform rows {name} --columns` says what each column takes.",
                exit_code=ExitCode.USAGE,
            ) from error
        self._on_change()
        return result

    async def _on(self, name: str, work: Callable[[Documents, Collection], T]) -> T:
        folders = custom_data.folders_of(self._workers)

        def found(documents: Documents) -> T:
            tables = self._modules.tables(folders)
            return work(documents, _named(name, documents, tables))

        return await self._state.ask(found)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return a copy of a JSON value with *change* applied to each of its texts."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    return [_mapped(each, change) for each in value] if isinstance(value, list) else value


def _refuse_markers(fields: Mapping[str, Any]) -> None:
    """Raise `ConsoleError` for a field that has a secret's marker: it would take its place."""
    for name, value in fields.items():
        found = _MARKER.search(json.dumps(value, ensure_ascii=False))
        if found is not None:
            raise ConsoleError(
                f"{name} has {found[0]}, which stands for a secret that is not shown.",
                hint="Leave the field as it is, or write the value itself.",
                exit_code=ExitCode.USAGE,
            )


def _named(name: str, documents: Documents, tables: Tables) -> Collection:
    known = {each.name: each for each in FIXED} | tables.collections
    if name in known:
        return known[name]
    if name.startswith(custom_data.PREFIX) and name in documents.names(custom_data.PREFIX):
        return custom_data.open_table(name)
    raise ConsoleError(
        f'The platform has no collection "{name[:128]}".',
        hint=f"Known: {', '.join(known)}.",
        exit_code=ExitCode.USAGE,
    )


def _row(documents: Documents, collection: Collection, row_id: int) -> Row:
    row = documents.row(collection.name, row_id)
    if row is None:
        raise _no_row(collection, row_id)
    return row


def _no_row(collection: Collection, row_id: int) -> ConsoleError:
    return ConsoleError(
        f"{collection.title} has no row {row_id}.",
        hint="A row that was removed can be restored until the engine quits.",
        exit_code=ExitCode.USAGE,
    )
