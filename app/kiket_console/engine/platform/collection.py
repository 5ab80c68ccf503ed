"""A collection of rows, whoever adds to it: an extension by the API, or a person by the console."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kiket_console.engine.platform import columns
from kiket_console.engine.platform.columns import Column, InvalidError, iso
from kiket_console.wire import PlatformCollection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.platform.documents import Documents, Row

ROW_BYTES = 256 * 1024
"""How much one row may hold, as JSON."""
_NAME = re.compile(r"[^\x00-\x1f\"\\]{1,128}")
_TAKEN = "has already been taken"
_MOMENTS = (
    Column("created_at", "timestamp", managed=True),
    Column("updated_at", "timestamp", managed=True),
)


class Collection(Struct, frozen=True):
    """Rows of one kind, and what holds of each."""

    name: str
    title: str
    meaning: str
    """What it is and how rows come into it, in a sentence."""
    columns: tuple[Column, ...]
    writable: bool = True
    """Whether a person can add, change and remove rows."""
    is_open: bool = False
    """Whether rows may have fields that no column says."""
    within: str = ""
    """The field within whose value unique columns are unique; empty: within the collection."""
    check: Callable[[Documents, dict[str, Any]], None] = field(default=lambda *_: None)
    """Raise `InvalidError` for fields that do not go together."""

    def about(self, documents: Documents) -> PlatformCollection:
        """Return what a person is told of it."""
        return PlatformCollection(
            name=self.name,
            title=self.title,
            meaning=self.meaning,
            count=documents.count(self.name),
            columns=tuple(each.shown() for each in (*self.columns, *_MOMENTS)),
            writable=self.writable,
        )

    def add(
        self,
        documents: Documents,
        sent: Mapping[str, Any],
        managed: Mapping[str, Any] | None = None,
    ) -> Row:
        """Add a row of what was *sent*, and of what the platform sets; raises `InvalidError`."""
        return documents.add(self.name, self.checked(documents, sent, managed))

    def checked(
        self,
        documents: Documents,
        sent: Mapping[str, Any],
        managed: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the fields of a new row; raises `InvalidError`."""
        return self._checked(documents, sent, None, managed)

    def change(
        self,
        documents: Documents,
        row: Row,
        sent: Mapping[str, Any],
        managed: Mapping[str, Any] | None = None,
    ) -> Row:
        """Change what was *sent* of a row; raises `InvalidError`."""
        return documents.change(self.name, row, self._checked(documents, sent, row, managed))

    def restore(self, documents: Documents, row_id: int) -> Row | None:
        """Bring a removed row back; raises `InvalidError` when another has taken its place."""
        row = documents.restore(self.name, row_id)
        if row is not None:
            self._check_unique(documents, row.fields, row)
        return row

    def shown(self, row: Row) -> dict[str, Any]:
        """Return a row as it is shown: its id, its fields in the columns' order, its times."""
        return {
            "id": row.id,
            **{each.name: row.fields.get(each.name) for each in self.columns if each.name != "id"},
            **{name: value for name, value in row.fields.items() if name != "id"},
            "created_at": iso(row.created_us),
            "updated_at": iso(row.updated_us),
        }

    def _checked(
        self,
        documents: Documents,
        sent: Mapping[str, Any],
        row: Row | None,
        managed: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        known = self.columns
        if self.is_open:
            said = {each.name for each in known}
            wrong = {
                each: ["is no name for a column"] for each in sent if not _NAME.fullmatch(each)
            }
            if wrong:
                raise InvalidError(wrong)
            known = (*known, *(Column(name, "json") for name in sent if name not in said))
        had = row.fields if row else None
        fields = columns.checked(known, sent, had) | dict(managed or {})
        self._check_unique(documents, fields, row)
        self.check(documents, fields)
        _check_size(fields)
        return fields

    def _check_unique(
        self, documents: Documents, fields: Mapping[str, Any], row: Row | None
    ) -> None:
        errors = {}
        for column in self.columns:
            value = fields.get(column.name)
            if not column.unique or value is None:
                continue
            wanted = {column.name: value}
            if self.within:
                wanted[self.within] = fields.get(self.within)
            found = documents.rows(self.name, equal=wanted, limit=2)
            if any(row is None or each.id != row.id for each in found):
                errors[column.name] = [_TAKEN]
        if errors:
            raise InvalidError(errors)


def _check_size(fields: Mapping[str, Any]) -> None:
    sizes = {name: len(json.dumps(value, ensure_ascii=False)) for name, value in fields.items()}
    if sum(sizes.values()) > ROW_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidError({largest: [f"is too large (a row has {ROW_BYTES // 1024} KiB at most)"]})
