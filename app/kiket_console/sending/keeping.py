"""Drafts that a person keeps: one for each delivery that it began as, in the project's folder."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from kiket_console.private_file import write_private
from kiket_console.sending.draft import Draft

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.paths import ProjectPaths

MOST_DRAFTS = 100
"""So many are kept; the oldest are forgotten."""


class Drafts:
    """The drafts of one project, by the `Original.key` of what they began as."""

    def __init__(self, paths: ProjectPaths) -> None:
        self._folder = paths.state / "drafts"

    def keep(self, key: str, draft: Draft) -> None:
        """Keep a draft in place of an earlier one; raises `ConsoleError` when it cannot be."""
        with contextlib.suppress(OSError):  # what cannot be made cannot be written, which is told
            self._folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self._file(key), json.dumps(asdict(draft)).encode())
        for file in self._oldest():
            file.unlink(missing_ok=True)

    def kept(self, key: str) -> Draft | None:
        """Return the draft that was kept, None when there is none that can be read."""
        try:
            found = json.loads(self._file(key).read_bytes())
            draft = Draft(**found)
        except (OSError, ValueError, TypeError):
            return None
        return draft if all(isinstance(each, str) for each in found.values()) else None

    def forget(self, key: str) -> None:
        """Forget a draft, if there is one."""
        with contextlib.suppress(OSError):
            self._file(key).unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _oldest(self) -> list[Path]:
        files = sorted(self._folder.glob("*.json"), key=_written_at, reverse=True)
        return files[MOST_DRAFTS:]


def _written_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # another console has just forgotten it
        return 0
