"""Deliveries that wait to be tried again: each at its time, a few at once, until they succeed.

    gateway ──► plan ──► (its time comes) ──► signed anew, with a new token ──► gateway.again
    the store ──► those that waited when an engine ended

What waits stands in the store, so that it outlives an engine. An attempt has the id of its
delivery, so that the extension can tell that it had it before, and a time, a signature and a
runtime token of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from kiket_console.engine import replay
from kiket_console.engine.headers import value_of
from kiket_console.engine.platform.delivery import DELIVERY_ID
from kiket_console.engine.ports import named, told
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Retry
from kiket_console.store.records import SetRetry
from kiket_console.store.writer import StoreBusyError, StoreFailedError
from kiket_console.wire import Result, Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.ports import Delivery, Outcome, Workers
    from kiket_console.engine.recorder import Recorder
    from kiket_console.engine.terms import Terms
    from kiket_console.model import Detail, Exchange
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

AT_ONCE: Final = 5
"""Attempts under way for one extension (spec §1.10)."""
LOOK_S: Final = 30.0
"""The clock is looked at so often at least: it may have been set."""
AT_A_LOOK: Final = 100
"""So many that are due are begun before others have their turn on the event loop."""
POSTPONED_S: Final = 1.0
"""What comes due while nothing can be recorded is looked at again so much later."""
_log = logging.getLogger(__name__)


class Again(Protocol):
    """Make another attempt at a recorded delivery: the gateway's."""

    async def again(self, exchange: Exchange, delivery: Delivery) -> Outcome:
        """Make it, and return how it ended; durable on return."""
        ...


class _NotNowError(ConsoleError):
    """An attempt that is not begun; its delivery still waits for it."""


class Retries:
    """Try again what waits for it; `run` does so until `close`."""

    def __init__(
        self,
        gateway: Again,
        *,
        workers: Workers,
        terms: Terms,
        recorder: Recorder,
        reader: Reader,
        writer: Writer,
    ) -> None:
        self._gateway = gateway
        self._workers = workers
        self._terms = terms
        self._recorder = recorder
        self._reader = reader
        self._writer = writer
        self._due: list[tuple[int, int]] = []
        """When and which, the next one first; some are planned no longer."""
        self._planned: dict[int, int] = {}
        self._trying: set[int] = set()
        self._unwanted: set[int] = set()
        """Of those that are being tried: no more after this."""
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._moved = asyncio.Event()
        self._is_closed = False

    def plan(self, exchange_id: int, at_us: int) -> None:
        """Try a delivery again at a moment (Unix microseconds)."""
        self._planned[exchange_id] = at_us
        heapq.heappush(self._due, (at_us, exchange_id))
        self._moved.set()

    def plan_waiting(self, ids: Sequence[int]) -> None:
        """Try those of these deliveries again that wait for it, each at its time."""
        for exchange in self._reader.page(ids):
            if exchange.retry == Retry.WAITING:
                self.plan(exchange.id, exchange.next_try_us)

    async def run(self) -> None:
        """Try what comes due, beginning with what the store has; ends after `close`.

        Attempts that are under way then are finished.
        """
        self.plan_waiting(self._reader.waiting())
        async with asyncio.TaskGroup() as attempts:
            while not self._is_closed:
                self._moved.clear()
                for exchange_id in self._take_due():
                    attempts.create_task(self._attempt_planned(exchange_id))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._next_s()):
                        await self._moved.wait()

    def close(self) -> None:
        """Begin no more attempts; what waits is in the store."""
        self._is_closed = True
        self._moved.set()

    async def now(self, exchange_id: int) -> Result:
        """Make the next attempt at a delivery at once, also where none was to come any more.

        Raises `ConsoleError` for one that was never to be tried again, or is being tried.
        """
        exchange = self._reader.known(exchange_id).exchange
        self._refuse_under_way(exchange_id)
        if not exchange.retry:
            raise ConsoleError(
                f"Delivery {exchange_id} is none that is tried again.",
                hint=f"`kiket-console replay {exchange_id}` sends it as a new one.",
                exit_code=ExitCode.USAGE,
            )
        planned_us = self._planned.pop(exchange_id, 0)
        try:
            outcome = await self._attempt(exchange)
        except ConsoleError:
            if planned_us:  # what cannot be sent now may be, then
                self.plan(exchange_id, planned_us)
            else:
                self._unwanted.discard(exchange_id)
            raise
        return told(exchange_id, outcome)

    async def cancel(self, ids: Sequence[int]) -> Selection:
        """Try deliveries no more; return those that waited for it.

        An attempt that is under way is the last one. Raises `ConsoleError` when none waits.
        """
        found = [each for each in dict.fromkeys(ids) if each in {*self._planned, *self._trying}]
        if not found:
            raise ConsoleError(
                "None of these deliveries waits to be tried again.",
                hint="`kiket-console traffic list --filter is:waiting` lists those that do.",
                exit_code=ExitCode.USAGE,
            )
        self._unwanted |= self._trying.intersection(found)
        planned = [each for each in found if self._planned.pop(each, None) is not None]
        await self._settle(planned, Retry.CANCELLED)
        return Selection(tuple(found))

    def _take_due(self) -> list[int]:
        now_us = time.time_ns() // 1000
        found: list[int] = []
        while self._due and self._due[0][0] <= now_us and len(found) < AT_A_LOOK:
            at_us, exchange_id = heapq.heappop(self._due)
            if self._planned.get(exchange_id) == at_us:
                del self._planned[exchange_id]
                found.append(exchange_id)
        return found

    def _next_s(self) -> float:
        if not self._due:
            return LOOK_S
        return min(max(0.0, self._due[0][0] / 1_000_000 - time.time()), LOOK_S)

    async def _attempt_planned(self, exchange_id: int) -> None:
        """Make an attempt whose time has come; what cannot be sent any more is given up."""
        try:
            for exchange in self._reader.page([exchange_id]):  # none when it was removed
                if exchange.retry == Retry.WAITING and exchange_id not in self._trying:
                    await self._attempt(exchange)  # else a person was quicker
        except (_NotNowError, StoreBusyError, StoreFailedError):  # in the store it still waits
            self._postpone(exchange_id)
        except Exception as error:  # what is wrong with one must not end the others
            if not self._reader.page([exchange_id]):
                return  # it was removed while it waited for its turn
            self._unwanted.discard(exchange_id)
            if isinstance(error, ConsoleError):
                _log.warning("Delivery %d is not tried again: %s", exchange_id, error.message)
            else:
                _log.exception("Delivery %d is not tried again.", exchange_id)
            try:
                await self._settle([exchange_id], Retry.GIVEN_UP)
            except ConsoleError:
                self._postpone(exchange_id)

    def _postpone(self, exchange_id: int) -> None:
        """Look again soon at what is due and cannot be recorded: nobody would know of it."""
        self.plan(exchange_id, time.time_ns() // 1000 + round(POSTPONED_S * 1_000_000))

    async def _attempt(self, exchange: Exchange) -> Outcome:
        exchange_id = exchange.id
        self._trying.add(exchange_id)
        try:
            async with self._turns.setdefault(exchange.worker, asyncio.Semaphore(AT_ONCE)):
                if self._is_closed or self._writer.trouble:
                    raise _NotNowError(self._writer.trouble or "The engine is about to quit.")
                if exchange_id in self._unwanted:
                    await self._settle([exchange_id], Retry.CANCELLED)
                    self._unwanted.discard(exchange_id)
                    raise _NotNowError("It was cancelled while it waited for its turn.")
                detail = self._reader.known(exchange_id)  # not before: many may wait for a turn
                delivery = await self._delivery(detail)
                outcome = await self._gateway.again(detail.exchange, delivery)
        finally:
            self._trying.discard(exchange_id)
        is_unwanted = exchange_id in self._unwanted  # after one that was not made it still is
        self._unwanted.discard(exchange_id)
        if outcome.next_try_us and is_unwanted:
            self._planned.pop(exchange_id, None)
            outcome.retry, outcome.next_try_us = Retry.CANCELLED.value, 0
            await self._settle([exchange_id], Retry.CANCELLED)
        return outcome

    async def _delivery(self, detail: Detail) -> Delivery:
        """Return what was recorded, signed in the same way for now; raises `ConsoleError`."""
        exchange = detail.exchange
        worker = named(self._workers, exchange.worker)
        raw_body = await self._recorder.present_body(detail)
        delivery = replay.again(
            detail,
            raw_body,
            replay.signing_like(detail, self._terms.signing(worker)),
            surroundings=await self._terms.surroundings(worker),
            linked=False,
            delivery_id=value_of(detail.request.headers, DELIVERY_ID),
        )
        delivery.limit_s = self._terms.limit_s(worker.name, exchange.name)
        delivery.is_retried = True
        return delivery

    def _refuse_under_way(self, exchange_id: int) -> None:
        if exchange_id in self._trying:
            raise ConsoleError(
                f"An attempt at delivery {exchange_id} is under way.",
                hint="Wait for its end.",
                exit_code=ExitCode.USAGE,
            )

    async def _settle(self, ids: Sequence[int], retry: Retry) -> None:
        if ids:
            rows = [SetRetry(each, retry.value) for each in ids]
            await asyncio.wrap_future(self._writer.submit(rows))
