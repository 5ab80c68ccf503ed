"""Tell an event loop of the commits that a thread makes: the newest one, and not each."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.store.records import Committed

PER_S: Final = 50


class CommitTeller:
    """Call *on_commit* on the running loop after commits, `PER_S` times a second at most.

    It is always told of the newest.
    """

    def __init__(self, on_commit: Callable[[Committed], None]) -> None:
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._newest: Committed | None = None
        self._is_telling = False

    def committed(self, committed: Committed) -> None:
        """Take note of a commit; called in the thread that made it."""
        self._newest = committed
        if not self._is_telling:
            self._is_telling = True
            with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        told = self._newest
        if told is not None:
            self._on_commit(told)
        self._loop.call_later(1 / PER_S, self._tell_newer, told)

    def _tell_newer(self, told: Committed | None) -> None:
        self._is_telling = False  # before looking: a commit from here on tells of itself
        if self._newest is not told:
            self._is_telling = True
            self._tell()
