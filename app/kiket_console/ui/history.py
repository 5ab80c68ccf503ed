"""What was entered earlier on a line, kept from one console to the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

MOST = 200
_LIMIT_BYTES = 256 * 1024


class History:
    """The last lines that were entered, oldest first, in a *file* that only we can read.

    A file that cannot be read or written is no reason to complain: the lines of this console are
    remembered all the same.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: list[str] | None = None
        self._writing = threading.Lock()

    @property
    def entries(self) -> list[str]:
        """What was entered."""
        if self._entries is None:
            self._entries = self._read()
        return self._entries

    def add(self, text: str) -> None:
        """Remember *text* as the last one; it is written in a thread."""
        if not text or "\n" in text:
            return
        kept = [entry for entry in self.entries if entry != text]
        self._entries = [*kept, text][-MOST:]
        raw = "".join(f"{entry}\n" for entry in self._entries).encode("utf-8", "replace")
        threading.Thread(target=self._write, args=(raw,), name="history").start()

    def _read(self) -> list[str]:
        try:
            with self._file.open("rb") as opened:
                raw = opened.read(_LIMIT_BYTES)
        except OSError:
            return []
        return raw.decode("utf-8", "replace").splitlines()[-MOST:]

    def _write(self, raw: bytes) -> None:
        with self._writing:
            try:
                write_private(self._file, raw)
            except ConsoleError:
                return  # a full disk is told elsewhere
