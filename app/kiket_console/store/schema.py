"""The store's schema: numbered scripts, run in order, counted by SQLite's `user_version`."""

from __future__ import annotations

import sqlite3
from importlib import resources

from kiket_console.errors import ConsoleError, ExitCode

VERSION = 7
"""The newest script's number."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the store to `VERSION`, each script in a transaction of its own.

    The connection is in autocommit mode. Raises `ConsoleError` for a store of a newer version,
    which is left as it is.
    """
    found = user_version(connection)
    refuse_newer(found)
    for number in range(found + 1, VERSION + 1):
        script = resources.files("kiket_console.store").joinpath(f"schema/{number:04d}.sql")
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script.read_text('utf-8')}\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.rollback()
            raise


def user_version(connection: sqlite3.Connection) -> int:
    """Return which script ran last in this file; 0 in an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(found: int) -> None:
    """Raise `ConsoleError` when the store was written by a newer program than this one."""
    if found > VERSION:
        raise ConsoleError(
            f"The store has schema version {found}, and this program knows up to {VERSION}.",
            hint="Update kiket-console, or move the store away to start a new one.",
            exit_code=ExitCode.CONFIG,
        )
