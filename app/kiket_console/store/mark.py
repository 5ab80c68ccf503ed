"""The high-water mark: a small file beside the store that says what was committed to it.

A store that was emptied, or whose log was cut, is sound as far as SQLite can tell; only somebody
who remembers how much there was can notice. Written after each commit without a flush, it may be
behind the store, and is never ahead of one that kept its promise.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from kiket_console.store import files
from kiket_console.store.records import Committed

if TYPE_CHECKING:
    from pathlib import Path

_FIELDS: Final = 7
_WIDTH: Final = 20
_FORM: Final = " ".join([f"%{_WIDTH}d"] * _FIELDS).encode()


class CleanEnd(NamedTuple):
    """What the store's file was like when its writer closed it: it was whole then."""

    size: int
    changed_ns: int


class Seen(NamedTuple):
    """What the mark says: the newest numbers, row counts, and how the last run ended."""

    newest: Committed
    clean: CleanEnd | None


class Mark:
    """Keep the mark of the store at *path* up to date; not kept at all where it cannot be."""

    def __init__(self, path: Path) -> None:
        self._descriptor = -1
        try:
            self._descriptor = os.open(
                files.beside(path, ".mark"), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600
            )
            os.fchmod(self._descriptor, 0o600)
        except OSError:  # the store itself says what is wrong with the folder
            self.close()

    def write(self, newest: Committed, clean: CleanEnd | None = None) -> None:
        """Remember *newest*; some microseconds, and no flush."""
        if self._descriptor < 0:
            return
        numbers = (
            newest.newest_exchange,
            newest.newest_change,
            newest.newest_log,
            newest.exchanges,
            newest.logs,
            *(clean or (-1, -1)),
        )
        raw = _FORM % numbers
        try:
            os.pwrite(self._descriptor, b"%b %08x\n" % (raw, zlib.crc32(raw)), 0)
        except OSError:  # a full disk: the store says so
            return

    def close(self) -> None:
        """Close the file; nothing can be written any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def read(path: Path) -> Seen | None:
    """Return what the mark of the store at *path* says; None without one that is whole."""
    try:
        with files.beside(path, ".mark").open("rb") as file:
            raw = file.read((_WIDTH + 1) * _FIELDS + 16)
        text, _, checksum = raw.decode("ascii").rstrip("\n").rpartition(" ")
        if int(checksum, 16) != zlib.crc32(text.encode()):
            return None
        exchange, change, log, exchanges, logs, size, changed_ns = (int(n) for n in text.split())
    except (OSError, ValueError):
        return None
    clean = CleanEnd(size, changed_ns) if size >= 0 else None
    return Seen(Committed(exchange, change, log, 0, exchanges, logs), clean)


def clean_end(path: Path) -> CleanEnd | None:
    """Return what the closed store's file is like now; None while its log is not empty."""
    try:
        found = path.stat()
    except OSError:
        return None
    if files.size(files.beside(path, "-wal")):
        return None
    return CleanEnd(found.st_size, found.st_mtime_ns)
