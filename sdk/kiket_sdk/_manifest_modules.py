"""Read module schemas: the tables of custom data that an extension brings along.

Each is a file `.kiket/modules/<folder>/schema.yml` or `schema.yaml` (kiket-and-kindo.md §4.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kiket_sdk._manifest_source import Finding, Keys, ManifestError, Severity, Source, unusable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

COLUMN_TYPES = (
    "bigint",
    "string",
    "text",
    "integer",
    "decimal",
    "boolean",
    "json",
    "timestamp",
)
OPERATIONS = ("read", "write", "delete", "admin")
MODULES_FOLDER = ".kiket/modules"
_MOST = 500
"""Findings of one file; more of them help nobody."""
SCHEMA_NAMES = ("schema.yml", "schema.yaml")
_NULL_KEYS = (None, "null")  # YAML reads an unquoted `null:` as a key that is null


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table of custom data."""

    name: str
    type: str
    """One of COLUMN_TYPES."""
    null: bool = True
    """Whether a row may leave it out, or say null."""
    default: Any = None
    """What a row that leaves it out gets, as it is written; None for nothing."""
    primary_key: bool = False
    auto_increment: bool = False
    indexed: bool = False
    unique: bool = False
    length: int | None = None
    """The most characters of a string."""
    precision: int | None = None
    """The most digits of a decimal, those after the point included."""
    scale: int | None = None
    """The digits of a decimal after the point."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index over some columns of a table."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a module."""

    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    description: str = ""

    def column(self, name: str) -> Column | None:
        """Return the column of that name, None when there is none."""
        return next((each for each in self.columns if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a role may do with each table."""

    role: str
    tables: Mapping[str, tuple[str, ...]]
    """Table → some of OPERATIONS."""


@dataclass(frozen=True, slots=True)
class ModuleSchema:
    """The tables of one module of custom data."""

    module: str
    """Its name in paths, as `com.example.pager.pages`."""
    version: str
    tables: tuple[Table, ...]
    description: str = ""
    permissions: tuple[Permission, ...] = ()
    path: Path = field(default=Path(), compare=False)
    """The file that says so."""

    def table(self, name: str) -> Table | None:
        """Return the table of that name, None when there is none."""
        return next((each for each in self.tables if each.name == name), None)


def load_module_schemas(folder: str | os.PathLike[str] = ".") -> tuple[ModuleSchema, ...]:
    """Read the module schemas of the extension in `folder`, in the order of their folders' names.

    Raises ManifestError, which names file, line and key, for the first thing in any of them that
    cannot be used, and for a module that two files describe.
    """
    found: dict[str, ModuleSchema] = {}
    for path in module_schema_paths(folder):
        schema = read_module_schema(path)
        if other := found.get(schema.module):
            raise Source(path).error(("module",), described_twice(schema.module, other.path))
        found[schema.module] = schema
    return tuple(found.values())


def module_schema_paths(folder: str | os.PathLike[str] = ".") -> tuple[Path, ...]:
    """Return the files of the module schemas of the extension in `folder`.

    Raises ManifestError when a folder on the way cannot be read.
    """
    modules = Path(folder) / MODULES_FOLDER
    try:
        places = sorted(each for each in modules.iterdir() if each.is_dir())
        files = [next((f for n in SCHEMA_NAMES if (f := p / n).is_file()), None) for p in places]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as exc:
        raise unusable(modules, f"cannot be read ({exc.strerror}); allow it.") from exc
    return tuple(file for file in files if file is not None)


def read_module_schema(path: str | os.PathLike[str]) -> ModuleSchema:
    """Read one module schema; raises ManifestError for the first thing that cannot be used."""
    schema, findings = examine_module(Source(Path(path)))
    if schema is None:
        raise ManifestError(next(each for each in findings if each.severity == "error"))
    return schema


def described_twice(module: str, other: Path) -> str:
    """Say that another file describes the same module."""
    return f'{other} describes module "{module}" too; give one of them another name.'


def examine_module(source: Source) -> tuple[ModuleSchema | None, tuple[Finding, ...]]:
    """Return the module that a file describes and all that is wrong in it.

    There is no module when any of it is an error.
    """
    reading = _Reading(source)
    schema = reading.module()
    is_usable = all(each.severity == "warning" for each in reading.findings)
    return (schema if is_usable else None), tuple(reading.findings)


class _Reading:
    """One reading of a file; what is wrong is gathered, so that all of it is told at once."""

    def __init__(self, source: Source) -> None:
        self.findings: list[Finding] = []
        self._source = source

    def module(self) -> ModuleSchema:
        content = self._source.content
        if not isinstance(content, Mapping):
            self._wrong((), "is no mapping; start it with `module:` and `tables:`.")
            content = {}
        else:
            if not isinstance(content.get("module"), str) or not content["module"].strip():
                self._wrong(("module",), "name the module, as com.example.pager.pages.")
        version = content.get("version", content.get("model_version"))
        if content and version is None:
            self._wrong(("version",), 'say the schema\'s version, as version: "1.0".', "warning")
        tables = self._mapping(content, "tables", ())
        if content and not tables:
            self._wrong(("tables",), "describe one table at least, by its name.")
        return ModuleSchema(
            module=str(content.get("module", "")).strip(),
            version=str(version if version is not None else ""),
            tables=tuple(self._table(name, raw) for name, raw in tables.items()),
            description=_text(content.get("description")),
            permissions=tuple(self._permissions(content, tables)),
            path=self._source.path,
        )

    def _table(self, name: object, raw: object) -> Table:
        keys = ("tables", name)
        if not isinstance(name, str) or not name:
            self._wrong(keys, "a table's name is text; put it in quotes.")
        if not isinstance(raw, Mapping):
            self._wrong(keys, "is no mapping; give it `columns:`.")
            raw = {}
        described = self._list(raw, "columns", keys)
        if raw and not described:
            self._wrong((*keys, "columns"), "list one column at least, with name and type.")
        columns = tuple(self._column(each, (*keys, "columns", i)) for i, each in described)
        self._check_once([each.name for each in columns], (*keys, "columns"), "column")
        names = {each.name for each in columns}
        return Table(
            name=str(name),
            columns=columns,
            indexes=tuple(
                self._index(each, (*keys, "indexes", i), names)
                for i, each in self._list(raw, "indexes", keys)
            ),
            description=_text(raw.get("description")),
        )

    def _column(self, raw: object, keys: Keys) -> Column:
        if not isinstance(raw, Mapping):
            self._wrong(keys, "is no mapping; write it as { name: state, type: string }.")
            return Column("", "text")
        name, kind = raw.get("name"), raw.get("type")
        if not isinstance(name, str) or not name:
            self._wrong((*keys, "name"), "name the column.")
        if kind not in COLUMN_TYPES:
            said = "say its type" if kind is None else f'"{kind}" is no type of a column'
            self._wrong((*keys, "type"), f"{said}; use one of {', '.join(COLUMN_TYPES)}.")
        null_key = next((each for each in _NULL_KEYS if each in raw), "null")
        column = Column(
            name=str(name or ""),
            type=str(kind),
            null=self._flag(raw, null_key, keys, otherwise=True),
            default=raw.get("default"),
            primary_key=self._flag(raw, "primary_key", keys),
            auto_increment=self._flag(raw, "auto_increment", keys),
            indexed=self._flag(raw, "indexed", keys),
            unique=self._flag(raw, "unique", keys),
            length=self._number(raw, "length", keys, least=1),
            precision=self._number(raw, "precision", keys, least=1),
            scale=self._number(raw, "scale", keys, least=0),
        )
        if column.scale is not None and column.scale > (column.precision or column.scale):
            message = f"is more than precision ({column.precision}); a decimal's digits include it."
            self._wrong((*keys, "scale"), message)
        return column

    def _index(self, raw: object, keys: Keys, names: set[str]) -> Index:
        if not isinstance(raw, Mapping):
            self._wrong(keys, "is no mapping; write it as { name: by_state, columns: [state] }.")
            return Index("", ())
        columns = [(i, str(each)) for i, each in self._list(raw, "columns", keys)]
        if not columns:
            self._wrong((*keys, "columns"), "list one column at least.")
        for i, each in columns:
            if each not in names:
                self._wrong((*keys, "columns", i), f'the table has no column "{each}".')
        return Index(
            name=_text(raw.get("name")),
            columns=tuple(each for _, each in columns),
            unique=self._flag(raw, "unique", keys),
        )

    def _permissions(
        self, content: Mapping[Any, Any], tables: Mapping[Any, Any]
    ) -> Iterator[Permission]:
        for i, raw in self._list(content, "permissions", ()):
            keys: Keys = ("permissions", i)
            if not isinstance(raw, Mapping) or not isinstance(raw.get("role"), str):
                self._wrong(keys, "needs a role; write it as { role: user, tables: {…} }.")
                continue
            allowed: dict[str, tuple[str, ...]] = {}
            granted = self._mapping(raw, "tables", keys)
            for table in granted:
                where = (*keys, "tables", table)
                if table not in tables:
                    self._wrong(where, f'the module has no table "{table}".')
                operations = [each for _, each in self._list(granted, table, (*keys, "tables"))]
                for each in operations:
                    if each not in OPERATIONS:
                        known = ", ".join(OPERATIONS)
                        self._wrong(where, f'"{each}" is no operation; use some of {known}.')
                allowed[str(table)] = tuple(map(str, operations))
            yield Permission(raw["role"], allowed)

    def _mapping(self, raw: Mapping[Any, Any], key: str, keys: Keys) -> Mapping[Any, Any]:
        value = raw.get(key)
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self._wrong((*keys, key), "is no mapping of names.")
        return {}

    def _list(self, raw: Mapping[Any, Any], key: Any, keys: Keys) -> list[tuple[int, Any]]:
        value = raw.get(key)
        if isinstance(value, list):
            return list(enumerate(value))
        if value is not None:
            self._wrong((*keys, key), "is no list; start each item with `- `.")
        return []

    def _flag(
        self, raw: Mapping[Any, Any], key: Any, keys: Keys, *, otherwise: bool = False
    ) -> bool:
        value = raw.get(key, otherwise)
        if isinstance(value, bool):
            return value
        self._wrong((*keys, key), "say true or false, without quotes.")
        return otherwise

    def _number(self, raw: Mapping[Any, Any], key: str, keys: Keys, *, least: int) -> int | None:
        value = raw.get(key)
        if value is None or (type(value) is int and value >= least):
            return value
        self._wrong((*keys, key), f"give a whole number from {least}.")
        return None

    def _check_once(self, names: list[str], keys: Keys, noun: str) -> None:
        seen: set[str] = set()
        for i, name in enumerate(names):
            if name and name in seen:
                self._wrong((*keys, i, "name"), f'"{name}" names an earlier {noun} too.')
            seen.add(name)

    def _wrong(self, keys: Keys, message: str, severity: Severity = "error") -> None:
        if len(self.findings) < _MOST:
            self.findings.append(self._source.finding(severity, keys, message, "module"))


def _text(value: object) -> str:
    return str(value) if value is not None else ""
