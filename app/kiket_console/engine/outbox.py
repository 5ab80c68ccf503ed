"""Rows of exchanges on their way to the writer, and who waits until they are durable.

    hold ──► send ──► writer, one batch ──► settled ──► `when_durable` tells, `durable` returns

An exchange goes to the writer with its answer, in one submission, when that comes within
`HOLD_BACK_S`; else it goes ahead, so that it is seen while its handler runs. Exchanges go in the
order of their ids: who reads the ids after the newest that he knows misses none.

Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

from msgspec import Struct

from kiket_console.errors import ConsoleError
from kiket_console.store.records import cost_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.store.records import Row
    from kiket_console.store.writer import StoreFailedError, Writer

HOLD_BACK_S = 0.02
"""No longer than between two notices to a console."""


Told: TypeAlias = "Callable[[ConsoleError | None], None]"


class Ticket(Struct, eq=False):
    """One exchange's rows."""

    exchange_id: int
    rows: list[Row]
    """Those that the writer does not have yet."""
    cost: int = 0
    """What these cost while they wait (see `cost_of`)."""
    since_s: float = 0.0
    unsettled: int = 0
    """How many of its submissions are neither in the store nor refused."""
    failure: ConsoleError | None = None
    told: Told | None = None
    """Who waits until all of it is in the store, or refused."""


class Outbox:
    """Hand rows to *writer*, and tell when it has put them into the store."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._held: deque[Ticket] = deque()
        self._held_rows = 0
        self._due: asyncio.TimerHandle | None = None
        writer.on_settled = self._settled_in_thread

    def hold(self, exchange_id: int, rows: list[Row]) -> Ticket:
        """Take a new exchange; raises `StoreBusyError` and `StoreFailedError`: then not."""
        cost = cost_of(rows)
        self._writer.check_room(self._held_rows + len(rows), cost)
        ticket = Ticket(exchange_id, rows, cost, self._loop.time())
        self._held.append(ticket)
        self._held_rows += len(rows)
        if self._due is None:
            self._due = self._loop.call_later(HOLD_BACK_S, self._send_old)
        return ticket

    def send(self, ticket: Ticket, *rows: Row) -> None:
        """Hand the writer more rows of an exchange, after all that is held of earlier ones."""
        cost = cost_of(rows)
        if ticket.rows:
            ticket.rows += rows
            ticket.cost += cost
            self._held_rows += len(rows)
            self.send_until(ticket.exchange_id)
        else:
            self._put(ticket, rows, cost)

    def send_until(self, exchange_id: int) -> None:
        """Hand the writer what is held of exchanges up to one."""
        while self._held and self._held[0].exchange_id <= exchange_id:
            self._send_first()

    def when_durable(self, ticket: Ticket, told: Told) -> None:
        """Tell when all that was sent of an exchange is in the store, flushed; or why it is not."""
        if ticket.rows:
            self.send_until(ticket.exchange_id)
        if ticket.unsettled:
            ticket.told = told
        else:
            told(ticket.failure)

    async def durable(self, ticket: Ticket) -> None:
        """Wait for what `when_durable` tells.

        Raises `StoreFailedError` when it is not in the store, and will not be.
        """
        waiting: asyncio.Future[None] = self._loop.create_future()
        self.when_durable(ticket, partial(_tell, waiting))
        await waiting

    def _send_old(self) -> None:
        """Hand the writer the exchanges that have waited long enough for their answers."""
        self._due = None
        oldest_s = self._loop.time() - HOLD_BACK_S * 0.9
        while self._held and self._held[0].since_s <= oldest_s:
            self._send_first()
        if self._held:
            self._due = self._loop.call_at(self._held[0].since_s + HOLD_BACK_S, self._send_old)

    def _send_first(self) -> None:
        ticket = self._held.popleft()
        rows, ticket.rows = ticket.rows, []
        self._held_rows -= len(rows)
        self._put(ticket, rows, ticket.cost)

    def _put(self, ticket: Ticket, rows: Sequence[Row], cost: int) -> None:
        try:
            self._writer.put(rows, cost, ticket)
        except ConsoleError as error:
            ticket.failure = error
        else:
            ticket.unsettled += 1

    def _settled_in_thread(
        self, tickets: Sequence[object], failure: StoreFailedError | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            self._loop.call_soon_threadsafe(self._settled, tickets, failure)

    def _settled(self, tickets: Sequence[object], failure: StoreFailedError | None) -> None:
        """Let those go on that waited for their last submission."""
        for ticket in cast("Sequence[Ticket]", tickets):
            ticket.unsettled -= 1
            ticket.failure = ticket.failure or failure
            told = ticket.told
            if not ticket.unsettled and told is not None:
                ticket.told = None
                told(ticket.failure)


def _tell(waiting: asyncio.Future[None], failure: ConsoleError | None) -> None:
    if waiting.done():  # given up
        return
    if failure is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(failure)
