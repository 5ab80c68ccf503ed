"""Turn saves into reloads: one for many files, and each names the file that caused it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.project import ExtensionSpec

DEBOUNCE_MS = 50
STEP_MS = 10
QUIET_S = 2.0
"""A reload caused by a lasting stream of writes waits until this has passed since the last."""
IGNORED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".idea",
        ".vscode",
    }
)
SUFFIXES = frozenset({".py", ".pyi", ".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".j2"})
NAMES = frozenset({".env"})


def matters(path: str, roots: Iterable[Path]) -> bool:
    """Tell whether a change of *path* may change how the code below *roots* behaves."""
    place = Path(path)
    if place.suffix not in SUFFIXES and place.name not in NAMES:
        return False
    for root in roots:
        if place.is_relative_to(root):
            return IGNORED_FOLDERS.isdisjoint(place.relative_to(root).parts)
    return False


class Reloader:
    """Watches an extension's folders and calls `reload(file)`, the file relative to the first."""

    def __init__(self, spec: ExtensionSpec, reload: Callable[[str], None]) -> None:
        self._roots = spec.watch
        self._reload = reload
        self.is_watching = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        import watchfiles

        self.is_watching.set()
        async for changes in watchfiles.awatch(
            *self._roots,
            watch_filter=lambda _, path: matters(path, self._roots),
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            recursive=True,
        ):
            self._reload(self._named(sorted(path for _, path in changes)))

    def _named(self, paths: list[str]) -> str:
        """Return the file to name, and how many others there were."""
        first = Path(paths[0])
        inside = first.is_relative_to(self._roots[0])
        name = str(first.relative_to(self._roots[0]) if inside else first)
        return f"{name} and {len(paths) - 1} more" if len(paths) > 1 else name
