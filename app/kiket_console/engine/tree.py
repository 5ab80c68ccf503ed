"""Which files below a folder are code that is developed there, and what they look like now."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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
_PYTEST_CACHE = "pytest-cache-files-"
"""So begins the name under which pytest makes its cache, before it renames it."""
COMMAND_SUFFIXES = frozenset(
    {
        ".cjs",
        ".cs",
        ".ex",
        ".exs",
        ".go",
        ".java",
        ".js",
        ".json",
        ".jsx",
        ".kt",
        ".lua",
        ".mjs",
        ".php",
        ".pl",
        ".rb",
        ".rs",
        ".sh",
        ".ts",
        ".tsx",
    }
)
"""What is code for a command, and data or pages for a Python app."""
SUFFIXES = frozenset({".py", ".yaml", ".yml", ".toml"}) | COMMAND_SUFFIXES
NAMES = frozenset({".env"})
_SUFFIXES = tuple(SUFFIXES)

_IS_LINUX = sys.platform == "linux"
_COARSE_CLOCK = 5
"""Linux: CLOCK_REALTIME_COARSE, the one by which file systems note moments."""
_CLOCK_NS = 20_000_000
"""Elsewhere: how far the moment that a file system notes may be behind our clock."""

Print = tuple[int, int, int]
"""What changes when a file does: its number, size and newest moment (ns)."""


def counts(name: str) -> bool:
    """Tell by its name whether a file may change how code behaves."""
    return name.endswith(_SUFFIXES) or name in NAMES


def is_ignored(name: str) -> bool:
    """Tell by its name whether nothing in a folder is the developer's code."""
    return name in IGNORED_FOLDERS or name.startswith(_PYTEST_CACHE)


def is_cache(folder: str) -> bool:
    """Tell whether tools say that all in a folder can be made anew: cargo's `target`, for one."""
    return os.path.exists(f"{folder}/CACHEDIR.TAG")  # noqa: PTH110  # thousands of them


def matters(path: str, roots: Iterable[Path]) -> bool:
    """Tell whether a change of *path* may change how the code below *roots* behaves."""
    place = Path(path)
    if place.suffix not in SUFFIXES and place.name not in NAMES:
        return False
    for root in roots:
        if place.is_relative_to(root):
            above = [each for each in place.parents if each != root and each.is_relative_to(root)]
            is_made = any(is_cache(str(each)) for each in above)
            return not is_made and not any(map(is_ignored, place.relative_to(root).parts))
    return False


def folders(
    root: str, on_enter: Callable[[str], None] = lambda _: None, *, deep: bool = True
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield each folder below *root*, itself first, with the files in it that count.

    Links are followed, each folder is visited once, so that links in a circle come to an end.
    *on_enter* is called with each folder before it is listed.
    """
    visited: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        place = place_of(folder)
        if place is None or place in visited:
            continue
        visited.add(place)
        if folder != root and is_cache(folder):
            continue
        on_enter(folder)
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError:  # it went away, or is not for us to read
            continue
        below = [each for each in entries if not is_ignored(each.name) and _is_folder(each)]
        # Links last: a folder is known by its own path before it is by another.
        below.sort(key=lambda each: not each.is_symlink())
        waiting += [each.path for each in below if deep]
        yield folder, [each for each in entries if counts(each.name) and each not in below]


def look(roots: Iterable[Path], *, deep: bool = True) -> dict[str, Print]:
    """Return what each file below *roots* (not *deep*: right in them) that counts looks like."""
    found = {}
    for root in roots:
        for _, files in folders(str(root), deep=deep):
            for file in files:
                seen = print_of(file.path)
                if seen is not None:
                    found[file.path] = seen
    return found


def print_of(path: str) -> Print | None:
    """Return what a file looks like, None when it is not there."""
    try:
        seen = os.stat(path)  # noqa: PTH116  # as above
    except OSError:
        return None
    return seen.st_ino, seen.st_size, max(seen.st_mtime_ns, seen.st_ctime_ns)


def now_ns() -> int:
    """Return a moment that no file written from now on is noted with an earlier one than."""
    if _IS_LINUX:
        return time.clock_gettime_ns(_COARSE_CLOCK)
    return time.time_ns() - _CLOCK_NS


def place_of(folder: Path | str) -> tuple[int, int] | None:
    """Return the device and number of a folder, None when it is not there."""
    try:
        seen = os.stat(folder)  # noqa: PTH116  # thousands of them: a tenth of pathlib's cost
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False
