"""Read the store from another process, or another thread: pages by id, never by offset."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Detail, Exchange
from kiket_console.store import files, rows, schema
from kiket_console.store.filter_reading import FilterReading
from kiket_console.store.log_reading import LogReading
from kiket_console.store.measure_reading import MeasureReading
from kiket_console.store.ordered_reading import OrderedReading
from kiket_console.store.place_reading import PlaceReading
from kiket_console.store.trace_reading import TraceReading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from kiket_console.model import Headers

CHILDREN_LIMIT = 500
"""Of one exchange's children, the oldest that are read with it."""

BUSY_S = 8.0
"""How long a read waits for the writer, which only holds readers up on a network file system."""
_RUN = 65536
"""So many ids are looked at together; counting them costs a tenth of fetching them."""
_LIVE = "FROM exchange INDEXED BY exchange_live WHERE deleted_us IS NULL AND id BETWEEN ? AND ?"
_LIST = 500
"""How many values a statement's list takes; any SQLite can hold as many."""


class Received(NamedTuple):
    """A delivery that came from outside, or what is known of one: by that it is known again."""

    exchange_id: int
    worker: str
    name: str
    version: str
    started_us: int
    duplicate_of: int | None
    headers: Headers
    sha256: bytes


class Reader(
    FilterReading, LogReading, MeasureReading, OrderedReading, PlaceReading, TraceReading,
):  # fmt: skip
    """Read-only pages of the store at *path*; usable from several threads.

    While there is no store yet it behaves as an empty one, and opens it when it appears; it never
    makes a file of its own accord. When another file takes the store's place, it reads that one.
    Removed exchanges are nowhere. Raises `ConsoleError` for a store that cannot be read. Close
    it when done, or use it as `with Reader(path) as reader`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of what is open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; reading again opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def newest(self) -> tuple[int, int, int]:
        """Return the newest exchange id, change number and log id; zeros when there is none."""
        found = self._rows("SELECT exchange, change, log FROM counters")
        return (found[0][0], found[0][1], found[0][2]) if found else (0, 0, 0)

    def oldest(self) -> int:
        """Return the oldest exchange's id, deleted or not; 0 when there is none."""
        found = self._rows("SELECT min(id) FROM exchange")
        return found[0][0] or 0 if found else 0

    def ids(self, after: int = 0) -> array[int]:
        """Return the ids above *after* of all exchanges that are not deleted, ascending."""
        found = array("q")
        bounds = self._rows("SELECT exchange, (SELECT min(id) FROM exchange) FROM counters")
        if not bounds or bounds[0][1] is None:
            return found
        newest, oldest = bounds[0]
        for low in range(max(after + 1, oldest), newest + 1, _RUN):
            high = min(low + _RUN - 1, newest)
            counted = self._rows(f"SELECT count(*) {_LIVE}", (low, high))
            count = counted[0][0] if counted else 0
            if count == high - low + 1:  # nearly always: nothing was removed, none was skipped
                found.extend(range(low, high + 1))
            elif count:
                found.extend(self._ids(f"SELECT id {_LIVE} ORDER BY id", (low, high)))
        return found

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        """Return these exchanges, in this order; those that are gone are left out."""
        found = {
            row[0]: row
            for at in range(0, len(ids), _LIST)
            for row in self._rows(
                f"SELECT {rows.EXCHANGE_COLUMNS} FROM exchange"  # noqa: S608 (our constant)
                f" WHERE id IN ({_marks(ids[at : at + _LIST])}) AND deleted_us IS NULL",
                ids[at : at + _LIST],
            )
        }
        return [rows.exchange(found[each]) for each in ids if each in found]

    def changed(self, after_change: int, among: Sequence[int]) -> list[int]:
        """Return which of the exchanges *among* have changed since *after_change*."""
        return [
            row[0]
            for row in self._rows(
                "SELECT id FROM exchange WHERE id IN (SELECT value FROM json_each(?))"
                " AND change > ? ORDER BY id",
                (json.dumps(list(among)), after_change),
            )
        ]

    def family(self, ids: Sequence[int]) -> list[int]:
        """Return which of these exchanges, and of what they caused, are there."""
        chosen = json.dumps(list(ids))
        found = self._rows(
            "SELECT id FROM exchange WHERE (id IN (SELECT value FROM json_each(?))"
            " OR parent_id IN (SELECT value FROM json_each(?)))"
            " AND +deleted_us IS NULL ORDER BY id",  # by that index it would read all there are
            (chosen, chosen),
        )
        return [row[0] for row in found]

    def removed(self, ids: Sequence[int]) -> list[int]:
        """Return which of these exchanges were removed, and what they caused that went along."""
        chosen = json.dumps(list(ids))
        found = self._rows(
            "SELECT id FROM exchange"
            " WHERE id IN (SELECT value FROM json_each(?)) AND deleted_us IS NOT NULL"
            " UNION SELECT child.id FROM exchange AS child JOIN exchange AS cause"
            " ON child.parent_id = cause.id AND child.deleted_us = cause.deleted_us"
            " WHERE cause.id IN (SELECT value FROM json_each(?)) ORDER BY 1",
            (chosen, chosen),
        )
        return [row[0] for row in found]

    def recent(self, limit: int) -> list[Exchange]:
        """Return the newest *limit* exchanges, newest first."""
        return self._exchanges("WHERE deleted_us IS NULL ORDER BY id DESC LIMIT ?", (limit,))

    def waiting(self) -> list[int]:
        """Return the deliveries that are to be tried again, the next one first."""
        found = self._rows(
            "SELECT id FROM exchange WHERE next_try_us > 0 AND deleted_us IS NULL"
            " ORDER BY next_try_us, id"
        )
        return [row[0] for row in found]

    def captures(self, within: int = 50_000) -> list[Exchange]:
        """Return the newest delivery of each event, version and worker that is no replay.

        Newest first; only the newest *within* exchanges are looked at.
        """
        found = self._rows(
            "SELECT max(id) FROM exchange WHERE id > (SELECT exchange FROM counters) - ?"
            " AND source = 'webhook' AND replay_of IS NULL AND deleted_us IS NULL"
            " GROUP BY worker, name, version",
            (within,),
        )
        return self.page(sorted((row[0] for row in found), reverse=True))

    def received(self, limit: int) -> list[Received]:
        """Return the deliveries that are no replays among the newest *limit* exchanges, in order.

        An engine sends none under the id of another; those of one need not be told apart.
        """
        found = self._rows(
            "SELECT id, worker, name, version, started_us, duplicate_of, headers, sha256"
            " FROM exchange JOIN request ON exchange_id = id"
            " WHERE id > (SELECT exchange FROM counters) - ? AND source = 'webhook'"
            " AND replay_of IS NULL ORDER BY id",
            (limit,),
        )
        return [
            Received(each, worker, name, version, at_us, first, rows.headers(text), bytes(sha256))
            for each, worker, name, version, at_us, first, text, sha256 in found
        ]

    def exchange(self, exchange_id: int) -> Exchange | None:
        """Return one exchange, or None when there is none of that id."""
        found = self.page([exchange_id]) if exchange_id in rows.IDS else []
        return found[0] if found else None

    def stored_bytes(self, exchange_id: int) -> int:
        """Return how many bytes the stored bodies of an exchange have, without reading them."""
        found = self._rows(
            "SELECT (SELECT coalesce(sum(length(body)), 0) FROM request WHERE exchange_id = ?)"
            " + (SELECT coalesce(sum(length(body)), 0) FROM attempt WHERE id BETWEEN ? AND ?)",
            (exchange_id, *_attempts_of(exchange_id)),
        )
        return int(found[0][0]) if found else 0

    def known(self, exchange_id: int) -> Detail:
        """Return all that is known of one exchange; raises `ConsoleError` when there is none."""
        found = self.detail(exchange_id)
        if found is None:
            raise ConsoleError(
                f"No exchange {exchange_id} is recorded for this project.",
                hint="`kiket-console traffic list` lists those that are.",
                exit_code=ExitCode.USAGE,
            )
        return found

    def detail(self, exchange_id: int, at_most: int = -1) -> Detail | None:
        """Return all that is known of one exchange, or None when there is none of that id.

        *at_most*: so many bytes of each body, -1 for all; what is left says `Body.unread`.
        """
        found = self.exchange(exchange_id)
        if found is None:
            return None
        body = "body" if at_most < 0 else f"substr(body, 1, {at_most})"
        request = self._rows(
            f"SELECT headers, {body}, size, sha256, truncated, refs, verdict, attempts, target,"  # noqa: S608 (a number)
            " tried_us, length(body) FROM request, exchange"
            " WHERE exchange_id = ? AND id = exchange_id",
            (exchange_id,),
        )
        ended = self._rows(
            f"SELECT id, target, started_us, state, status, duration_us, error, headers, {body},"  # noqa: S608 (a number)
            " size, sha256, truncated, refs, length(body) FROM attempt"
            " WHERE id BETWEEN ? AND ? ORDER BY id",
            _attempts_of(exchange_id),
        )
        children = self._exchanges(
            "WHERE parent_id = ? AND deleted_us IS NULL ORDER BY id LIMIT ?",
            (exchange_id, CHILDREN_LIMIT),
        )
        if not request:
            return None  # deleted between two of these reads
        attempts = [rows.attempt(row) for row in ended]
        under_way = rows.attempt_under_way(exchange_id, request[0][7:10])
        if under_way is not None and under_way.number > (attempts[-1].number if attempts else 0):
            attempts.append(under_way)
        return Detail(
            found,
            rows.message(request[0], request[0][10]),
            rows.judgement(request[0][6]),
            tuple(attempts),
            tuple(children),
        )

    def _exchanges(self, where: str, values: Sequence[Any]) -> list[Exchange]:
        sql = f"SELECT {rows.EXCHANGE_COLUMNS} FROM exchange {where}"  # noqa: S608 (ours)
        return [rows.exchange(row) for row in self._rows(sql, values)]

    def _ids(self, sql: str, values: Sequence[Any]) -> array[int]:
        return array("q", [row[0] for row in self._rows(sql, values)])

    def _rows(
        self,
        sql: str,
        values: Sequence[Any] = (),
        functions: Mapping[str, tuple[int, Callable[..., Any]]] | None = None,
    ) -> list[tuple[Any, ...]]:
        """Run one statement to its end, so that no read transaction stays open."""
        with self._lock:
            try:
                connection = self._current()
                if connection is None:
                    return []
                for name, (count, function) in (functions or {}).items():
                    connection.create_function(name, count, function, deterministic=True)
                try:
                    return connection.execute(sql, values).fetchall()
                except sqlite3.OperationalError as error:
                    if not str(error).startswith("Could not decode to UTF-8"):
                        raise
                    connection.text_factory = _text  # slower, and only where a byte has changed
                    return connection.execute(sql, values).fetchall()
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                raise ConsoleError(
                    f"The store {self._path} cannot be read: {error}.",
                    hint="If it is damaged, the next start of the engine keeps it aside and reads "
                    "what it can from it.",
                    exit_code=ExitCode.VERIFICATION,
                ) from error

    def _current(self) -> sqlite3.Connection | None:
        """Return a connection to the file that is at the path now: it may have been replaced."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            found = None
        file = None if found is None else (found.st_dev, found.st_ino)
        if self._connection is not None and file != self._file:
            self._connection.close()
            self._connection = None
        if self._connection is None and file is not None:
            self._connection = _open(self._path)
            self._file = file
        return self._connection


def _attempts_of(exchange_id: int) -> tuple[int, int]:
    """Return the lowest and the highest id that an attempt of an exchange can have."""
    return exchange_id * rows.ATTEMPTS, exchange_id * rows.ATTEMPTS + rows.ATTEMPTS - 1


def _marks(values: Sequence[int]) -> str:
    return ",".join("?" * len(values))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _open(path: Path) -> sqlite3.Connection | None:
    """Open the store, or return None while it has no schema that can be read, or not yet."""
    # Where nobody can write, SQLite cannot make the memory that readers and the writer share; a
    # store that was closed can be read without.
    fixed = not os.access(path.parent, os.W_OK) and not files.size(files.beside(path, "-wal"))
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if fixed else ''}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_S,
    )
    try:
        found = schema.user_version(connection)
        schema.refuse_newer(found)
    except BaseException:
        connection.close()
        raise
    if found < schema.VERSION:
        connection.close()
        return None
    return connection
