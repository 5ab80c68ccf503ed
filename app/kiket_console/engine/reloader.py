"""Turn saves into reloads: one for many files, and each names the file that caused it."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kiket_console.engine import tree
from kiket_console.engine.chronicle import line
from kiket_console.engine.inotify import Seen
from kiket_console.engine.pace import Pace, Settling
from kiket_console.engine.watches import watched
from kiket_console.paths import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kiket_console.engine.watches import Watch
    from kiket_console.store.records import NewLog
    from kiket_console.worker_spec import WorkerSpec

LOOK_EVERY_S = 1.0
"""How often to look whether a folder is still the one that is watched."""
WATCH_AGAIN_S = 30.0
"""After so long a folder that could not be watched is tried again: watches may be free by then."""
BATCH_S = 0.02
"""For how long changes that will wait anyway are gathered, rather than taken one by one."""

Places = list[tuple[int, int] | None]


class Reloader:
    """Watches a worker's folders and calls `reload(file, is_code)`.

    The file is relative to the first folder; *is_code* says that Python code alone was saved.
    `foresee(files)` is called before, as soon as files are seen that are going to cause it.

    Reloads that chase each other, as when the code itself writes what is watched, are spaced out
    more and more; what was written meanwhile becomes one reload. The files *settings* do not
    count: `watching` has them. What changes once this was made is not missed.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        settings: Sequence[Path],
        reload: Callable[[str, bool], None],
        on_log: Callable[[NewLog], None],
        foresee: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        self._roots = spec.watch
        self._foreign = () if spec.command else tuple(tree.COMMAND_SUFFIXES)
        self._settings = {str(file) for file in settings}
        self._reload = reload
        self._on_log = on_log
        self._foresee = foresee
        self._pace = Pace(on_log)
        self._settling = Settling()
        self._changed = Seen()
        self._since_ns = tree.now_ns()
        self.trouble = ""
        """Why saves are not heard of at once, in one sentence; empty while they are."""

    async def run(self) -> None:
        """Watch until cancelled."""
        places = self._places()
        while True:
            if None in places:
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                told: list[str] = []
                async with watched(self._roots, self._since_ns, told.append) as watch:
                    self._turned("".join(told))
                    self._since_ns = tree.now_ns()
                    if not await self._follow(watch, places):
                        continue
            seen, places = places, self._places()
            if None not in seen or seen != places:
                self._take(Seen({str(self._roots[0])}))
                if None in places:
                    self._take_up()

    async def _follow(self, watch: Watch, places: Places) -> bool:
        """Reload until a folder is moved or removed, or there was more than could be told.

        Where files can only be looked at it ends after a while too, and returns False: nothing was
        missed, and perhaps they can be watched by now.
        """
        until_s = time.monotonic() + WATCH_AGAIN_S if self.trouble else math.inf
        while time.monotonic() < until_s:
            left_s = self._settling.due_s() - time.monotonic()
            if left_s <= 0:
                # What comes meanwhile is part of it.
                await asyncio.sleep(self._pace.pause_s(time.monotonic()))
                self._take(await watch.wait(0))
                self._take_up()
                continue
            if self._settling.is_busy:
                await asyncio.sleep(BATCH_S)
            self._since_ns = tree.now_ns()
            seen = await watch.wait(min(left_s, LOOK_EVERY_S))
            self._take(seen)
            if seen.is_lost or self._places() != places:
                return True
        return False

    def _take(self, seen: Seen) -> None:
        """Add what has changed to what waits to be taken up."""
        for paths in (seen.written, seen.gone):
            paths -= {
                path for path in paths if path in self._settings or path.endswith(self._foreign)
            }
        if seen.written or seen.gone:
            self._changed.add(seen)
            self._settling.changed(time.monotonic(), gone=bool(self._changed.gone))
            if not self._settling.is_busy:
                self._foresee(seen.written)

    def _take_up(self) -> None:
        """Reload."""
        changed, self._changed = self._changed, Seen()
        was_restless = self._settling.is_restless
        self._settling.reloaded()
        name = self._named(sorted(changed.written) or sorted(changed.gone))
        is_code = all(path.endswith(".py") for path in changed.written | changed.gone)
        if self._settling.is_restless and not was_restless:
            text = f"{name}: a reload waits longer and longer while it goes on"
            self._on_log(line("engine", "INFO", text))
        self._reload(name, is_code)
        self._pace.reloaded(time.monotonic())

    def _turned(self, sentence: str) -> None:
        """Say that files can only be looked at, and why; or, with nothing, that it is over."""
        if sentence and not self.trouble:
            self._on_log(line("engine", "WARNING", sentence))
        elif self.trouble and not sentence:
            text = f"{self._roots[0]} is watched again: saves are heard of at once"
            self._on_log(line("engine", "INFO", text))
        self.trouble = sentence

    def _places(self) -> Places:
        """Return the device and number of each folder, None for one that is not there."""
        return [tree.place_of(root) for root in self._roots]

    def _named(self, paths: list[str]) -> str:
        """Return the file to name, how many others there were, and that it happens all the time."""
        first = Path(paths[0])
        inside = first.is_relative_to(self._roots[0]) and first != self._roots[0]
        name = shown(first.relative_to(self._roots[0]) if inside else first)
        if len(paths) > 1:
            name = f"{name} and {len(paths) - 1} more"
        is_chased = self._pace.is_chased or self._settling.is_restless
        return f"{name}, written again and again" if is_chased else name
