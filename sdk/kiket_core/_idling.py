"""How long a connection may wait for its next request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Idling:
    """Close a connection that has been idle for *limit_s*.

    Its timer is left running from request to request, because setting one for each takes longer
    than looking now and then whether there is one.
    """

    __slots__ = ("_limit_s", "_loop", "_timer", "since_s")

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_s: float) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._timer: asyncio.TimerHandle | None = None
        self.since_s: float | None = None
        """Since when it is idle, by the loop's clock; None while a request is under way."""

    def begin(self, transport: asyncio.Transport) -> None:
        """Let it be idle from now on, until `since_s` is None again."""
        self.since_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit_s, self._look, transport)

    def cancel(self) -> None:
        """Never close it."""
        self.since_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, transport: asyncio.Transport) -> None:
        self._timer = None
        if self.since_s is None:
            return
        left_s = self.since_s + self._limit_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look, transport)
        else:
            transport.close()
