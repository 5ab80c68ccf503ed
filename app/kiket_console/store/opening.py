"""Open the store for writing: make it private, check it, bring it to the newest schema."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.store import schema

if TYPE_CHECKING:
    from pathlib import Path

CHECK_LIMIT_S = 3.0
"""How long the check after an unclean end may take (about 0.1 s per 100 MB)."""

_PRAGMAS = (
    "busy_timeout = 2000",
    "journal_mode = WAL",
    "fullfsync = 1",
    "wal_autocheckpoint = 1000",
    "journal_size_limit = 67108864",
    "foreign_keys = ON",
    "trusted_schema = OFF",
    "cell_size_check = ON",
)
_SYNCHRONOUS = {"full": "FULL", "process": "NORMAL"}


def open_store(path: Path, durability: str = "full") -> sqlite3.Connection:
    """Return the writing connection, usable from any one thread, in autocommit mode.

    With *durability* `full` a commit is on disk when it returns; with `process` it survives the
    end of this process, but not a power cut.

    A new file is 0600 and its folder is flushed; a file that an engine left in a hurry is
    checked. Raises `ConsoleError` when the store cannot be written, is damaged or is newer than
    this program; a file that cannot be used is left as it is.
    """
    _make_private(path)
    unclean = _size(path.with_name(path.name + "-wal")) > 0
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unwritable(path, str(error)) from error
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        if unclean:
            check(connection, path)
        schema.migrate(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        raise _unwritable(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise damaged(path, str(error)) from error
    except ConsoleError:
        connection.close()
        raise
    return connection


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage, for at most `CHECK_LIMIT_S`; raises `ConsoleError` when there is some."""
    deadline = time.monotonic() + CHECK_LIMIT_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        raise damaged(path, found.splitlines()[-1])  # before it there is a heading


def damaged(path: Path, finding: str) -> ConsoleError:
    """Return the error that says that the store at *path* is damaged."""
    return ConsoleError(
        f"The store {path} is damaged ({finding}); it was left as it is.",
        hint="Move it away to start a new one, and keep it: most of it may be readable.",
        exit_code=ExitCode.VERIFICATION,
    )


def _make_private(path: Path) -> None:
    try:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
                raise ConsoleError(
                    f"The store {path} is not a file of yours.",
                    hint="Move it away and start again.",
                    exit_code=ExitCode.CONFIG,
                ) from None
            if stat.S_IMODE(found.st_mode) != 0o600:
                path.chmod(0o600)
            return
        os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # a new name survives a power cut only when its folder was flushed
        finally:
            os.close(folder)
    except OSError as error:
        raise _unwritable(path, error.strerror or type(error).__name__) from error


def _unwritable(path: Path, reason: str) -> ConsoleError:
    return ConsoleError(
        f"The store {path} cannot be written: {reason}.",
        hint="Make its folder writable, or set XDG_STATE_HOME to one that is.",
        exit_code=ExitCode.CONFIG,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
