"""Where messages may go of what the project's own files say: what the person has agreed to.

A project comes from others, and with it its `kiket.toml` and `.env`. Were they to say alone where
messages go, they would have them signed with this user's AWS credentials for whatever they like.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console.paths import private_dir
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

MOST = 100


class Agreed:
    """The URLs that the person has agreed to, kept in *file* of this user alone."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def has(self, url: str) -> bool:
        """Return whether messages may go to *url*."""
        return url in self._read()

    def add(self, url: str) -> None:
        """Remember that they may; raises `ConsoleError` when that cannot be written."""
        known = [each for each in self._read() if each != url]
        private_dir(self._file.parent)
        write_private(self._file, json.dumps([*known, url][-MOST:], indent=1).encode())

    def _read(self) -> list[str]:
        try:
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            return []
        return known if isinstance(known, list) else []
