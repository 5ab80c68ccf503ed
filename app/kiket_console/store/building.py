"""Make a store in a file of its own, to be put in place when it is whole: new, or migrated.

Whatever happens on the way, the store at the path is the old one or the new one.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.store import files, schema

if TYPE_CHECKING:
    from pathlib import Path

PAGE_BYTES = 8192
"""Larger than SQLite's 4,096: two messages rarely fill a page, and each page is two writes."""

_COUNTED = ("exchange", "log")


def create(path: Path) -> None:
    """Put an empty store of the newest schema at *path*; raises `ConsoleError` if it cannot."""
    building = files.begin(path)
    try:
        make_empty(building)
        files.put_in_place(building, path)
    except (sqlite3.Error, OSError) as error:
        raise files.unwritable(path, str(error)) from error
    finally:
        building.unlink(missing_ok=True)


def make_empty(file: Path) -> None:
    """Make the empty *file* a store without rows; tables lie where they lie in every store."""
    with closing(_connect(file)) as connection:
        _lay_out(connection)
        schema.migrate(connection)
        connection.execute("VACUUM")


def migrate(path: Path, found: int) -> str:
    """Bring the sound store at *path*, of schema version *found*, to the newest schema.

    Return a sentence that names the copy of the old store. Raises `ConsoleError` when there is
    no room for both, or a row would be lost; then the store is as it was.
    """
    copy = building = None
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = _counts(old)
        copy = files.begin(path, ".building-copy")
        shutil.copyfile(path, copy)
        building = files.begin(path)
        with closing(_connect(copy)) as changing:
            changing.execute("PRAGMA journal_mode = MEMORY")
            schema.migrate(changing)
            after = _counts(changing)
            _lay_out(changing)
            changing.execute("VACUUM INTO ?", (str(building),))
        copy.unlink()
        if after != before:
            raise ConsoleError(
                f"The store {path} was left at schema version {found}: bringing it to version "
                f"{schema.VERSION} would have changed its number of rows.",
                hint="Please report this.",
            )
        backup = files.keep(path, f"backup-v{found}")
        files.put_in_place(building, path)
    except (sqlite3.Error, OSError) as error:
        raise ConsoleError(
            f"The store {path} could not be brought from schema version {found} to "
            f"{schema.VERSION}: {error}. It is as it was.",
            hint="Is there room for a second copy of it on the disk?",
        ) from error
    finally:
        for leftover in (copy, building):
            if leftover is not None:
                leftover.unlink(missing_ok=True)
    return (
        f"The store was brought from schema version {found} to {schema.VERSION}; as it was, it is "
        f"kept as {backup}."
    )


def _connect(file: Path) -> sqlite3.Connection:
    """Open a file that nobody needs before it is whole: without any flush."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA secure_delete = OFF")
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    """Say how the next VACUUM lays the file out; giving pages back costs inserts nothing."""
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")


def _counts(connection: sqlite3.Connection) -> list[int]:
    """Return how many rows there are of what people count."""
    return [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 (ours)
        for table in _COUNTED
    ]
