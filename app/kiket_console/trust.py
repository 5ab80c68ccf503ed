"""Which project folders the person has allowed to run: nothing of any other is run or imported."""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING

from kiket_console.paths import private_dir, state_dir
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path


class Trust:
    """The folders that may run, kept by their real path in a file of this user alone."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or state_dir() / "trusted.json"

    def is_trusted(self, folder: Path) -> bool:
        """Tell whether the person has said yes to *folder*."""
        return str(folder.resolve()) in self._read()

    def trust(self, folder: Path) -> None:
        """Remember that the person has said yes to *folder*.

        Raises `ConsoleError` when that cannot be written.
        """
        private_dir(self._file.parent)
        trusted = self._read()
        trusted[str(folder.resolve())] = time.time_ns() // 1000
        write_private(self._file, json.dumps(trusted, indent=1, sort_keys=True).encode())

    def _read(self) -> dict[str, int]:
        """Return folder → when it was trusted; a file that others may write to says nothing."""
        try:
            with self._file.open("rb") as opened:
                seen = os.fstat(opened.fileno())
                if seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o022:
                    return {}
                known = json.load(opened)
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}
