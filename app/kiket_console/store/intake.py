"""What waits to be written: bounded in rows and bytes, in the order in which it came."""

from __future__ import annotations

import contextlib
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kiket_console.store.purging import Purged
    from kiket_console.store.records import Committed, Row

QUEUE_ROWS = 4096
QUEUE_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 512
BATCH_BYTES = 4 * 1024 * 1024


FULL, FAILED = 507, 503


class StoreBusyError(ConsoleError):
    """More is waiting to be written than the store takes in time."""


class StoreFailedError(ConsoleError):
    """What was to be written is not in the store.

    `status` is what a sender is answered: 507 when the disk is full, else 503.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = FAILED) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Submission(Struct):
    """Rows to be committed together; who waits has a future, or a ticket."""

    rows: Sequence[Row]
    cost: int
    future: Future[Committed] | None
    ticket: object = None


class Chore(Struct):
    """A step of work on the store that is done between two batches."""

    step: Callable[[sqlite3.Connection], Purged]
    future: Future[Purged] = field(default_factory=Future)


class Intake:
    """Take submissions of any thread, and give them out in batches to the one that writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.SimpleQueue[Submission | Chore | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._rows = 0
        self._bytes = 0
        self._closed = False
        self._left_over: Chore | None = None
        self.ended = False
        """Whether the end has been given out: nothing follows."""

    def check_room(self, rows: int, cost: int) -> None:
        """Raise `StoreBusyError` without room for so much, `StoreFailedError` when closed."""
        self._refuse_overflow(rows, cost)  # without the lock: numbers of a moment ago will do

    def put(self, submission: Submission, *, checked: bool = False) -> None:
        """Queue *submission*; raises as `check_room` does, unless its room was *checked*."""
        rows, cost = len(submission.rows), submission.cost
        with self._lock:
            if self._closed or not checked:
                self._refuse_overflow(rows, cost)
            self._rows += rows
            self._bytes += cost
            self._waiting.put(submission)

    def put_chore(self, chore: Chore) -> None:
        """Queue *chore*; raises `StoreFailedError` when closed."""
        with self._lock:
            self._refuse_closed()
            self._waiting.put(chore)

    def close(self) -> bool:
        """Take nothing more; return whether it was open."""
        with self._lock:
            was_open = not self._closed
            self._closed = True
            if was_open:
                self._waiting.put(None)
            return was_open

    def first(self, timeout_s: float | None) -> Submission | Chore | None:
        """Wait for what comes next; None at the end, or when nothing came in time."""
        if self._left_over is not None:
            chore, self._left_over = self._left_over, None
            return chore
        try:
            found = self._waiting.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self.ended = found is None
        return found

    def batch(self, first: Submission) -> list[Submission]:
        """Take what waits behind *first*, up to a batch, a chore or the end."""
        batch, count, cost = [first], len(first.rows), first.cost
        with contextlib.suppress(queue.Empty):
            while count < BATCH_ROWS and cost < BATCH_BYTES:
                following = self._waiting.get_nowait()
                if following is None:
                    self.ended = True
                    break
                if isinstance(following, Chore):
                    self._left_over = following
                    break
                batch.append(following)
                count += len(following.rows)
                cost += following.cost
        with self._lock:
            self._rows -= count
            self._bytes -= cost
        return batch

    def rest(self) -> tuple[list[Submission], list[Chore]]:
        """Close, and return all that still waits, for somebody to be told."""
        self.close()
        submissions: list[Submission] = []
        chores = [] if self._left_over is None else [self._left_over]
        with contextlib.suppress(queue.Empty):
            while True:
                following = self._waiting.get_nowait()
                if isinstance(following, Chore):
                    chores.append(following)
                elif following is not None:
                    submissions.append(following)
        return submissions, chores

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreFailedError(f"The store {self._path} is closed; nothing more is recorded.")

    def _refuse_overflow(self, rows: int, cost: int) -> None:
        self._refuse_closed()
        if self._rows + rows > QUEUE_ROWS or self._bytes + cost > QUEUE_BYTES:
            raise StoreBusyError(
                f"The store cannot keep up: {self._rows:,} rows wait to be written.",
                hint="Send it again in a second.",
            )
