"""The platform's state on disk: rows of named collections, each a JSON object with a number.

One SQLite file per project, mode 0600. A row that is removed can be restored until it is closed.
Belongs to one thread (see `state`).
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VERSION: Final = 1
ROWS_LIMIT: Final = 100_000
"""How many rows one collection has at most, removed ones included."""
FILE_BYTES: Final = 512 * 1024**2
"""How large the file can grow."""
LOG_LIMIT: Final = 10_000
"""How many rows are kept of a collection that only grows."""
_SCHEMA = """
CREATE TABLE row (
    collection TEXT NOT NULL,
    id INTEGER NOT NULL,
    fields TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    removed_us INTEGER,
    PRIMARY KEY (collection, id)
) WITHOUT ROWID;
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_PURGE = """
DELETE FROM row WHERE removed_us IS NOT NULL
AND id < (SELECT max(id) FROM row AS newer WHERE newer.collection = row.collection)
"""  # the newest keeps its number from being given again
_COLUMNS = "id, fields, created_us, updated_us"


class Row(Struct, frozen=True):
    """One row as it is kept; moments are microseconds since 1970."""

    id: int
    fields: dict[str, Any]
    created_us: int
    updated_us: int


class Documents:
    """Keep rows in the SQLite file at *path*, which is made when it is not there.

    Raises `ConsoleError` when it cannot be opened.
    """

    def __init__(
        self, path: Path, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    ) -> None:
        self._now_us = now_us
        self.note = ""
        """What a person should know of how it was opened."""
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError as error:
            if _is_about_the_file(error):
                raise _unusable(path, error) from error
            kept = path.with_name(f"{path.name}.damaged-{int(time.time())}")
            path.replace(kept)
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            self.note = (
                f"The platform's state could not be read ({error}) and starts afresh; "
                f"what was there is {kept}."
            )
            self._connection = _open(path)
        except OSError as error:
            raise _unusable(path, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, in autocommit mode, for who makes transactions."""
        return self._connection

    def now_us(self) -> int:
        """Return the time that rows are given now."""
        return self._now_us()

    def count(
        self,
        collection: str,
        *,
        equal: Mapping[str, Any] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> int:
        """Return how many rows a collection has, or those that `rows` would return."""
        term, values = _condition(collection, equal, since_us, until_us)
        asked = f"SELECT count(*) FROM row WHERE {term}"  # noqa: S608 (values are bound)
        count: int = self._connection.execute(asked, values).fetchone()[0]
        return count

    def names(self, prefix: str) -> list[str]:
        """Return the names of the collections that have rows and begin with *prefix*."""
        asked = (
            "SELECT DISTINCT collection FROM row WHERE collection >= ? AND collection < ? "
            "AND removed_us IS NULL ORDER BY collection"
        )
        return [
            name for (name,) in self._connection.execute(asked, (prefix, prefix + "\U0010ffff"))
        ]

    def row(self, collection: str, row_id: int) -> Row | None:
        """Return a row, or None when there is none or it was removed."""
        asked = (
            f"SELECT {_COLUMNS} FROM row "  # noqa: S608 (our own column names)
            "WHERE collection = ? AND id = ? AND removed_us IS NULL"
        )
        if abs(row_id) >= 2**63:
            return None
        found = self._connection.execute(asked, (collection, row_id)).fetchone()
        return _row(found) if found else None

    def rows(
        self,
        collection: str,
        *,
        equal: Mapping[str, Any] | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
        before: int | None = None,
        find: str = "",
        limit: int = ROWS_LIMIT,
        offset: int = 0,
        oldest_first: bool = False,
    ) -> list[Row]:
        """Return rows, newest first unless *oldest_first*, after leaving out *offset* of them.

        *equal* names fields and what they must be; *since_us* and *until_us* are when a row was
        made; *before* is an id that they come before; *find* is a text that their values have
        somewhere, whatever its case.
        """
        term, values = _condition(collection, equal, since_us, until_us)
        if before is not None:
            term, values = f"{term} AND id < ?", [*values, before]
        if find:
            term, values = f"{term} AND {_FIND}", [*values, find]
        order = "ASC" if oldest_first else "DESC"
        asked = (
            f"SELECT {_COLUMNS} FROM row WHERE {term} "  # noqa: S608 (values are bound)
            f"ORDER BY id {order} LIMIT {int(limit)} OFFSET {int(offset)}"
        )
        return [_row(each) for each in self._connection.execute(asked, values)]

    def newest(self, collection: str) -> int:
        """Return the highest number that a row of a collection ever had."""
        asked = "SELECT coalesce(max(id), 0) FROM row WHERE collection = ?"
        newest: int = self._connection.execute(asked, (collection,)).fetchone()[0]
        return newest

    def add(self, collection: str, fields: Mapping[str, Any], row_id: int | None = None) -> Row:
        """Add a row and return it, with the next number unless *row_id* says one that is free.

        Raises `ConsoleError` when the collection is full.
        """
        asked = "SELECT count(*), coalesce(max(id), 0) FROM row WHERE collection = ?"
        count, newest = self._connection.execute(asked, (collection,)).fetchone()
        if count >= ROWS_LIMIT:
            raise ConsoleError(
                f"The platform keeps {ROWS_LIMIT:,} rows of {collection} at most, "
                "and it has as many."
            )
        now_us = self._now_us()
        row = Row(row_id or newest + 1, dict(fields), now_us, now_us)
        self._connection.execute(
            f"INSERT INTO row (collection, {_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            (collection, row.id, _written(row.fields), now_us, now_us),
        )
        return row

    def log(self, collection: str, fields: Mapping[str, Any]) -> Row:
        """Add a row to a collection that only grows; the oldest go when there are `LOG_LIMIT`."""
        oldest = "DELETE FROM row WHERE collection = ? AND id <= ?"
        row = Row(self.newest(collection) + 1, dict(fields), *[self._now_us()] * 2)
        self._connection.execute(oldest, (collection, row.id - LOG_LIMIT))
        return self.add(collection, fields)

    def change(self, collection: str, row: Row, fields: Mapping[str, Any]) -> Row:
        """Put *fields* in place of those that a row had; return it."""
        changed = Row(row.id, dict(fields), row.created_us, self._now_us())
        self._connection.execute(
            "UPDATE row SET fields = ?, updated_us = ? WHERE collection = ? AND id = ?",
            (_written(changed.fields), changed.updated_us, collection, row.id),
        )
        return changed

    def remove(self, collection: str, row_id: int) -> None:
        """Take a row away."""
        self._connection.execute(
            "UPDATE row SET removed_us = ? WHERE collection = ? AND id = ?",
            (self._now_us(), collection, row_id),
        )

    def restore(self, collection: str, row_id: int) -> Row | None:
        """Bring a removed row back and return it; None when there never was one."""
        self._connection.execute(
            "UPDATE row SET removed_us = NULL WHERE collection = ? AND id = ?",
            (collection, row_id),
        )
        return self.row(collection, row_id)

    def setting(self, name: str) -> Any:
        """Return a setting's value, or None when it was never set."""
        found = self._connection.execute(
            "SELECT value FROM setting WHERE name = ?", (name,)
        ).fetchone()
        return json.loads(found[0]) if found else None

    def set(self, name: str, value: Any) -> None:
        """Keep a setting's value."""
        self._connection.execute(
            "INSERT INTO setting (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, _written(value)),
        )


_FIND = (
    "EXISTS (SELECT 1 FROM json_tree(row.fields) AS each WHERE each.atom IS NOT NULL "
    "AND instr(casefold(each.atom), casefold(?)) > 0)"
)


def _condition(
    collection: str,
    equal: Mapping[str, Any] | None,
    since_us: int | None,
    until_us: int | None,
) -> tuple[str, list[Any]]:
    """Return a condition of SQL for rows that are there, and what is bound in it."""
    terms: list[str] = ["collection = ?", "removed_us IS NULL"]
    values: list[Any] = [collection]
    for name, value in (equal or {}).items():
        term, given = _equal(name, value)
        terms.append(term)
        values += given
    for term, limit_us in (("created_us >= ?", since_us), ("created_us <= ?", until_us)):
        if limit_us is not None:
            terms.append(term)
            values.append(limit_us)
    return " AND ".join(terms), values


def _equal(name: str, value: Any) -> tuple[str, list[Any]]:
    """Return a condition of SQL that field *name* has *value*, and what is bound in it."""
    if name == "id":
        return "id IS ?", [value]
    path = "$." + json.dumps(name, ensure_ascii=False)
    if isinstance(value, dict | list):
        return "json_extract(fields, ?) IS json(?)", [path, _written(value)]
    return "json_extract(fields, ?) IS ?", [path, value]


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.create_function("casefold", 1, _casefold, deterministic=True)
        # Of a file that is being made nothing can be lost; each wait for the disk takes long.
        for pragma in ("synchronous = OFF", "journal_mode = WAL", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise ConsoleError(
                f"The platform's state in {path} was written by a newer version of this program.",
                hint="Use that version, or move the file away to start afresh.",
            )
        if version < VERSION:
            connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {VERSION};COMMIT;")
        connection.execute(_PURGE)
        connection.execute("PRAGMA synchronous = NORMAL")
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {FILE_BYTES // page_bytes}")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_about_the_file(error: sqlite3.DatabaseError) -> bool:
    """Return whether SQLite could not work with the file at all, as opposed to its content."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _unusable(path: Path, error: Exception) -> ConsoleError:
    return ConsoleError(
        f"The platform's state in {path} cannot be opened: {error}.",
        hint="Make the file and its folder writable, or move it away to start afresh.",
    )


def _casefold(value: object) -> str:
    return str(value).casefold()


def _row(found: tuple[int, str, int, int]) -> Row:
    row_id, fields, created_us, updated_us = found
    return Row(row_id, json.loads(fields), created_us, updated_us)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
