"""Hear of changes below folders where `inotify` cannot tell: by a library, or by looking."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from kiket_console.engine import tree
from kiket_console.engine.inotify import Seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

DEBOUNCE_MS = 50
STEP_MS = 10
POLL_EVERY_S = 1.0


class LibraryWatch:
    """Watches folders with what the system offers (macOS); `wait` tells what changed."""

    def __init__(self, roots: Sequence[Path], *, deep: bool = True) -> None:
        self._roots = roots
        self._deep = deep
        self._seen = Seen()
        self._came = asyncio.Event()

    async def wait(self, limit_s: float) -> Seen:
        """Return what has changed, as soon as anything has; nothing after *limit_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._came.wait()
        self._came.clear()
        seen, self._seen = self._seen, Seen()
        return seen

    async def run(self) -> None:
        """Watch until cancelled."""
        import watchfiles

        watch = watchfiles.awatch(
            *self._roots,
            watch_filter=lambda _, path: tree.matters(path, self._roots),
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            rust_timeout=1000,
            recursive=self._deep,
        )
        async with contextlib.aclosing(watch):
            async for changes in watch:
                for change, path in changes:
                    gone = change is watchfiles.Change.deleted
                    self._seen.add(Seen(gone={path}) if gone else Seen(written={path}))
                self._came.set()


class Polling:
    """Looks at every file that counts; `wait` tells what is another than before.

    What changed at *since_ns* or later counts as seen at the first look.
    """

    def __init__(self, roots: Sequence[Path], since_ns: int, *, deep: bool = True) -> None:
        self._roots = roots
        self._since_ns = since_ns
        self._deep = deep
        self._known: dict[str, tree.Print] | None = None

    async def wait(self, limit_s: float) -> Seen:
        """Return what has changed; nothing after *limit_s*, or a little later."""
        before = self._known
        if before is not None:
            await asyncio.sleep(min(limit_s, POLL_EVERY_S))
        now = self._known = await asyncio.to_thread(tree.look, self._roots, deep=self._deep)
        if before is None:
            return Seen({path for path, seen in now.items() if seen[2] >= self._since_ns})
        written = {path for path, seen in now.items() if before.get(path) != seen}
        return Seen(written, before.keys() - now.keys())


@contextlib.asynccontextmanager
async def library_watch(roots: Sequence[Path], *, deep: bool = True) -> AsyncIterator[LibraryWatch]:
    """Watch with the library while the block lasts."""
    watch = LibraryWatch(roots, deep=deep)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run())
        yield watch
        running.cancel()
