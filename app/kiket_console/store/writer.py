"""The one connection that writes, in a thread of its own, committing in groups.

    submit(rows) ──► intake (bounded) ──► batch ──► one transaction ──► all futures of the batch
    check_room(…) ─ put(rows, ticket) ──► the same ──► on_settled(all tickets of the batch)
    tend(step) ──► between two batches, in a transaction of its own

A submission is durable when its future has a result: with `synchronous=FULL` each commit is
flushed before it returns. When a commit fails, all of it fails; nothing more is accepted until the
file was opened and checked anew and a commit went through, which is tried every `RETRY_S`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ConsoleError
from kiket_console.store import files, mark, opening, purging, recovery
from kiket_console.store.batch import Batch, Running, write_counters
from kiket_console.store.intake import (
    FAILED,
    FULL,
    Chore,
    Intake,
    StoreBusyError,
    StoreFailedError,
    Submission,
)
from kiket_console.store.records import Committed, NewLog, cost_of
from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kiket_console.store.purging import Purged
    from kiket_console.store.records import Row

__all__ = ["StoreBusyError", "StoreFailedError", "Writer"]

GATHER_S = 0.002
"""How long a busy writer waits for company before it commits; an idle one does not wait."""
RETRY_S = 0.5
"""How often a store that failed is tried again; in between, everything is refused at once."""
RUNNING = 8192
"""So many attempts under way are remembered; others are looked up when they end."""
PURGE_LIMIT_S = 1.0
"""How long a clean stop may take to delete what was removed; the rest goes after the next start."""


class Writer:
    """Write records to the store at *path*, in the order in which they are submitted.

    *durability*: see `opening.open_store`. Opening marks what a dead engine left under way as
    interrupted. *connect* opens the file, as `sqlite3.connect` does by default. Raises
    `ConsoleError` when the store cannot be used.
    """

    def __init__(
        self,
        path: Path,
        durability: str = "full",
        *,
        connect: opening.Connect | None = None,
    ) -> None:
        self._path = path
        self._open_store = partial(opening.open_store, path, durability, connect)
        opened = self._open_store()
        self._connection: sqlite3.Connection | None = opened.connection
        self._number = files.number(path)
        self._intake = Intake(path)
        self.on_commit: Callable[[Committed], None] | None = None
        """Called in the writer's thread after each commit; must not raise."""
        self.on_settled: Callable[[Sequence[object], StoreFailedError | None], None] | None = None
        """Called there too, once for each batch, with the tickets of what was `put` in it and why
        it is not in the store, None when it is; must not raise."""
        self.trouble = ""
        """What is wrong with the store, in one sentence; empty while all is well."""
        self.outages, self.last_trouble = 0, ""
        """How often there was `trouble`, and what it was last."""
        self.commits = 0
        self.notes = opened.notes
        """What a person should know about how the store was found, in sentences."""
        try:
            found = recovery.begin_session(opened.connection, opened.newest)
        except sqlite3.Error as error:
            opened.connection.close()
            raise files.unwritable(path, str(error)) from error
        self.interrupted, self.newest = found
        """How many exchanges an earlier engine left unfinished; where the counters are."""
        self.written_us = time.time_ns() // 1000
        """When it was last written, by the wall clock."""
        self._mark = mark.Mark(path)
        self._mark.write(self.newest)
        self._failure: StoreFailedError | None = None
        self._failed_us = 0
        self._failed_s = 0.0
        self._retry_at = 0.0
        self._refused = 0
        self._untold: tuple[str, ...] = ()
        self._running: Running = {}
        self._in_hand: Sequence[Submission] = ()
        self._purged = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def trouble_since_us(self) -> int:
        """Since when there is `trouble`; 0 while all is well."""
        return self._failed_us if self.trouble else 0

    def submit(self, new_rows: Sequence[Row], *, at_end: bool = False) -> Future[Committed]:
        """Queue *new_rows*, to be committed together; never blocks.

        Raises `StoreBusyError` when too much is waiting, unless this is an orderly *at_end*, and
        `StoreFailedError` when the writer ended.
        """
        future: Future[Committed] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up changes nothing
        self._intake.put(Submission(new_rows, cost_of(new_rows), future), checked=at_end)
        return future

    def check_room(self, rows: int, cost: int) -> None:
        """Raise what `submit` would for so much more, before work for it is taken on."""
        self._intake.check_room(rows, cost)

    def put(self, new_rows: Sequence[Row], cost: int, ticket: object) -> None:
        """Queue rows for which there was room when their exchange came; tell `on_settled`.

        *cost* is theirs (see `cost_of`). One call for a whole batch costs a busy engine far less
        than a future for each submission. Raises `StoreFailedError` when the writer ended.
        """
        self._intake.put(Submission(new_rows, cost, None, ticket), checked=True)

    def tend(self, step: Callable[[sqlite3.Connection], Purged]) -> Future[Purged]:
        """Do *step* between two batches, in a transaction of its own; it should be short.

        Raises `StoreFailedError` when the writer ended.
        """
        chore = Chore(step)
        chore.future.set_running_or_notify_cancel()
        self._intake.put_chore(chore)
        return chore.future

    def close(self) -> None:
        """Write what waits, then close the file; returns when that is done."""
        self._intake.close()
        self._thread.join()

    def _run(self) -> None:
        busy = False
        try:
            while not self._intake.ended:
                found = self._intake.first(RETRY_S if self._failure else None)
                if isinstance(found, Submission):
                    if busy:
                        time.sleep(GATHER_S)
                    batch = self._intake.batch(found)
                    self._write(batch)
                    busy = len(batch) > 1
                elif found is not None:
                    self._tend(found)
                elif self._failure is not None and not self._intake.ended:
                    self._write([])
            self._finish()
        finally:
            self._end()

    def _write(self, batch: Sequence[Submission]) -> None:
        """Commit *batch* and settle it, one way or the other; an empty one tries the store."""
        self._in_hand = batch
        if self._failure is not None and time.monotonic() < self._retry_at:
            self._settle(batch, self._failure)
            return
        try:
            committed = self._commit(batch)
        except (ConsoleError, sqlite3.OperationalError, sqlite3.InternalError) as error:
            self._fail(batch, error)
        except sqlite3.DatabaseError as error:
            if type(error) is sqlite3.DatabaseError:  # the file is damaged, or no database
                self._fail(batch, error)
            else:
                self._write_each(batch, error)
        except Exception as error:  # what one row holds must not end the thread of all others
            self._write_each(batch, error)
        else:
            self.commits += 1
            self.written_us = time.time_ns() // 1000
            self._untold = ()
            if len(self._running) > RUNNING:
                self._running.clear()
            self.newest = committed
            self._failure = None
            self.trouble = ""
            self._settle(batch, None)
            self._mark.write(committed)
            if self.on_commit is not None:
                self.on_commit(committed)

    def _commit(self, batch: Sequence[Submission]) -> Committed:
        connection = self._connection
        if connection is not None and files.number(self._path) != self._number:
            self._forget_connection()  # removed or replaced: what it took now would be nowhere
            self._running.clear()
            connection = None
        if connection is None:
            connection = self._connection = self._open_anew()
        connection.execute("BEGIN IMMEDIATE")
        rows = Batch(connection, self.newest, self._running)
        for note in (*self._untold, *self._outage()):
            rows.add(_log(note))
        for each in batch:
            for row in each.rows:
                rows.add(row)
        committed = rows.write()
        connection.execute("COMMIT")
        return committed

    def _open_anew(self) -> sqlite3.Connection:
        """Open the file that is there by now, or begin one; raises as `open_store`."""
        self._mark.close()
        self._mark = mark.Mark(self._path)
        self._mark.write(self.newest)  # it may be gone as well, and says what there was
        full = self._failure is not None and self._failure.status == FULL
        opened = self._open_store(suspicious=not full)
        self._number = files.number(self._path)
        self.newest = replace(opened.newest, removals=self.newest.removals)
        self._untold += opened.notes
        return opened.connection

    def _write_each(self, batch: Sequence[Submission], error: Exception) -> None:
        """Keep a row that cannot be written from failing those that came with it."""
        self._running.clear()
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()
        if len(batch) > 1:
            for each in batch:
                self._write([each])
            return
        failure = StoreFailedError(
            f"A row could not be written to the store: {type(error).__name__}.",
            hint="Please report this.",
        )
        self._settle(batch, failure)

    def _fail(self, batch: Sequence[Submission], error: ConsoleError | sqlite3.Error) -> None:
        """Refuse *batch*, and trust the file no more before it was opened and checked anew."""
        full = isinstance(error, sqlite3.Error) and files.is_full(error)
        if isinstance(error, ConsoleError):
            failure = StoreFailedError(error.message, hint=error.hint)
        else:
            failure = StoreFailedError(
                f"The store {self._path} could not be written: {error}.",
                hint="Make room on its disk: nothing is accepted until it can be written again."
                if full
                else "Nothing is accepted until it can be written again.",
                status=FULL if full else FAILED,
            )
        if self._failure is None:
            self.outages += 1
            self._failed_us = time.time_ns() // 1000
            self._failed_s = time.monotonic()  # the other one can be set
        self._failure = failure
        self._retry_at = time.monotonic() + RETRY_S
        self._running.clear()
        self.trouble = self.last_trouble = failure.message
        self._forget_connection()
        self._settle(batch, failure)

    def _outage(self) -> Sequence[str]:
        """Say for how long nothing was recorded, once something is again."""
        if self._failure is None:
            return ()
        seconds = time.monotonic() - self._failed_s
        sentence = (
            f"For {seconds:.1f} s nothing could be recorded ("
            f"{plural(self._refused, 'submission')} refused): {self._failure.message}"
        )
        return (sentence,)

    def _settle(self, batch: Sequence[Submission], failure: StoreFailedError | None) -> None:
        """Tell everybody who waits for *batch*."""
        self._refused = self._refused + len(batch) if failure is not None else 0
        self._in_hand = ()
        tickets: list[object] = []
        for each in batch:
            if each.future is None:
                tickets.append(each.ticket)
            elif failure is not None:
                each.future.set_exception(failure)
            else:
                each.future.set_result(self.newest)
        if tickets and self.on_settled is not None:
            self.on_settled(tickets, failure)

    def _tend(self, chore: Chore) -> None:
        try:
            purged = self._purge(chore.step)
        except (ConsoleError, sqlite3.Error) as error:
            self._fail((), error)
            chore.future.set_exception(error)
        except Exception as error:  # a step that fails must not end the thread of all others
            if self._connection is not None and self._connection.in_transaction:
                self._connection.rollback()
            chore.future.set_exception(error)
        else:
            chore.future.set_result(purged)
            if purged.exchanges or purged.logs:
                self._mark.write(self.newest)

    def _purge(self, step: Callable[[sqlite3.Connection], Purged]) -> Purged:
        """Do one step; lists of ids are told of it when the last step is done."""
        if self._connection is None:
            raise self._failure or StoreFailedError(f"The store {self._path} is closed.")
        self._connection.execute("BEGIN IMMEDIATE")
        purged = step(self._connection)
        self._purged |= purged.exchanges > 0
        newest = replace(
            self.newest,
            removals=self.newest.removals + (self._purged and purged.done),
            exchanges=self.newest.exchanges - purged.exchanges,
            logs=self.newest.logs - purged.logs,
        )
        write_counters(self._connection, newest)
        self._connection.execute("COMMIT")
        told = newest.removals != self.newest.removals
        self.newest = newest
        if told:
            self._purged = False
            if self.on_commit is not None:
                self.on_commit(newest)
        return purged

    def _finish(self) -> None:
        """Delete what was removed, then empty the log into the file, which is then whole."""
        if self._connection is None:
            return
        deadline = time.monotonic() + PURGE_LIMIT_S
        with contextlib.suppress(sqlite3.Error):  # what is left is left for the next start
            while not self._purge(_purge_removed).done and time.monotonic() < deadline:
                continue
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._forget_connection()
            self._mark.write(self.newest, mark.clean_end(self._path))

    def _forget_connection(self) -> None:
        """Close a connection that failed; closing rolls its transaction back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self) -> None:
        """Close the file, and leave nobody waiting, whatever ended this thread."""
        if self._intake.close():
            self.trouble = "The thread that writes the store has ended; restart the engine."
        submissions, chores = self._intake.rest()
        closed = StoreFailedError(f"The store {self._path} was closed.")
        self._settle([*self._in_hand, *submissions], closed)
        for chore in chores:
            chore.future.set_exception(closed)
        self._forget_connection()
        self._mark.close()


def _purge_removed(connection: sqlite3.Connection) -> Purged:
    return purging.purge_removed(connection, purging.EVER_US)


def _log(sentence: str) -> NewLog:
    return NewLog(time.time_ns() // 1000, "engine", "log", "WARNING", "store", sentence)
