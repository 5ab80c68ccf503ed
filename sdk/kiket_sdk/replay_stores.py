"""Where an extension remembers the webhooks that it has had.

`MemoryStore` serves one process, `SqliteStore` the processes of one machine, across restarts. For
several machines write a class with the methods of `AnswerStore` over what they share: in Redis they
are ``SET key "" NX PX``, ``GET``, ``SET PX`` and ``DEL``.

Keys are 32 bytes (SHA-256), so nothing that a sender wrote is part of one.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from kiket_sdk.exceptions import KiketSDKError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["AnswerStore", "MemoryStore", "ReplayStore", "ReplayStoreError", "SqliteStore"]

Result = TypeVar("Result")


class ReplayStoreError(KiketSDKError):
    """A store could not remember, for it is full, broken or out of reach."""


@runtime_checkable
class ReplayStore(Protocol):
    """What replay protection needs of a store. Any exception means that the store is down."""

    async def add_if_absent(self, key: bytes, ttl_s: float) -> bool:
        """Remember a key for so many seconds; tell whether it was new. Must be atomic."""
        ...


@runtime_checkable
class AnswerStore(ReplayStore, Protocol):
    """A store that keeps answers too, so that a delivery that is tried again runs once.

    `add_if_absent` gives a new key an empty answer.
    """

    async def recall(self, key: bytes) -> bytes | None:
        """Return a key's answer, None when the key is not known (any more)."""
        ...

    async def remember(self, key: bytes, answer: bytes, ttl_s: float) -> None:
        """Set a key's answer, and keep both for so many seconds."""
        ...

    async def forget(self, key: bytes) -> None:
        """Let go of a key; one that is not known is no error."""
        ...


class MemoryStore:
    """Remember in this process, up to `limit` keys and `limit_bytes` of answers.

    What is remembered is never dropped before its time: a store that is full raises
    ReplayStoreError, and the extension does what it does while its store is down.
    """

    def __init__(self, limit: int = 100_000, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._entries: dict[bytes, tuple[float, bytes]] = {}  # when it ends, and the answer
        self._ends: list[tuple[float, bytes]] = []  # a heap; may name what is gone or renewed
        self._answers_bytes = 0
        self._lock = threading.Lock()  # an extension may serve from several loops

    async def add_if_absent(self, key: bytes, ttl_s: float) -> bool:
        """Remember a key for so many seconds; tell whether it was new."""
        with self._lock:
            self._expire()
            if key in self._entries:
                return False
            self._put(key, b"", ttl_s)
            return True

    async def recall(self, key: bytes) -> bytes | None:
        """Return a key's answer, None when the key is not known."""
        with self._lock:
            self._expire()
            entry = self._entries.get(key)
            return entry[1] if entry else None

    async def remember(self, key: bytes, answer: bytes, ttl_s: float) -> None:
        """Set a key's answer, and keep both for so many seconds."""
        with self._lock:
            self._expire()
            self._put(key, answer, ttl_s)

    async def forget(self, key: bytes) -> None:
        """Let go of a key."""
        with self._lock:
            self._drop(key)

    def _put(self, key: bytes, answer: bytes, ttl_s: float) -> None:
        earlier = self._entries.get(key)
        grown_bytes = self._answers_bytes + len(answer) - (len(earlier[1]) if earlier else 0)
        if grown_bytes > self._limit_bytes or (not earlier and len(self._entries) >= self._limit):
            raise ReplayStoreError(
                f"The store of webhooks is full with {len(self._entries)} keys and "
                f"{self._answers_bytes} bytes of answers; give MemoryStore a higher limit."
            )
        ends_s = time.monotonic() + ttl_s
        self._entries[key] = (ends_s, answer)
        self._answers_bytes = grown_bytes
        heapq.heappush(self._ends, (ends_s, key))
        if len(self._ends) > 2 * len(self._entries) + 64:
            self._ends = [(ends_s, key) for key, (ends_s, _) in self._entries.items()]
            heapq.heapify(self._ends)

    def _drop(self, key: bytes) -> None:
        _, answer = self._entries.pop(key, (0.0, b""))
        self._answers_bytes -= len(answer)

    def _expire(self) -> None:
        now_s = time.monotonic()
        while self._ends and self._ends[0][0] <= now_s:
            ends_s, key = heapq.heappop(self._ends)
            entry = self._entries.get(key)
            if entry and entry[0] <= ends_s:
                self._drop(key)


_SCHEMA = """
CREATE TABLE IF NOT EXISTS webhook (
    key BLOB PRIMARY KEY, ends_s REAL NOT NULL, answer BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS webhook_ends ON webhook (ends_s);
"""
_ADD = """
INSERT INTO webhook VALUES (:key, :ends_s, x'')
ON CONFLICT (key) DO UPDATE SET ends_s = :ends_s, answer = x'' WHERE ends_s <= :now_s
"""
_RECALL = "SELECT answer FROM webhook WHERE key = ? AND ends_s > ?"
_REMEMBER = "INSERT OR REPLACE INTO webhook VALUES (?, ?, ?)"
_FORGET = "DELETE FROM webhook WHERE key = ?"
_EXPIRE = "DELETE FROM webhook WHERE ends_s <= ?"
_EXPIRE_EVERY_S = 60.0


class SqliteStore:
    """Remember in a file that the processes of one machine may share, and that outlives them.

    The file is made with mode 0600, in a folder that has to be there. It is opened at first use,
    and one thread works on it. What is remembered, the answers of handlers among it, stays for a
    day at most and survives a process that is killed; the last of it may be lost with the power.
    Ends are told by the clock on the wall.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._opened: tuple[sqlite3.Connection, int] | None = None
        self._expire_at_s = 0.0
        self._worker: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"SqliteStore({str(self._path)!r})"

    async def add_if_absent(self, key: bytes, ttl_s: float) -> bool:
        """Remember a key for so many seconds; tell whether it was new."""

        def add(connection: sqlite3.Connection) -> bool:
            now_s = time.time()
            values = {"key": key, "ends_s": now_s + ttl_s, "now_s": now_s}
            return connection.execute(_ADD, values).rowcount == 1

        return await self._do(add)

    async def recall(self, key: bytes) -> bytes | None:
        """Return a key's answer, None when the key is not known."""

        def find(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_RECALL, (key, time.time())).fetchone()
            return bytes(row[0]) if row else None

        return await self._do(find)

    async def remember(self, key: bytes, answer: bytes, ttl_s: float) -> None:
        """Set a key's answer, and keep both for so many seconds."""
        await self._do(
            lambda connection: connection.execute(_REMEMBER, (key, time.time() + ttl_s, answer))
        )

    async def forget(self, key: bytes) -> None:
        """Let go of a key."""
        await self._do(lambda connection: connection.execute(_FORGET, (key,)))

    async def aclose(self) -> None:
        """Close the file; a later use opens it again."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.get_running_loop().run_in_executor(worker, self._close)
            worker.shutdown(wait=False)

    async def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Have the thread work on the file; raises ReplayStoreError."""
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="kiket-replay-store")
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._work, work)

    def _work(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            connection, lock = self._opened or self._open()
            with _alone(lock):
                now_s = time.time()
                if now_s >= self._expire_at_s:
                    connection.execute(_EXPIRE, (now_s,))
                    self._expire_at_s = now_s + _EXPIRE_EVERY_S
                return work(connection)
        except (sqlite3.Error, OSError) as exc:
            raise ReplayStoreError(
                f"The store of webhooks in {self._path} cannot be used ({exc}); "
                "look at its folder, or delete the file to begin anew."
            ) from exc

    def _open(self) -> tuple[sqlite3.Connection, int]:
        with ExitStack() as opened:
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            opened.callback(os.close, lock)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            opened.callback(connection.close)
            with _alone(lock):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(_SCHEMA)
            opened.pop_all()
        self._opened = connection, lock
        return self._opened

    def _close(self) -> None:
        if self._opened is not None:
            connection, lock = self._opened
            self._opened = None
            with _alone(lock):
                connection.close()
            os.close(lock)


@contextmanager
def _alone(lock: int) -> Iterator[None]:
    """Keep other processes from the file: SQLite before 3.51.3 may mix up two that write to it."""
    if sys.platform == "win32":
        yield
    else:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
