"""What the rules find in the manifests of workers, read again when one of their files changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kiket_console.ui.threads import hand_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.screen import Screen

    from kiket_console.linting.lint import Result
    from kiket_console.model import Worker

AGAIN_TICKS = 2
"""How often the files of the selected worker are looked at, in ticks of the screen."""
_Mark: TypeAlias = tuple[object, ...]


class Checks:
    """Results by folder; looking at files is left to a thread."""

    def __init__(self, screen: Screen[None], changed: Callable[[], object]) -> None:
        """Take the screen that asks, and whom to call when there is news for it."""
        self._screen = screen
        self._changed = changed
        self._results: dict[str, Result | None] = {}
        self._marks: dict[str, _Mark] = {}
        self._looks = 0
        self._looked = ""

    def of(self, worker: Worker) -> Result | None:
        """Return what was found for a worker; None while that is not known, or without files."""
        return None if worker.module is not None else self._results.get(worker.folder)

    def look(self, worker: Worker) -> None:
        """See whether a worker's files changed; at once when it is another worker."""
        self._looks += 1
        if worker.module is not None:
            return  # it has no manifest; one in its folder is an extension's
        if not worker.folder or (self._looked == worker.folder and self._looks % AGAIN_TICKS):
            return
        self._looked = worker.folder

        def look() -> None:
            self._look(worker.folder)

        self._screen.run_worker(look, thread=True, exclusive=True, group="checks")

    def _look(self, folder: str) -> None:
        from kiket_console.linting.lint import lint

        mark = _mark(Path(folder))
        if self._marks.get(folder) == mark:
            return
        result = lint(Path(folder)) if mark else None
        hand_over(self._screen.app, self._take, folder, mark, result)

    def _take(self, folder: str, mark: _Mark, result: Result | None) -> None:
        self._marks[folder] = mark
        self._results[folder] = result
        self._changed()


def _mark(folder: Path) -> _Mark:
    """Return what changes with any file that is checked; nothing without a manifest."""
    from kiket_sdk._manifest_modules import module_schema_paths
    from kiket_sdk.manifest import DEFAULT_MANIFEST_FILENAMES, ManifestError

    try:
        schemas = module_schema_paths(folder)
    except ManifestError:
        schemas = ()
    manifests = [folder / name for name in DEFAULT_MANIFEST_FILENAMES]
    marks = []
    for path in (*manifests, *schemas):
        try:
            stat = path.stat()
        except OSError:
            continue
        marks.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(marks)
