"""A tape of which one can be told how a request ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct

from kiket_console.model import State

if TYPE_CHECKING:
    from kiket_console.engine.orchestrator.ports import Frame, Tape


class Ended(Struct, frozen=True):
    """How a request ended: with a reply, or without one and a sentence that says why."""

    frame: Frame | None
    state: State
    status: int | None
    error: str


class WatchedTape:
    """Hand everything on to *tape*, and tell who watches."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.lone = tape.lone
        self.request = tape.request
        self.traceparent = tape.traceparent
        self._watching: dict[int, asyncio.Future[Ended]] = {}

    def watch(self, exchange_id: int) -> asyncio.Future[Ended]:
        """Return what will be how a request ends that has not ended yet."""
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._watching[exchange_id] = ended
        ended.add_done_callback(lambda _: self._watching.pop(exchange_id, None))
        return ended

    def reply(
        self,
        exchange_id: int | None,
        frame: Frame | None,
        *,
        state: State = State.FORWARDED,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Take down how a request ended."""
        self._tape.reply(exchange_id, frame, state=state, status=status, error=error)
        ended = self._watching.get(exchange_id) if exchange_id is not None else None
        if ended is not None and not ended.done():
            ended.set_result(Ended(frame, state, status, error))
