"""Read what can still be read of a damaged store into a new one, row by row around the damage.

    through SQLite, by ranges ──► with another first page

A range of rows is copied by one statement; where that fails the range is halved, until the rows
that cannot be read stand alone, or none of some pages in it can be read. A file whose first page
is lost gets that page from an empty store: every store has its tables in the same places. Rows on
pages to which nothing leads any more are left to SQLite's own tool and its `.recover`.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.store import building, files
from kiket_console.store.rows import ATTEMPTS
from kiket_console.telemetry.nouns import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROBES = 16
"""So many places are looked at before a range of rows is given up as a whole."""
_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)  # the latter in SQLite's own message
_RANGE = 8192
_RANGES = 1000
_HEADER_BYTES = 100
_SENSIBLE = 2**40  # a larger key is damage, and would be looked for for ever


class _Rows(NamedTuple):
    """Rows of one table, and by what they are copied in ranges."""

    table: str
    key: str
    words: str
    """What a row must say to be shown; the rest of it may be anything."""
    step: int = 1
    """Between the keys of two exchanges, or moments."""
    among: str = ""
    """Which rows, where the key is only the second part of the table's."""


_ROWS: Final = (
    _Rows("exchange", "id", "typeof(id) = 'integer' AND typeof(started_us) = 'integer'"),
    _Rows("request", "exchange_id", "typeof(headers) = 'text' AND typeof(body) = 'blob'"),
    _Rows("attempt", "id", "typeof(started_us) = 'integer' AND typeof(state) = 'text'", ATTEMPTS),
    _Rows("log", "id", "typeof(at_us) = 'integer'"),
    _Rows("session", "id", "typeof(first_exchange) = 'integer'"),
    _Rows("series", "id", "typeof(name) = 'text'"),
    _Rows("span", "id", "typeof(started_us) = 'integer' AND typeof(attributes) = 'text'"),
    _Rows("reload", "id", "typeof(at_us) = 'integer'"),
    *(
        _Rows(table, "at_s", "typeof(count) = 'integer'", step_s, f" AND step_s = {step_s}")
        for table in ("measure", "sample")
        for step_s in STEPS
    ),
)
_ALL_UNDIGESTED = (
    "UPDATE main.counters SET undigested_log = (SELECT coalesce(max(id), 0) FROM main.log),"
    " undigested_exchange = (SELECT coalesce(max(id), 0) FROM main.exchange)"
)
_UNDIGESTED = (
    "UPDATE main.counters SET (undigested_exchange, undigested_log)"
    " = (SELECT undigested_exchange, undigested_log FROM old.counters)"
)
_COUNTED = (  # without any measure, all is counted anew
    "UPDATE counters SET measured = 1,"
    " measured_us = ifnull((SELECT (at_s + step_s) * 1000000 FROM measure"
    " ORDER BY step_s, at_s DESC LIMIT 1), 0),"
    " uncounted = (SELECT CASE WHEN EXISTS (SELECT 1 FROM measure) THEN 0 ELSE exchange END)"
)
_REQUESTS_OF_VERSION_1 = (
    "CREATE TEMP VIEW request AS SELECT exchange_id, headers, body, size, sha256, truncated, refs"
    " FROM old.message WHERE part = 0"
)


class Salvaged(NamedTuple):
    """How many rows were read from a damaged store; `bare` exchanges came without a request."""

    exchanges: int = 0
    logs: int = 0
    bare: int = 0


def salvage(damaged: Path, target: Path, highest: int) -> Salvaged:
    """Copy what can be read of *damaged*, which stays as it is, into the empty file *target*.

    *highest* is a number that no id in it exceeds.
    """
    building.make_empty(target)
    for source in _readable(damaged, target):
        _copy(source, target, highest)
        salvaged = _count(target)
        if salvaged.exchanges or salvaged.logs:
            break
    return salvaged


def _readable(damaged: Path, target: Path) -> Iterator[Path]:
    """Give the file as it is; then, where its beginning is lost, copies of it with another one."""
    yield damaged
    patched = files.begin(target, "-patched")
    try:
        first_page = target.read_bytes()[: building.PAGE_BYTES]
        for whole_page in (False, True):
            shutil.copyfile(damaged, patched)
            if files.beside(damaged, "-wal").exists():
                shutil.copyfile(files.beside(damaged, "-wal"), files.beside(patched, "-wal"))
            pages = files.size(patched) // building.PAGE_BYTES
            header = bytearray(first_page)
            header[28:32] = pages.to_bytes(4, "big")
            header[32:40] = bytes(8)  # no list of free pages: nothing is written to this copy
            with patched.open("r+b") as file:
                file.write(header if whole_page else header[:_HEADER_BYTES])
            yield patched
    finally:
        for suffix in ("", "-wal", "-shm"):
            files.beside(patched, suffix).unlink(missing_ok=True)


def _copy(source: Path, target: Path, highest: int) -> None:
    """Copy all tables of *source* that can be read."""
    with closing(_connect(target)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # opens a file that was cut short
        with suppress(*_UNREADABLE):  # no page of it can be read
            connection.execute("ATTACH ? AS old", (f"{source.absolute().as_uri()}?mode=ro",))
            is_version_1 = connection.execute("PRAGMA old.table_info(message)").fetchone()
            if is_version_1:
                connection.execute(_REQUESTS_OF_VERSION_1)
            for wanted in _ROWS:
                with suppress(*_UNREADABLE):
                    _Table(connection, target, wanted).copy(highest)
            connection.execute(_ALL_UNDIGESTED if is_version_1 else _UNDIGESTED)
        _make_consistent(connection)


def _connect(target: Path) -> sqlite3.Connection:
    """Open a file that nobody needs before it is whole: without any flush."""
    connection = sqlite3.connect(target.absolute().as_uri(), uri=True, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = MEMORY")
    return connection


class _Table:
    """Copy rows from `old` to `main`, leaving out what cannot be read."""

    def __init__(self, connection: sqlite3.Connection, target: Path, wanted: _Rows) -> None:
        self._connection = connection
        self._target = target
        self._table, self._key = table, key = wanted.table, wanted.key
        self._step, self._among = wanted.step, wanted.among
        new = self._columns("main")
        old, self._source = self._columns("old"), f"old.{table}"
        if not old:
            old, self._source = self._columns("temp"), f"temp.{table}"
        self._is_there = key in old
        shared = ", ".join(column for column in new if column in old)
        self._insert = (
            f"INSERT OR IGNORE INTO main.{table} ({shared}) SELECT {shared} FROM {self._source}"  # noqa: S608 (names of ours)
            f" WHERE {key} BETWEEN ? AND ? AND {wanted.words}{wanted.among}"
        )

    def copy(self, highest: int) -> None:
        """Copy all rows; no key of the table is above *highest*, or what its last row says."""
        if not self._is_there:
            return
        width = _RANGE * self._step
        low, high = self._edge("min", 0), self._edge("max", highest * self._step)
        if self._among and (not low or high - low > _RANGES * width):
            return  # no moments that a clock had
        if not self._is_in_reach(low, high):
            return  # what leads to all rows is lost
        for start in range(low, high + 1, width):
            self._range(start, min(start + width - 1, high))

    def _range(self, low: int, high: int) -> None:
        try:
            self._connection.execute(self._insert, (low, high))
        except _UNREADABLE as error:
            if isinstance(error, sqlite3.Error) and files.is_full(error):
                raise files.unwritable(self._target, str(error)) from error
            if high - low < self._step or not self._is_in_reach(low, high):
                return
            middle = (low + high) // 2
            self._range(low, middle)
            self._range(middle + 1, high)

    def _is_in_reach(self, low: int, high: int) -> bool:
        """Tell whether a page that should hold one of some keys of a range can be read."""
        return any(
            self._can_find(low + (high - low) * part // PROBES) for part in range(PROBES + 1)
        )

    def _can_find(self, key: int) -> bool:
        try:
            self._connection.execute(
                f"SELECT 1 FROM {self._source} WHERE {self._key} = ?{self._among}",  # noqa: S608 (names of ours)
                (key,),
            ).fetchone()
        except _UNREADABLE:
            return False
        return True

    def _edge(self, function: str, otherwise: int) -> int:
        try:
            found = self._connection.execute(
                f"SELECT {function}({self._key}) FROM {self._source} WHERE true{self._among}"  # noqa: S608 (names of ours)
            ).fetchone()[0]
        except _UNREADABLE:
            return otherwise
        return found if isinstance(found, int) and 0 <= found < _SENSIBLE else otherwise

    def _columns(self, schema: str) -> list[str]:
        found = self._connection.execute(f"PRAGMA {schema}.table_info({self._table})")
        return [row[1] for row in found]


def _make_consistent(connection: sqlite3.Connection) -> None:
    """Let each row have what belongs to it, and the counters be what is there.

    An exchange whose request was lost gets an empty one that says that it was cut.
    """
    for statement in (
        "DELETE FROM request WHERE exchange_id NOT IN (SELECT id FROM exchange)",
        f"DELETE FROM attempt WHERE id / {ATTEMPTS} NOT IN (SELECT id FROM exchange)",  # noqa: S608 - ours
        (
            "INSERT OR IGNORE INTO request"
            " SELECT id, '[]', x'', request_bytes, x'', 1, '[]', NULL, NULL FROM exchange"
        ),
        (
            "UPDATE counters SET"
            " exchange = (SELECT coalesce(max(id), 0) FROM exchange),"
            " change = (SELECT coalesce(max(change), 0) FROM exchange),"
            " log = (SELECT coalesce(max(id), 0) FROM log),"
            " exchanges = (SELECT count(*) FROM exchange),"
            " logs = (SELECT count(*) FROM log)"
        ),
        "DELETE FROM measure WHERE series_id NOT IN (SELECT id FROM series)",
        _COUNTED,
    ):
        connection.execute(statement)


def _count(target: Path) -> Salvaged:
    with closing(sqlite3.connect(target)) as connection:
        row = connection.execute(
            "SELECT exchanges, logs, (SELECT count(*) FROM request WHERE"
            " headers = '[]' AND body = x'' AND truncated AND digest IS NULL) FROM counters"
        ).fetchone()
    return Salvaged(*row)
