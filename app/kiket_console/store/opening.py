"""Open the store for writing: private, checked, whole, of the newest schema.

make ready ─► look (read-only) ─► sound: open
├─► older: migrate beside it, put in place, open
├─► damaged: keep it, salvage beside it, put in place, open
└─► newer, or not to be written: refuse
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.errors import ConsoleError
from kiket_console.store import building, files, mark, measuring, schema
from kiket_console.store.batch import read_counters, write_counters
from kiket_console.store.records import Committed
from kiket_console.store.salvage import salvage
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Connect = Callable[..., sqlite3.Connection]  # as `sqlite3.connect`

CHECK_LIMIT_S = 1.5
"""How long the check of a store may take that was not closed, or changed since (0.1 s a 100 MB)."""
SENSIBLE_VERSION = 9999
"""A schema of a higher version than any program's will be is damage."""
UNKNOWN_HIGHEST = 2**22
"""Up to which number rows of a damaged store are looked for when nothing says how many."""

_PRAGMAS = (
    "busy_timeout = 2000",
    "fullfsync = 1",
    "wal_autocheckpoint = 1000",
    "journal_size_limit = 67108864",
    "foreign_keys = ON",
    "secure_delete = FAST",
    "trusted_schema = OFF",
    "cell_size_check = ON",
)
_DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""What SQLite's first look fails with when the content is wrong; all else is about the file."""
_SYNCHRONOUS = {"full": "FULL", "process": "NORMAL"}


class Opened(Struct, frozen=True):
    """The writing connection, where its counters are, and what a person should know."""

    connection: sqlite3.Connection
    newest: Committed
    notes: tuple[str, ...]


class DamagedError(Exception):
    """The store cannot be trusted; the text says what was found."""


def open_store(
    path: Path,
    durability: str = "full",
    connect: Connect | None = None,
    *,
    suspicious: bool = True,
) -> Opened:
    """Return the writing connection, usable from any one thread, in autocommit mode.

    With *durability* `full` a commit is on disk when it returns; with `process` it survives the
    end of this process, but not a power cut. A damaged store is kept under another name, and what
    can be read of it is in the new one; with *suspicious* false a store that was not closed is not
    looked through for damage. Raises `ConsoleError` when the store cannot be written or
    is newer than this program.
    """
    files.make_ready(path)
    seen = mark.read(path)
    notes = []
    try:
        found = _look(path, seen, suspicious=suspicious)
        if found is None:
            if seen is not None and seen.newest.exchanges:
                notes.append(
                    f"The store {path} is gone, and with it "
                    f"{plural(seen.newest.exchanges, 'exchange')}; a new one was begun."
                )
            building.create(path)
        elif found < schema.VERSION:
            notes.append(building.migrate(path, found))
    except DamagedError as damage:
        notes.append(_replace_damaged(path, seen, str(damage)))
    network = files.network_kind(path.parent)
    if network:
        notes.append(
            f"The store is on a network file system ({network}), where its files cannot be "
            "locked safely: set XDG_STATE_HOME to a folder on a local disk."
        )
    try:
        connection = _connect(
            path, durability, connect or sqlite3.connect, "DELETE" if network else "WAL"
        )
    except sqlite3.Error as error:
        raise files.unwritable(path, str(error)) from error
    try:
        newest = _count_on(connection, seen)
    except sqlite3.Error as error:
        connection.close()
        raise files.unwritable(path, str(error)) from error
    return Opened(connection, newest, tuple(notes))


def _connect(
    path: Path, durability: str, connect: Connect, journal_mode: str
) -> sqlite3.Connection:
    connection = connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        measuring.prepare(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _look(path: Path, seen: mark.Seen | None, *, suspicious: bool) -> int | None:
    """Return the schema version of the store at *path*, None without one; change nothing.

    Raises `DamagedError`, or `ConsoleError` for a newer version.
    """
    if not path.exists():
        return None
    if not files.size(path):
        if seen is None or not (seen.newest.exchanges or seen.newest.logs):
            return None
        raise DamagedError("it is empty")
    was_closed = seen is not None and seen.clean is not None and seen.clean == mark.clean_end(path)
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA cell_size_check = ON")
            found = schema.user_version(connection)
            if found > SENSIBLE_VERSION:
                raise DamagedError("its version is none")
            schema.refuse_newer(found)
            if suspicious and not was_closed:
                _check(connection)
            if found == schema.VERSION:
                _compare(read_counters(connection), seen)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _DAMAGE:
            raise files.unwritable(path, str(error)) from error
        raise DamagedError(str(error)) from error
    except UnicodeDecodeError as error:  # in SQLite's own message, which quotes what it found
        raise DamagedError("not even what is wrong with it can be read") from error
    if found < 1:
        raise DamagedError("it is not one of ours")
    return found


def _check(connection: sqlite3.Connection) -> None:
    """Look for damage, for at most `CHECK_LIMIT_S`; raises `DamagedError` when there is some."""
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
        raise DamagedError(found.splitlines()[-1])  # before it there is a heading


def _compare(there: Committed, seen: mark.Seen | None) -> None:
    """Raise `DamagedError` when less is there than was committed."""
    if seen is not None and there.newest_change + there.newest_log < (
        seen.newest.newest_change + seen.newest.newest_log
    ):
        raise DamagedError("the newest of what was recorded is missing")


def _replace_damaged(path: Path, seen: mark.Seen | None, finding: str) -> str:
    """Put a new store with what can be read in place of a damaged one; say both."""
    kept = files.keep_damaged(path)
    newest = Committed(0, 0, 0) if seen is None else seen.newest
    highest = max(newest.newest_exchange, newest.newest_log) * 4 or UNKNOWN_HIGHEST
    target = files.begin(path)
    try:
        salvaged = salvage(kept, target, highest)
        files.put_in_place(target, path)
    except (ConsoleError, sqlite3.Error, OSError) as error:  # no room: it stands where it stood
        files.forget(kept)
        if isinstance(error, ConsoleError):
            raise
        raise files.unwritable(path, str(error)) from error
    finally:
        target.unlink(missing_ok=True)
    bare = f" ({salvaged.bare:,} without their request)" if salvaged.bare else ""
    missing = ""
    if seen is not None:
        lost = max(0, newest.exchanges - salvaged.exchanges), max(0, newest.logs - salvaged.logs)
        missing = (
            f"; {plural(lost[0], 'exchange')} and {plural(lost[1], 'log line')} could not be "
            "(SQLite's own `.recover` may find more in it)"
            if any(lost)
            else "; none is missing"
        )
    exchanges = plural(salvaged.exchanges, "exchange") + bare
    logs = plural(salvaged.logs, "log line")
    return (
        f"The store was damaged ({finding}) and is kept as {kept}; {exchanges} and {logs} were "
        f"read from it into a new one{missing}."
    )


def _count_on(connection: sqlite3.Connection, seen: mark.Seen | None) -> Committed:
    """Return the counters, moved on to what the mark says, so that no number is given twice."""
    there = read_counters(connection)
    if seen is None:
        return there
    newest = Committed(
        max(there.newest_exchange, seen.newest.newest_exchange),
        max(there.newest_change, seen.newest.newest_change),
        max(there.newest_log, seen.newest.newest_log),
        0,
        there.exchanges,
        there.logs,
    )
    if newest != there:
        connection.execute("BEGIN IMMEDIATE")
        write_counters(connection, newest)
        connection.execute("COMMIT")
    return newest
