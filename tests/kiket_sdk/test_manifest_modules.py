"""Module schemas: tables of custom data, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_sdk.manifest import (
    Column,
    Index,
    ManifestError,
    ModuleSchema,
    Permission,
    Table,
    load_module_schemas,
)

if TYPE_CHECKING:
    from pathlib import Path

PAGES = """\
module: nz.harbour.pages
version: 1.0
tables:
  pages:
    columns:
      - { name: id, type: bigint, primary_key: true, auto_increment: true }
      - { name: state, type: string, length: 20, null: false, default: sent }
      - { name: note, type: text, "null": false, unique: true }
      - { name: cost, type: decimal, precision: 8, scale: 2, indexed: true }
    indexes:
      - { name: by_state, columns: [state, cost], unique: true }
permissions:
  - { role: user, tables: { pages: [read] } }
"""


def write(folder: Path, text: str, module: str = "pages", name: str = "schema.yml") -> Path:
    path = folder / ".kiket" / "modules" / module / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_a_schema_is_read_with_every_attribute(tmp_path: Path) -> None:
    """`null:` is read although YAML takes the unquoted word for a null key."""
    path = write(tmp_path, PAGES)
    (schema,) = load_module_schemas(tmp_path)
    assert schema == ModuleSchema(
        module="nz.harbour.pages",
        version="1.0",
        tables=(
            Table(
                "pages",
                (
                    Column("id", "bigint", primary_key=True, auto_increment=True),
                    Column("state", "string", null=False, default="sent", length=20),
                    Column("note", "text", null=False, unique=True),
                    Column("cost", "decimal", precision=8, scale=2, indexed=True),
                ),
                (Index("by_state", ("state", "cost"), unique=True),),
            ),
        ),
        permissions=(Permission("user", {"pages": ("read",)}),),
    )
    assert schema.path == path
    pages = schema.table("pages")
    assert pages is not None
    assert pages.column("state") == pages.columns[1]
    assert (schema.table("other"), pages.column("other")) == (None, None)


def test_an_extension_without_modules_has_none(tmp_path: Path) -> None:
    assert load_module_schemas(tmp_path) == ()
    (tmp_path / ".kiket").write_text("a file", "utf-8")
    assert load_module_schemas(tmp_path) == ()


def test_modules_come_in_the_order_of_their_folders(tmp_path: Path) -> None:
    for module in ("b", "a"):
        write(tmp_path, PAGES.replace("nz.harbour.pages", module), module, "schema.yaml")
    (tmp_path / ".kiket" / "modules" / "without").mkdir()
    assert [each.module for each in load_module_schemas(tmp_path)] == ["a", "b"]


def test_two_files_cannot_describe_one_module(tmp_path: Path) -> None:
    first, second = write(tmp_path, PAGES, "a"), write(tmp_path, "\n" + PAGES, "b")
    with pytest.raises(ManifestError) as caught:
        load_module_schemas(tmp_path)
    assert str(caught.value) == (
        f'{second}:2:1: module: {first} describes module "nz.harbour.pages" too; '
        "give one of them another name."
    )


def test_a_version_may_be_left_out(tmp_path: Path) -> None:
    write(tmp_path, PAGES.replace("version: 1.0\n", ""))
    assert [each.version for each in load_module_schemas(tmp_path)] == [""]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        ("module: nz.harbour.pages", "module: 3", 1, "module", "name the module"),
        ("type: text", "type: date", 8, "tables.pages.columns[2].type", '"date" is no type'),
        ("name: note, ", "", 8, "tables.pages.columns[2].name", "name the column"),
        ("null: false", "null: no way", 7, "tables.pages.columns[1].null", "say true or false"),
        ("length: 20", "length: -1", 7, "tables.pages.columns[1].length", "number from 1"),
        ("scale: 2", "scale: 9", 9, "tables.pages.columns[3].scale", "more than precision (8)"),
        ("name: note", "name: state", 8, "tables.pages.columns[2].name", "an earlier column"),
        ("[state, cost]", "[status]", 11, "tables.pages.indexes[0].columns[0]", '"status"'),
        ("[read]", "[look]", 13, "permissions[0].tables.pages", '"look" is no operation'),
        ("{ pages: [", "{ page: [", 13, "permissions[0].tables.page", 'no table "page"'),
        ("columns:\n", "columns: 3\n    was:\n", 5, "tables.pages.columns", "is no list"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, key: str, message: str
) -> None:
    assert old in PAGES
    path = write(tmp_path, PAGES.replace(old, new, 1))
    with pytest.raises(ManifestError) as caught:
        load_module_schemas(tmp_path)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert str(caught.value).startswith(f"{path}:{line}:")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a list",
        "text",
        "tables: 3",
        "module: m\ntables: {t: 3}",
        "module: m\ntables: {t: {columns: [3]}}",
        "module: m\ntables: {3: {columns: [{name: [], type: {}}]}}",
        "module: m\ntables: {t: {columns: {}}}\npermissions: [3, {role: r, tables: {t: [[]]}}]",
        "module: m\ntables: {t: {columns: [{name: a, type: text}], indexes: [3, {columns: 4}]}}",
        "module: m\ntables: &t {t: *t}",
    ],
)
def test_no_content_raises_anything_else(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(ManifestError):
        load_module_schemas(tmp_path)
