"""Turn saves into reloads: one for many files, and each names the file that caused it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console.engine.chronicle import line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.project import ExtensionSpec
    from kiket_console.store.records import NewLog

DEBOUNCE_MS = 50
STEP_MS = 10
LOOK_EVERY_MS = 1000
"""How often to look whether a folder is still the one that is watched."""
STREAK_GAP_S = 2.0
STREAK_ALLOWED = 8
"""Reloads that may follow each other within `STREAK_GAP_S`; then each waits `SHORT_PAUSE_S`."""
SHORT_PAUSE_S = 1.0
"""What an editor that saves every second while somebody types may cost at most."""
STREAK_HUMAN = 60
"""Past this nobody types: the code itself may write what is watched."""
FIRST_PAUSE_S = 5.0
MOST_PAUSE_S = 60.0
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
SUFFIXES = frozenset({".py", ".yaml", ".yml", ".toml"})
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


class Pace:
    """Spaces out reloads that chase each other, and says so in the Logs."""

    def __init__(self, on_log: Callable[[NewLog], None]) -> None:
        self._on_log = on_log
        self._streak = 0
        self._last_s = -math.inf

    @property
    def is_chased(self) -> bool:
        """Whether reloads follow each other all the time."""
        return self._streak >= STREAK_ALLOWED

    def reloaded(self, now_s: float) -> None:
        """Note a reload; *now_s* is on the monotonic clock, as everywhere here."""
        self._last_s = now_s

    def pause_s(self, now_s: float) -> float:
        """Count how reloads follow each other; return how long the next one waits."""
        self._streak = self._streak + 1 if now_s - self._last_s < STREAK_GAP_S else 0
        if not self.is_chased:
            return 0.0
        if self._streak < STREAK_HUMAN:
            pause_s, and_more = SHORT_PAUSE_S, ""
        else:
            pause_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(9, self._streak - STREAK_HUMAN))
            and_more = ", and longer while it goes on"
        if self._streak in (STREAK_ALLOWED, STREAK_HUMAN):
            text = (
                f"Saves come faster than every {STREAK_GAP_S:g} s; "
                f"a reload waits {pause_s:g} s now{and_more}"
            )
            self._on_log(line("engine", "INFO", text))
        return pause_s


class Reloader:
    """Watches an extension's folders and calls `reload(file)`, the file relative to the first.

    Reloads that chase each other, as when the code itself writes what is watched, are spaced out
    more and more; what was written meanwhile becomes one reload. The file *settings* does not
    count: `watching` has it.
    """

    def __init__(
        self,
        spec: ExtensionSpec,
        settings: Path,
        reload: Callable[[str], None],
        on_log: Callable[[NewLog], None],
    ) -> None:
        self._roots = spec.watch
        self._settings = str(settings)
        self._reload = reload
        self._pace = Pace(on_log)

    async def run(self) -> None:
        """Watch until cancelled."""
        places = self._places()
        while True:
            if None in places:
                await asyncio.sleep(LOOK_EVERY_MS / 1000)
            else:
                await self._watch(places)
            seen, places = places, self._places()
            if None not in seen or seen != places:
                self._reload(str(self._roots[0]))

    async def _watch(self, places: list[tuple[int, int] | None]) -> None:
        """Watch until a folder is moved or removed: a watch does not go on with its successor."""
        import watchfiles

        gone = {(watchfiles.Change.deleted, str(root)) for root in self._roots}
        watch = watchfiles.awatch(
            *self._roots,
            watch_filter=lambda change, path: (
                (change, path) in gone or (path != self._settings and matters(path, self._roots))
            ),
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
        )
        async with contextlib.aclosing(watch):
            async for changes in watch:
                if changes & gone or self._places() != places:
                    return
                if changes:
                    await asyncio.sleep(self._pace.pause_s(time.monotonic()))
                    self._reload(self._named(sorted(path for _, path in changes)))
                    self._pace.reloaded(time.monotonic())

    def _places(self) -> list[tuple[int, int] | None]:
        """Return the device and inode of each folder, None for one that is not there."""
        found: list[tuple[int, int] | None] = []
        for root in self._roots:
            try:
                seen = root.stat()
            except OSError:
                found.append(None)
            else:
                found.append((seen.st_dev, seen.st_ino))
        return found

    def _named(self, paths: list[str]) -> str:
        """Return the file to name, how many others there were, and that it happens all the time."""
        first = Path(paths[0])
        inside = first.is_relative_to(self._roots[0])
        name = str(first.relative_to(self._roots[0]) if inside else first)
        if len(paths) > 1:
            name = f"{name} and {len(paths) - 1} more"
        return f"{name}, written again and again" if self._pace.is_chased else name
