"""Rules for module schemas, on top of those that reading one has."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kiket_console.linting.files import check_file
from kiket_console.linting.report import EnoughError, Report
from kiket_sdk._manifest_modules import described_twice, examine_module, module_schema_paths
from kiket_sdk._manifest_source import ManifestError, Source
from kiket_sdk._manifest_types import typed_value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kiket_console.linting.report import Part
    from kiket_sdk._manifest_source import Finding
    from kiket_sdk.manifest import Column, ModuleSchema

_KINDS = {
    "bigint": "integer", "integer": "integer", "decimal": "number", "boolean": "boolean",
}  # fmt: skip
_COLUMN_KEYS = (
    "name", "type", "null", "default", "primary_key", "auto_increment", "indexed", "unique",
    "length", "precision", "scale", "description",
)  # fmt: skip


def check_modules(folder: Path) -> tuple[list[Finding], dict[Path, bytes], list[str]]:
    """Check the module schemas of the extension in *folder*, as `check_schemas` does.

    Raises ManifestError when a folder on the way to them cannot be read.
    """
    return check_schemas(module_schema_paths(folder))


def check_schemas(paths: Iterable[Path]) -> tuple[list[Finding], dict[Path, bytes], list[str]]:
    """Check some module schemas.

    Returns (what was found, the files as they were read, the names of modules that can be used).
    """
    texts: dict[Path, bytes] = {}
    findings: list[Finding] = []
    by_name: dict[str, Path] = {}
    for path in paths:
        try:
            source = Source(path)
        except ManifestError as error:
            texts[path] = b""
            findings.append(error.finding)
            continue
        schema, found = examine_module(source)
        texts[path] = source.raw_text
        report = Report(source)
        with suppress(EnoughError):
            if schema and schema.module in by_name:
                said = described_twice(schema.module, by_name[schema.module])
                report.root["module"].error(said, "module")
            check_file(report)
            _check_columns(report.root, schema)
        findings += [*found, *report.findings]
        if schema:
            by_name.setdefault(schema.module, path)
    return findings, texts, list(by_name)


def _check_columns(root: Part, schema: ModuleSchema | None) -> None:
    tables = root["tables"].value
    for name in tables if isinstance(tables, dict) else ():
        columns = root["tables"][name]["columns"].value
        for at in range(len(columns) if isinstance(columns, list) else 0):
            _check_column(root["tables"][name]["columns"][at])
    for table in schema.tables if schema else ():
        for at, column in enumerate(table.columns):
            _check_default(root["tables"][table.name]["columns"][at], column)


def _check_column(column: Part) -> None:
    if not isinstance(column.value, dict):
        return
    if None in column.value:
        null = column[None]
        null.warn(
            'YAML reads an unquoted null: as no name at all; write "null":.',
            "null-key",
            null.quoted_key(),
        )
    for name in column.value:
        if name is not None and name not in _COLUMN_KEYS:
            column[name].warn("is no attribute of a column; nothing reads it.", "unknown-key")


def _check_default(part: Part, column: Column) -> None:
    if column.default is None:
        return
    kind = _KINDS.get(column.type)
    try:
        value = typed_value(column.default, kind)
    except ValueError:
        value = None
    fits = {
        "integer": type(value) is int,
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        None: True,
    }
    if not fits[kind]:
        part["default"].error(f"is no {column.type}.", "default")
    elif column.length is not None and len(str(column.default)) > column.length:
        part["default"].error(f"is longer than length ({column.length}).", "default")
