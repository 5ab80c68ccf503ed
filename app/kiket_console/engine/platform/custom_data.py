"""Custom data: tables that modules' schemas describe (kiket-and-kindo.md §2.2 rows 12 to 16).

A row belongs to one project; a unique column is unique within it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.engine.platform import audit
from kiket_console.engine.platform.calls import Call, RefusedError, Reply, invalid
from kiket_console.engine.platform.collection import Collection
from kiket_console.engine.platform.columns import MANAGED, Column, InvalidError, of_schema
from kiket_console.engine.platform.delivery import ORGANIZATION_ID, PROJECT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from kiket_console.engine.platform.documents import Documents, Row
    from kiket_console.engine.platform.state import State
    from kiket_console.engine.ports import Workers

PREFIX = "custom_data."
PAGE = 50
MOST = 500
_PROJECT = Column("project_id", "id", null=False, default=PROJECT_ID)


class Tables(Struct, frozen=True):
    """The tables that there are, by their collections' names, and what is wrong with schemas."""

    collections: dict[str, Collection]
    problems: tuple[str, ...] = ()


class Modules:
    """Read the module schemas of extensions, again when their files have changed.

    Belongs to the state's thread.
    """

    def __init__(self) -> None:
        self._seen: object = None
        self._tables = Tables({})

    def tables(self, folders: Iterable[str]) -> Tables:
        """Return the tables of the extensions in *folders*."""
        from kiket_sdk._manifest_modules import module_schema_paths
        from kiket_sdk.manifest import ManifestError

        problems: list[str] = []
        paths: list[Path] = []
        for folder in dict.fromkeys(folders):
            try:
                paths += module_schema_paths(folder)
            except ManifestError as error:
                problems.append(str(error))
        seen = [_mark(path) for path in paths], problems
        if seen != self._seen:
            self._tables = _read(paths, problems)
            self._seen = seen
        return self._tables


def _mark(path: Path) -> tuple[Path, int, int]:
    try:
        found = path.stat()
    except OSError:
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


def _read(paths: Iterable[Path], problems: Iterable[str]) -> Tables:
    from kiket_sdk._manifest_modules import read_module_schema
    from kiket_sdk.manifest import ManifestError

    collections: dict[str, Collection] = {}
    told = list(problems)
    for path in paths:
        try:
            schema = read_module_schema(path)
        except ManifestError as error:
            told.append(str(error))
            continue
        for table in schema.tables:
            name = f"{PREFIX}{schema.module}.{table.name}"
            if name in collections:
                told.append(f"{path} describes {name.removeprefix(PREFIX)}, as another file does.")
                continue
            own = (of_schema(each) for each in table.columns if each.name not in MANAGED)
            collections[name] = Collection(
                name=name,
                title=f"{schema.module} / {table.name}",
                meaning=table.description or f"A table of custom data, described in {path.name}.",
                columns=(*own, _PROJECT),
                within="project_id",
            )
    return Tables(collections, tuple(told))


def folders_of(workers: Workers) -> tuple[str, ...]:
    """Return where the extensions are, whose modules' tables there are."""
    return tuple(each.folder for each in workers.workers() if each.folder)


def open_table(name: str) -> Collection:
    """Return a table that no schema describes."""
    return Collection(
        name=name,
        title=name.removeprefix(PREFIX),
        meaning="A table of custom data that no schema describes; its rows are not checked.",
        columns=(_PROJECT,),
        is_open=True,
    )


class CustomData:
    """Answer for tables."""

    def __init__(self, state: State, modules: Modules, workers: Workers) -> None:
        self._state = state
        self._modules = modules
        self._workers = workers

    async def list(self, call: Call) -> Reply:
        """Answer with a project's rows, those that `filters` names when it is there."""
        project, limit = call.project(), call.number("limit", PAGE, MOST)

        def work(documents: Documents, table: Collection) -> Reply:
            wanted = {**_filters(call, table), "project_id": project}
            rows = documents.rows(table.name, equal=wanted, limit=limit, oldest_first=True)
            return Reply(200, {"data": [_shown(table, row) for row in rows]})

        return await self._on_table(call, "read", work)

    async def read(self, call: Call) -> Reply:
        """Answer with one row."""
        project = call.project()

        def work(documents: Documents, table: Collection) -> Reply:
            row = _row(documents, table, call.parts["row"], project)
            return Reply(200, {"data": _shown(table, row)})

        return await self._on_table(call, "read", work)

    async def create(self, call: Call) -> Reply:
        """Add a row."""
        project, sent = call.project(), _record(call)

        def work(documents: Documents, table: Collection) -> Reply:
            row = table.add(documents, sent, {"project_id": project})
            audit.note(documents, call.caller, "custom_data.create", _address(table, row))
            return Reply(201, {"data": _shown(table, row)})

        return await self._on_table(call, "write", work)

    async def change(self, call: Call) -> Reply:
        """Change what is sent of a row."""
        project, sent = call.project(), _record(call)

        def work(documents: Documents, table: Collection) -> Reply:
            row = _row(documents, table, call.parts["row"], project)
            row = table.change(documents, row, sent, {"project_id": project})
            audit.note(documents, call.caller, "custom_data.update", _address(table, row))
            return Reply(200, {"data": _shown(table, row)})

        return await self._on_table(call, "write", work)

    async def delete(self, call: Call) -> Reply:
        """Take a row away; a person can bring it back."""
        project = call.project()

        def work(documents: Documents, table: Collection) -> Reply:
            row = _row(documents, table, call.parts["row"], project)
            documents.remove(table.name, row.id)
            audit.note(documents, call.caller, "custom_data.delete", _address(table, row))
            return Reply(204)

        return await self._on_table(call, "delete", work)

    async def _on_table(
        self, call: Call, operation: str, work: Callable[[Documents, Collection], Reply]
    ) -> Reply:
        folders, module = folders_of(self._workers), call.parts["module"]
        if call.caller and not self._workers.contract(call.caller).may(operation, module):
            raise RefusedError(
                403,
                f"The manifest of {call.caller} does not list {operation} of {module[:128]!r} "
                "below custom_data.permissions.",
            )

        def found(documents: Documents) -> Reply:
            return work(documents, self._table(call, folders))

        try:
            return await self._state.ask(found)
        except InvalidError as error:
            raise invalid("The record was not kept", error.errors) from None

    def _table(self, call: Call, folders: Iterable[str]) -> Collection:
        module, table = call.parts["module"], call.parts["table"]
        tables = self._modules.tables(folders)
        name = f"{PREFIX}{module}.{table}"
        found = tables.collections.get(name)
        if found is not None:
            return found
        if call.settings.open_tables:
            return open_table(name)
        raise RefusedError(404, _unknown(module, table, tables))


def _unknown(module: str, table: str, tables: Tables) -> str:
    own = f"{PREFIX}{module}."
    others = [each.removeprefix(own) for each in tables.collections if each.startswith(own)]
    if others:
        return f"The module {module[:128]!r} has no table {table[:128]!r}; it has {_list(others)}."
    modules = {each.removeprefix(PREFIX).rpartition(".")[0] for each in tables.collections}
    known = f"there is {_list(sorted(modules))}" if modules else "no schema is here"
    problem = f" ({tables.problems[0].rstrip('.')})" if tables.problems else ""
    return (
        f"No module {module[:128]!r} is installed: {known}{problem}. Describe it in "
        ".kiket/modules/NAME/schema.yml, or set open_tables in the platform's settings."
    )


def _list(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:5])


def _record(call: Call) -> dict[str, Any]:
    record = call.fields().get("record")
    if not isinstance(record, dict):
        raise invalid("The record was not kept", {"record": ["must be an object"]})
    return record


def _filters(call: Call, table: Collection) -> dict[str, Any]:
    text = call.query.get("filters", "")
    if not text:
        return {}
    try:
        filters = json.loads(text)
    except (ValueError, RecursionError):
        filters = None
    if not isinstance(filters, dict):
        raise invalid("The filter makes no sense", {"filters": ["must be a JSON object"]})
    known = {each.name: each for each in (Column("id", "bigint"), *table.columns)}
    errors: dict[str, list[str]] = {}
    for name, value in filters.items():
        column = known.get(name)
        if column is None and not table.is_open:
            errors[name] = [f"is not a column; there is {', '.join(known)}"]
        elif column is not None and value is not None:
            try:
                filters[name] = column.checked(value)
            except ValueError as error:
                errors[name] = [str(error)]
    if errors:
        raise invalid("The filter makes no sense", errors)
    return filters


def _row(documents: Documents, table: Collection, row_id: str, project: int | str) -> Row:
    is_number = row_id.isascii() and row_id.isdigit() and len(row_id) < 19
    row = documents.row(table.name, int(row_id)) if is_number else None
    if row is None or row.fields.get("project_id") != project:
        where = f"{table.title} of project {project}"
        raise RefusedError(404, f"There is no record {row_id[:64]!r} in {where}.")
    return row


def _address(table: Collection, row: Row) -> str:
    return f"{table.name.removeprefix(PREFIX)}/{row.id}"


def _shown(table: Collection, row: Row) -> dict[str, Any]:
    shown = table.shown(row)
    moments = {name: shown.pop(name) for name in ("project_id", "created_at", "updated_at")}
    return {**shown, "organization_id": ORGANIZATION_ID, **moments}
