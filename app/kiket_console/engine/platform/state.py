"""What the platform remembers: kept by one thread, never on the event loop.

await state.ask(lambda documents: …)      one piece of work, one transaction
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from kiket_console.engine.platform.documents import FILE_BYTES, Documents
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class State:
    """The rows and settings in the file at *path*, which is opened when it is first needed.

    `on_note` is told, on the event loop, what a person should know of how it was opened.
    """

    def __init__(self, path: Path, on_note: Callable[[str], None]) -> None:
        self._path = path
        self._on_note = on_note
        self._documents: Documents | None = None
        self._thread = ThreadPoolExecutor(1, "kiket-platform")

    async def ask(self, work: Callable[[Documents], T]) -> T:
        """Return what *work* returns; all of it happens, or when it raises none.

        Raises what *work* raises, and `ConsoleError` when the file cannot be used.
        """
        result, note = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._carried_out, work
        )
        if note:
            self._on_note(note)
        return result

    def close(self) -> None:
        """Finish what is under way and give the file back."""
        self._thread.shutdown(cancel_futures=True)
        if self._documents is not None:
            self._documents.close()

    def _carried_out(self, work: Callable[[Documents], T]) -> tuple[T, str]:
        note = ""
        if self._documents is None:
            self._documents = Documents(self._path)
            note = self._documents.note
        documents = self._documents
        try:
            documents.connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(documents)
            except BaseException:
                documents.connection.execute("ROLLBACK")
                raise
            documents.connection.execute("COMMIT")
        except sqlite3.Error as error:
            if documents.connection.in_transaction:
                documents.connection.execute("ROLLBACK")
            raise ConsoleError(
                f"The platform's state in {self._path} cannot be used: {error}.",
                hint=f"Look at the disk; and the file has {FILE_BYTES // 1024**2} MiB at most: "
                "rows that were removed are gone from it when the engine starts again.",
            ) from error
        return result, note
