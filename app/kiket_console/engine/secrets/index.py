"""The names of a scope's secrets, with times and versions, never values: keyrings list nothing.

It is a small file of JSON, written whole, readable by this user alone. Two engines may share one:
who changes it holds a lock and reads it again first.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

PATIENCE_S: Final = 10.0
"""How long another engine may take over a change."""
_EVERY_S: Final = 0.02


class Row(Struct, frozen=True):
    """What is known of a secret besides its value."""

    created_us: int
    updated_us: int
    version: int = 1
    """Counts the changes of its value, a deletion included."""
    previous_until_us: int = 0
    """Until when the value before can be brought back; 0: there is none."""
    is_kept: bool = True
    """False: it was deleted, and can be brought back."""
    is_ours: bool = False
    """The engine made its value, and stands here for the one before: it is in no list."""


class Index:
    """The rows of one scope, in *file*; without one, in memory."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._rows: dict[str, Row] = {}
        self._seen: tuple[int, ...] | None = None
        self._changing = asyncio.Lock()

    def rows(self) -> Mapping[str, Row]:
        """Return the rows by name, as they are on disk now.

        Raises `ConsoleError` when the file cannot be read.
        """
        if self._file is None:
            return self._rows
        try:
            found = self._file.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._rows, self._seen = _decoded(self._file.read_bytes()), seen
        except FileNotFoundError:
            self._rows, self._seen = {}, None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConsoleError(
                f"The list of secrets {self._file} cannot be read: {_said(error)}.",
                hint="Remove it; the values stay in the keyring, and setting one lists it again.",
                exit_code=ExitCode.AUTH,
            ) from error
        return self._rows

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[dict[str, Row]]:
        """Hold the rows to change them; what is in the dict at the end is written.

        Nothing is written when the block raises. Raises `ConsoleError` when another engine does
        not let go, or the file cannot be read or written.
        """
        async with self._changing:
            descriptor = await self._locked()
            try:
                before = self.rows()
                rows = dict(before)
                yield rows
                if rows != before:
                    await self.write(rows)
            finally:
                if descriptor is not None:
                    os.close(descriptor)

    async def write(self, rows: dict[str, Row]) -> None:
        """Write *rows* now: who holds them has come to the middle of a change.

        Raises `ConsoleError` when the file cannot be written.
        """
        if self._file is None:
            self._rows = rows
            return
        raw = msgspec.json.format(msgspec.json.encode(rows, order="deterministic"), indent=1)
        await asyncio.to_thread(write_private, self._file, raw)

    async def _locked(self) -> int | None:
        """Return a descriptor that holds the lock as long as it is open."""
        if self._file is None:
            return None
        place = self._file.with_name(f"{self._file.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(place, flags, 0o600)
        except OSError as error:
            raise ConsoleError(
                f"Cannot write {place}: {error.strerror}.", hint="Make its folder writable."
            ) from error
        deadline = time.monotonic() + PATIENCE_S
        try:
            while not _taken(descriptor):
                if time.monotonic() > deadline:
                    raise ConsoleError(
                        "Another engine has been changing secrets for too long.",
                        hint="Try again; `kiket-console stop` in its folder ends it.",
                        exit_code=ExitCode.AUTH,
                    )
                await asyncio.sleep(_EVERY_S)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _decoded(raw: bytes) -> dict[str, Row]:
    """Read the file; earlier versions wrote `[created_us, updated_us]` for a name."""
    found = msgspec.json.decode(raw, type=dict[str, Row | tuple[int, int]])
    return {name: Row(*row) if isinstance(row, tuple) else row for name, row in found.items()}


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".")
