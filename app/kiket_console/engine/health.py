"""Whether a worker that serves still answers, asked again and again.

Asked over the worker's own socket, past the gateway: it is no traffic.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

EVERY_S = 5.0
"""From one answer, or one that did not come, to the next question."""
LIMIT_S = 5.0
ANSWERED = "answered its health check"


def silent(silent_s: float) -> str:
    """Say for how long a worker has not answered."""
    return f"has not {ANSWERED} for {silent_s:.0f} s"


class Watched(Protocol):
    """A process whose health can be asked for."""

    async def check(self, limit_s: float) -> str:
        """Ask whether it answers, and say how it did; see `process.Process`."""
        ...

    def wait_ended(self) -> Awaitable[None]:
        """Wait until nothing of it is left."""
        ...


async def ask(socket_path: Path, limit_s: float) -> None:
    """Ask for GET /health once; raises TimeoutError or OSError when no answer comes."""
    async with asyncio.timeout(limit_s):
        reader, writer = await asyncio.open_unix_connection(str(socket_path))
        try:
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if not (await reader.readline()).startswith(b"HTTP/1."):
                raise ConnectionError
        finally:
            writer.close()


async def watch(process: Watched, on_check: Callable[[str, float | None], None]) -> None:
    """Check a process that has just answered until it has ended.

    *on_check* is told after each check what can be said, and for how many seconds it has not
    answered: None when it has.
    """
    answered_s = time.monotonic()
    while not await _ends_within(process, EVERY_S):
        try:
            said = await process.check(LIMIT_S)
        except (TimeoutError, OSError):
            silent_s = time.monotonic() - answered_s
            on_check(silent(silent_s), silent_s)
        else:
            answered_s = time.monotonic()
            on_check(said, None)


async def _ends_within(process: Watched, limit_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await process.wait_ended()
            return True
    return False
