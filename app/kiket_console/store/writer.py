"""The one connection that writes, in a thread of its own, committing in groups.

    submit(rows) ──► queue (bounded) ──► drain ──► one transaction ──► all futures of the batch
    check_room(…) ─ put(rows, ticket) ──► the same ──► on_settled(all tickets of the batch)

A submission is durable when its future has a result: with `synchronous=FULL` each commit is
flushed before it returns. A commit that fails fails every submission in it, and the file is
opened and checked anew before the next one is tried.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from kiket_console.errors import ConsoleError
from kiket_console.model import State
from kiket_console.store import opening, rows
from kiket_console.store.records import (
    AttemptEnd,
    Committed,
    NewAttempt,
    NewExchange,
    NewLog,
    Remove,
    Restore,
    Row,
    SetPinned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

QUEUE_ROWS = 4096
QUEUE_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 512
BATCH_BYTES = 4 * 1024 * 1024
GATHER_S = 0.002
"""How long a busy writer waits for company before it commits; an idle one does not wait."""


class StoreBusyError(ConsoleError):
    """More is waiting to be written than the store takes in time."""


class StoreFailedError(ConsoleError):
    """What was to be written is not in the store.

    `status` is what a sender is answered: 507 when the disk is full, else 503.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 503) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(slots=True)
class _Submission:
    rows: Sequence[Row]
    cost: int
    future: Future[Committed] | None
    ticket: object = None


class Writer:
    """Write records to the store at *path*, in the order in which they are submitted.

    *durability*: see `opening.open_store`. Opening marks what a dead engine left under way as
    interrupted. Raises `ConsoleError` when the store cannot be used.
    """

    def __init__(self, path: Path, durability: str = "full") -> None:
        self._path = path
        self._durability = durability
        self._connection: sqlite3.Connection | None = opening.open_store(path, durability)
        self._waiting: queue.SimpleQueue[_Submission | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._closed = False
        self.on_commit: Callable[[Committed], None] | None = None
        """Called in the writer's thread after each commit; must not raise."""
        self.on_settled: Callable[[Sequence[object], StoreFailedError | None], None] | None = None
        """Called there too, once for each batch, with the tickets of what was `put` in it and why
        it is not in the store, None when it is; must not raise."""
        self.trouble = ""
        """What is wrong with the store, in one sentence; empty while all is well."""
        self.commits = 0
        self.interrupted = _interrupt_unfinished(self._connection)
        """How many exchanges an earlier engine left unfinished."""
        self.notes: tuple[str, ...] = ()
        """What a person should know about how the store was found, in sentences."""
        self.newest = _newest(self._connection)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, new_rows: Sequence[Row]) -> Future[Committed]:
        """Queue *new_rows*, to be committed together; never blocks.

        Raises `StoreBusyError` when too much is waiting, `StoreFailedError` when the writer ended.
        """
        future: Future[Committed] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up changes nothing
        cost = sum(row.cost for row in new_rows)
        with self._lock:
            self._refuse_overflow(len(new_rows), cost)
            self._queue(_Submission(new_rows, cost, future))
        return future

    def check_room(self, rows: int, cost: int) -> None:
        """Raise what `submit` would for so much more, before work for it is taken on."""
        with self._lock:
            self._refuse_overflow(rows, cost)

    def put(self, new_rows: Sequence[Row], ticket: object) -> None:
        """Queue rows for which there was room when their exchange came; tell `on_settled`.

        One call for a whole batch costs a busy engine far less than a future for each submission.
        Raises `StoreFailedError` when the writer ended.
        """
        cost = sum(row.cost for row in new_rows)
        with self._lock:
            self._refuse_closed()
            self._queue(_Submission(new_rows, cost, None, ticket))

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreFailedError(f"The store {self._path} is closed; nothing more is recorded.")

    def _refuse_overflow(self, rows: int, cost: int) -> None:
        self._refuse_closed()
        if self._waiting_rows + rows > QUEUE_ROWS or self._waiting_bytes + cost > QUEUE_BYTES:
            raise StoreBusyError(
                f"The store cannot keep up: {self._waiting_rows:,} rows wait to be written.",
                hint="Send it again in a second.",
            )

    def _queue(self, submission: _Submission) -> None:
        self._waiting_rows += len(submission.rows)
        self._waiting_bytes += submission.cost
        self._waiting.put(submission)

    def close(self) -> None:
        """Write what waits, then close the file; returns when that is done."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        busy = False
        try:
            while (first := self._waiting.get()) is not None:
                if busy:
                    time.sleep(GATHER_S)
                batch, ended = self._drain(first)
                self._write(batch)
                busy = len(batch) > 1
                if ended:
                    break
            self._checkpoint()
        finally:
            self._end()

    def _drain(self, first: _Submission) -> tuple[list[_Submission], bool]:
        """Take what waits, up to a batch; tell whether the end came with it."""
        batch, count, cost = [first], len(first.rows), first.cost
        while count < BATCH_ROWS and cost < BATCH_BYTES:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                return batch, False
            if following is None:
                return batch, True
            batch.append(following)
            count += len(following.rows)
            cost += following.cost
        return batch, False

    def _write(self, batch: list[_Submission]) -> None:
        """Commit *batch* and settle its futures, one way or the other."""
        failure: StoreFailedError | None = None
        committed = self.newest
        try:
            if self._connection is None:
                self._connection = opening.open_store(self._path, self._durability)
                opening.check(self._connection, self._path)
            committed = self._commit(self._connection, batch)
        except ConsoleError as error:
            failure = StoreFailedError(error.message, hint=error.hint)
        except sqlite3.Error as error:
            failure = StoreFailedError(
                f"The store {self._path} could not be written: {error}.",
                hint="Is the disk full? Nothing is accepted until it can be written again.",
                status=507 if _is_full(error) else 503,
            )
        except Exception as error:  # what one row holds must not end the thread of all others
            failure = StoreFailedError(
                f"A row could not be written to the store: {type(error).__name__}.",
                hint="Please report this.",
            )
        finally:
            with self._lock:
                self._waiting_rows -= sum(len(each.rows) for each in batch)
                self._waiting_bytes -= sum(each.cost for each in batch)
        if failure is not None:
            self.trouble = failure.message
            self._forget_connection()
            self._settle(batch, failure, committed)
            return
        self.trouble = ""
        self.commits += 1
        self.newest = committed
        self._settle(batch, None, committed)
        if self.on_commit is not None:
            self.on_commit(committed)

    def _settle(
        self, batch: Sequence[_Submission], failure: StoreFailedError | None, committed: Committed
    ) -> None:
        tickets: list[object] = []
        for each in batch:
            if each.future is None:
                tickets.append(each.ticket)
            elif failure is not None:
                each.future.set_exception(failure)
            else:
                each.future.set_result(committed)
        if tickets and self.on_settled is not None:
            self.on_settled(tickets, failure)

    def _commit(self, connection: sqlite3.Connection, batch: Sequence[_Submission]) -> Committed:
        exchange_id, change, log_id, removals = (
            self.newest.newest_exchange,
            self.newest.newest_change,
            self.newest.newest_log,
            self.newest.removals,
        )
        connection.execute("BEGIN IMMEDIATE")
        for each in batch:
            for row in each.rows:
                match row:
                    case NewExchange():
                        change += 1
                        exchange_id = max(exchange_id, row.id)
                        rows.insert_exchange(connection, row, change)
                    case NewAttempt():
                        change += 1
                        rows.insert_attempt(connection, row, change)
                    case AttemptEnd():
                        change += 1
                        rows.end_attempt(connection, row, change)
                    case NewLog():
                        log_id += 1
                        rows.insert_log(connection, row, log_id)
                    case SetPinned():
                        change += 1
                        rows.set_pinned(connection, row, change)
                    case Remove():
                        change += 1
                        if rows.set_removed(connection, row.exchange_ids, row.at_us, change):
                            removals += 1
                    case Restore():
                        change += 1
                        if rows.set_removed(connection, row.exchange_ids, None, change):
                            removals += 1
                    case _:
                        assert_never(row)
        connection.execute("COMMIT")
        return Committed(exchange_id, change, log_id, removals)

    def _checkpoint(self) -> None:
        """Empty the log into the file: an empty log is how the next start knows a clean end."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # the log is kept, and read again
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _forget_connection(self) -> None:
        """Close a connection that failed; closing rolls its transaction back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self) -> None:
        """Close the file, and leave nobody waiting, whatever ended this thread."""
        with self._lock:
            if not self._closed:
                self.trouble = "The thread that writes the store has ended; restart the engine."
            self._closed = True
        left: list[_Submission] = []
        with contextlib.suppress(queue.Empty):
            while True:
                following = self._waiting.get_nowait()
                left += [following] if following is not None else []
        closed = StoreFailedError(f"The store {self._path} was closed.")
        self._settle(left, closed, self.newest)
        self._forget_connection()


def _interrupt_unfinished(connection: sqlite3.Connection) -> int:
    """Mark what was under way when an engine ended; return how many exchanges that were."""
    connection.execute("BEGIN IMMEDIATE")
    change = connection.execute("SELECT max(change) FROM exchange").fetchone()[0] or 0
    unfinished = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM exchange WHERE state IN ('received', 'held') ORDER BY id"
        )
    ]
    for offset, exchange_id in enumerate(unfinished, start=1):
        connection.execute(
            "UPDATE exchange SET state = ?, change = ? WHERE id = ?",
            (State.INTERRUPTED, change + offset, exchange_id),
        )
        connection.execute(
            "UPDATE attempt SET state = ?, error = ? WHERE exchange_id = ? AND state = ?",
            (
                State.INTERRUPTED,
                "The engine ended before an answer was recorded.",
                exchange_id,
                State.RECEIVED,
            ),
        )
    connection.execute("COMMIT")
    return len(unfinished)


def _is_full(error: sqlite3.Error) -> bool:
    """Tell whether there is no room: the disk, a quota or a limit on the file's size."""
    return getattr(error, "sqlite_errorcode", 0) in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
    }


def _newest(connection: sqlite3.Connection) -> Committed:
    """Return the highest numbers ever given, those of deleted rows included."""
    given = dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))
    change = connection.execute("SELECT max(change) FROM exchange").fetchone()[0] or 0
    return Committed(given.get("exchange", 0), change, given.get("log", 0))
