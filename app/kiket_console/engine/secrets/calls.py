"""Call a keyring without ever waiting for it: in threads that can be left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

CALL_LIMIT_S: Final = 3.0
LEFT_BEHIND_LIMIT: Final = 2
"""So many threads there are; when all of them hang in the keyring, calls fail at once."""


class Calls:
    """Calls of one keyring, no more than `LEFT_BEHIND_LIMIT` at a time; each has *limit_s*.

    A call raises TimeoutError when its time is over, or when the keyring already hangs; its thread
    is then left to itself, to end whenever the keyring lets it.
    """

    def __init__(self, limit_s: float = CALL_LIMIT_S) -> None:
        self.limit_s = limit_s
        self._threads = 0
        self._left_behind = 0
        self._changes_left_behind = 0
        self._turn = asyncio.Event()
        """Set when a thread ends, or is left behind."""

    async def __call__(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what *function* does, called in a thread; raise what it raises."""
        return await self._made(lambda: function(*arguments), None)

    async def change(self, function: Callable[[], object], undo: Callable[[], object]) -> None:
        """Call what changes something; when it ends too late for the caller, *undo* follows it.

        So what was told to have failed has not happened. Until then no other change is made, as
        this one would come after it.
        """
        await self._made(function, undo)

    async def _made(self, function: Callable[[], T], undo: Callable[[], object] | None) -> T:
        while self._left_behind < LEFT_BEHIND_LIMIT <= self._threads:
            self._turn.clear()
            await self._turn.wait()
        overtaken = undo is not None and self._changes_left_behind
        if overtaken or self._left_behind >= LEFT_BEHIND_LIMIT:
            raise TimeoutError
        return await self._apart(function, undo)

    async def _apart(self, function: Callable[[], T], undo: Callable[[], object] | None) -> T:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        outcome: list[T | Exception] = []
        lock = threading.Lock()
        given_up = False

        def settle() -> None:
            self._threads -= 1
            self._left_behind -= given_up
            self._changes_left_behind -= given_up and undo is not None
            self._turn.set()
            ended.set()

        def call() -> None:
            result: T | Exception
            try:
                result = function()
            except Exception as error:  # handed on to who asked
                result = error
            with lock:
                outcome.append(result)
                is_late = given_up
            if is_late and undo is not None:
                with contextlib.suppress(Exception):  # there is nobody to tell
                    undo()
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle)

        self._threads += 1
        threading.Thread(target=call, name="kiket-keyring", daemon=True).start()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.limit_s):
                    await ended.wait()
        finally:
            with lock:
                given_up = not outcome
            if given_up:
                self._left_behind += 1
                self._changes_left_behind += undo is not None
                self._turn.set()
        if given_up:
            raise TimeoutError
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]
