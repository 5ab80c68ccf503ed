"""The best way to hear of changes below folders, on this system and at this moment."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

from kiket_console.engine.inotify import USED_UP, Inotify
from kiket_console.engine.slow_watch import POLL_EVERY_S, Polling, library_watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from kiket_console.engine.inotify import Seen


class Watch(Protocol):
    """Something that hears of changes."""

    async def wait(self, limit_s: float) -> Seen:
        """Return what has changed, as soon as anything has; nothing after *limit_s*."""
        ...


@contextlib.asynccontextmanager
async def watched(
    roots: Sequence[Path], since_ns: int, on_poll: Callable[[str], None], *, deep: bool = True
) -> AsyncIterator[Watch]:
    """Watch *roots*, and if *deep* all below them, while the block lasts.

    What changed at *since_ns* (`tree.now_ns`) or later is told, so that nothing is missed before
    the watch stands. *on_poll* is called with a sentence when files can only be looked at.
    """
    async with contextlib.AsyncExitStack() as stack:
        watch: Watch
        if sys.platform != "linux":
            watch = await stack.enter_async_context(library_watch(roots, deep=deep))
        else:
            try:
                watch = await stack.enter_async_context(Inotify(roots, since_ns, deep=deep))
            except OSError as error:
                on_poll(_why_polling(roots, error))
                watch = Polling(roots, since_ns, deep=deep)
        yield watch


def _why_polling(roots: Sequence[Path], error: OSError) -> str:
    what = (
        f"{roots[0]} cannot be watched ({error.strerror}); "
        f"its files are looked at every {POLL_EVERY_S:g} s instead"
    )
    if error.errno in USED_UP:
        return f"{what}. Raise fs.inotify.max_user_watches and max_user_instances with sysctl."
    return f"{what}."
