"""Tells clients that something changed: newest numbers, never the rows themselves.

Notices are merged while a peer waits, so a peer holds one notice at most however slow it reads
and however much happens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Notice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

NOTICES_PER_S = 50
PEER_LIMIT = 32


class Hub:
    """Hand the newest `Notice` to every peer, at most `NOTICES_PER_S` times a second each.

    Belongs to one event loop; call it from that loop only.
    """

    def __init__(self, newest: Notice) -> None:
        self.newest = newest
        self._peers: set[asyncio.Event] = set()
        self._closed = False

    @property
    def peers(self) -> int:
        """How many clients listen."""
        return len(self._peers)

    def committed(self, *, exchange: int, change: int, log: int, removals: int = 0) -> None:
        """Say what the store's newest numbers are; they never go back."""
        newest = self.newest
        self._publish(
            Notice(  # in full, because `replace` takes ten times as long, for each commit
                max(newest.newest_exchange, exchange),
                max(newest.newest_change, change),
                max(newest.newest_log, log),
                newest.workers_change,
                max(newest.removals, removals),
            )
        )

    def workers_changed(self) -> None:
        """Say that a worker's state, or a note of the engine, changed."""
        self._publish(replace(self.newest, workers_change=self.newest.workers_change + 1))

    def _publish(self, notice: Notice) -> None:
        if notice != self.newest:
            self.newest = notice
            for woken in self._peers:
                woken.set()

    def close(self) -> None:
        """End every peer's stream."""
        self._closed = True
        for woken in self._peers:
            woken.set()

    async def notices(self) -> AsyncGenerator[Notice, None]:
        """Yield the newest notice at once, then each newer one, until the hub closes.

        Raises `ConsoleError` when `PEER_LIMIT` clients listen already.
        """
        if len(self._peers) >= PEER_LIMIT:
            raise ConsoleError(
                f"{PEER_LIMIT} clients listen to this engine already.",
                hint="Close a console that is not needed.",
                exit_code=ExitCode.NETWORK,
            )
        woken = asyncio.Event()
        woken.set()
        self._peers.add(woken)
        try:
            while True:
                await woken.wait()
                if self._closed:
                    return
                woken.clear()
                yield self.newest
                await asyncio.sleep(1 / NOTICES_PER_S)
        finally:
            self._peers.discard(woken)
