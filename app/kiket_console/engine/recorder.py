"""Put what happens into the store: ids at once, secrets taken out, durable when it must be.

    receive ──► attempt ──► answered ──► durable     (the gateway; the sender is answered last)
    log ──► LogQueue ──► the store, when it has time

Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from kiket_console.engine import bodies, trace
from kiket_console.engine.commit_teller import CommitTeller
from kiket_console.engine.duplicates import RECALLED, Duplicates, identity
from kiket_console.engine.headers import found_in
from kiket_console.engine.log_queue import LogQueue
from kiket_console.engine.outbox import Outbox, Ticket, Told
from kiket_console.engine.parentage import Parentage
from kiket_console.errors import ConsoleError
from kiket_console.ipc import Direction
from kiket_console.model import Headers, Judgement, Message, Source, State
from kiket_console.store.records import (
    AttemptEnd,
    Committed,
    NewAttempt,
    NewExchange,
    NewLog,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kiket_console.engine.parentage import Parent
    from kiket_console.model import Body, Detail, Exchange
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

INLINE_BYTES = 64 * 1024
"""Larger bodies are searched for secrets in another thread, so that nobody waits for it."""


class Arrival(Struct):
    """What there is to record of a request as it arrives."""

    source: Source
    worker: str
    name: str
    version: str
    method: str
    path: str
    headers: Headers
    raw_body: bytes
    state: State = State.RECEIVED
    signature: str = ""
    judgement: Judgement | None = None
    replay_of: int | None = None
    edited: bool = False
    kind: str = ""
    direction: str = ""
    channel: str = ""
    truncate_to: int | None = None
    """Store only so many bytes of the body; 0 for one that cannot be cleared of its secrets."""
    may_repeat: bool = False
    """Whether it came from outside, where the same may be sent more than once."""
    came_us: int = 0
    """When it came (Unix µs), where it is looked at for a while before it is recorded; 0: now."""
    named: Mapping[bytes, bytes] | None = None
    """See `headers.found_in`."""


class Recorded(Struct, eq=False):
    """An exchange that is on its way into the store."""

    id: int
    trace: trace.Trace
    span_id: str
    source: Source
    worker: str
    name: str
    version: str
    ticket: Ticket
    target: str = ""
    """On what it is tried; empty before."""
    attempt: int = 1
    """The number of the try that is under way, or is to come."""
    may_follow: bool = True
    """Whether it may still go to the next worker, should this one take nothing of it."""
    is_over: bool = False
    """Whether it was recorded how it ended: what is said of it later is of the waiting alone."""


class Ending(Struct):
    """How an attempt ended; `answer` is headers and body of the target, None without one.

    Of an answer that `is_truncated` the body is only the beginning.
    """

    state: State
    status: int | None
    duration_us: int
    error: str = ""
    answer: tuple[Headers, bytes] | None = None
    is_truncated: bool = False
    decision: str = ""
    retry: str = ""
    next_try_us: int = 0


OnEnd: TypeAlias = "Callable[[Recorded, Ending], object]"


class Recorder:
    """Record exchanges, attempts and logs through *writer*, redacted by *redactor*.

    `on_commit` is called as a `CommitTeller` does. `value_of` gives a secret's value, to put back
    what was taken out. `on_end` is told of each attempt that ended.
    """

    def __init__(
        self,
        writer: Writer,
        redactor: Redactor,
        on_commit: Callable[[Committed], None],
        value_of: Callable[[str], Awaitable[str | None]],
        on_end: OnEnd = lambda *_: None,
    ) -> None:
        self._writer = writer
        self._redactor = redactor
        self._value_of = value_of
        self._on_end = on_end
        self._newest_id = writer.newest.newest_exchange
        self._parentage = Parentage()
        self._duplicates = Duplicates()
        self._outbox = Outbox(writer)
        self._large = asyncio.Lock()
        self._logs = LogQueue(writer, redactor, self.by_trace)
        writer.on_commit = CommitTeller(on_commit).committed

    async def recall(self, reader: Reader) -> None:
        """Remember what was received before, so that what is sent once more is known again."""
        with suppress(ConsoleError):  # whoever writes the store says what is wrong with it
            self._duplicates.recall(await asyncio.to_thread(reader.received, RECALLED))

    async def receive(
        self,
        arrival: Arrival,
        *,
        target: str | None = None,
        parent: Parent | None = None,
        known: Mapping[str, str] | None = None,
    ) -> Recorded:
        """Queue an exchange; with *target* given, its first attempt begins with it.

        *known* are secrets in the body that the redactor may not know, by name. Raises
        `StoreBusyError` and `StoreFailedError`: then nothing was accepted.
        """
        body = await self.stored(arrival.raw_body, arrival.truncate_to, known)
        return self.begin(arrival, body, target=target, parent=parent)

    def begin(
        self,
        arrival: Arrival,
        body: Body,
        *,
        target: str | None = None,
        parent: Parent | None = None,
        seen: trace.Trace | None = None,
    ) -> Recorded:
        """Do what `receive` does, with the body as `stored` has made it.

        *seen* is the trace of what says it elsewhere than in headers, and has no parent.
        """
        headers, named = arrival.headers, arrival.named
        seen = trace.sent(headers, named) or (parent.trace if parent else seen or trace.new_trace())
        exchange_id = self._newest_id + 1
        span_id = trace.new_span_id()
        started_us = arrival.came_us or _now_us()
        name = self._redactor.redact(arrival.name)
        known, first = None, None
        if arrival.may_repeat:
            what = arrival.worker, name, arrival.version
            known = identity(*what, headers, body.sha256, named)
            first = self._duplicates.first(known, started_us) if known else None
        rows: list[Row] = [
            NewExchange(  # by place, because 22 names take a microsecond to be looked up
                exchange_id,
                arrival.source,
                arrival.worker,
                name,
                arrival.version,
                arrival.method,
                self._redactor.redact(arrival.path),
                started_us,
                arrival.state,
                Message(self._headers(headers), body),
                arrival.signature,
                arrival.judgement,
                seen.trace_id,
                span_id,
                parent.exchange_id if parent else None,
                parent is not None and parent.guessed,
                arrival.replay_of,
                arrival.edited,
                arrival.kind,
                arrival.direction,
                arrival.channel,
                first,
            )
        ]
        if target is not None:
            rows.append(NewAttempt(exchange_id, 1, target, started_us))
        ticket = self._outbox.hold(exchange_id, rows)
        self._newest_id = exchange_id
        if known is not None:
            self._duplicates.remember(known, first or exchange_id, started_us)
        if arrival.source is Source.WEBHOOK:
            delivery_id = found_in(headers, named, "x-kiket-delivery")
            self._parentage.began(exchange_id, arrival.worker, seen, delivery_id, span_id)
        elif arrival.direction == Direction.IN and target is not None:
            self._parentage.asked(exchange_id, arrival.worker, seen)
        return Recorded(
            exchange_id,
            seen,
            span_id,
            arrival.source,
            arrival.worker,
            name,
            arrival.version,
            ticket,
            target or "",
        )

    def resume(self, exchange: Exchange, delivery_id: str) -> Recorded:
        """Return an exchange that is in the store, to record another attempt at it."""
        seen, span_id = trace.Trace(exchange.trace_id), trace.new_span_id()
        self._parentage.began(exchange.id, exchange.worker, seen, delivery_id, span_id)
        return Recorded(
            exchange.id,
            seen,
            span_id,
            exchange.source,
            exchange.worker,
            exchange.name,
            exchange.version,
            Ticket(exchange.id, []),
            attempt=exchange.attempts + 1,
        )

    def attempt(self, recorded: Recorded, target: str) -> None:
        """Record that an exchange's try begins now: it was held until now, or is tried again."""
        recorded.target = target
        row = NewAttempt(recorded.id, recorded.attempt, target, _now_us())
        self._outbox.send(recorded.ticket, row)

    def again(self, recorded: Recorded, ending: Ending, target: str) -> None:
        """Record that a try ended in vain and that the next one begins, on another target."""
        ended = self._ended(recorded, ending, None)
        recorded.attempt += 1
        recorded.target = target
        began = NewAttempt(recorded.id, recorded.attempt, target, _now_us())
        self._outbox.send(recorded.ticket, ended, began)

    async def answered(
        self, recorded: Recorded, ending: Ending, *, known: Mapping[str, str] | None = None
    ) -> None:
        """Record how the attempt of an exchange ended; raises `StoreFailedError`."""
        body = None
        if ending.answer is not None:
            raw_body = ending.answer[1]
            limit = len(raw_body) if ending.is_truncated else None
            body = await self.stored(raw_body, limit, known)
        self.conclude(recorded, ending, body)
        if recorded.ticket.failure is not None:
            raise recorded.ticket.failure

    def conclude(self, recorded: Recorded, ending: Ending, body: Body | None) -> None:
        """Do what `answered` does, with the answer's body as `clear` has made it.

        That it is not in the store, and will not be, is told to who waits for it.
        """
        if recorded.is_over:
            return
        recorded.is_over = True
        answer = None
        if body is not None and ending.answer is not None:
            answer = Message(self._headers(ending.answer[0]), body)
        self._parentage.ended(recorded.id)
        self._on_end(recorded, ending)
        self._outbox.send(recorded.ticket, self._ended(recorded, ending, answer))

    async def durable(self, recorded: Recorded) -> None:
        """Wait until all that was recorded of an exchange is in the store, flushed.

        Raises `StoreFailedError` when it is not, and will not be.
        """
        await self._outbox.durable(recorded.ticket)

    def when_durable(self, recorded: Recorded, told: Told) -> None:
        """Tell when `durable` would return, or what it would raise."""
        self._outbox.when_durable(recorded.ticket, told)

    def parent(self, headers: Headers, worker: str = "", delivery_id: str = "") -> Parent | None:
        """Return the delivery that a call belongs to (see `Parentage.of_call`)."""
        return self._parentage.of_call(headers, worker, delivery_id)

    def parent_of_message(self, module: str) -> Parent | None:
        """Return the request during which *module* says something, as far as can be guessed."""
        return self._parentage.of_module(module)

    def holder(self, trace_id: str, parent_span_id: str) -> tuple[int, str] | None:
        """Return the delivery that a span belongs to, and its worker (see `Parentage.holder`)."""
        return self._parentage.holder(trace_id, parent_span_id)

    def by_trace(self, trace_id: str, worker: str = "") -> int | None:
        """Return what *worker* handles of a trace (see `Parentage.by_trace`)."""
        return self._parentage.by_trace(trace_id, worker)

    async def original_body(self, detail: Detail) -> bytes:
        """Return the request's bytes as they came; raises `ConsoleError` when that cannot be."""
        return await bodies.original(detail.request.body, self._value_of)

    async def present_body(self, detail: Detail) -> bytes:
        """Return them with secrets as they are now; raises `ConsoleError` when one has no value."""
        return await bodies.present(detail.request.body, self._value_of)

    def log(self, line: NewLog) -> None:
        """Take a log line; see `LogQueue.take`."""
        self._logs.take(line)

    @property
    def dropped_logs(self) -> int:
        """Return how many log lines are not in the store, because too many came."""
        return self._logs.dropped

    def flush(self) -> None:
        """Hand the writer every row and log line that waits; for an orderly end."""
        self._outbox.send_until(self._newest_id)
        self._logs.flush()

    async def stored(
        self, raw: bytes, truncate_to: int | None = None, known: Mapping[str, str] | None = None
    ) -> Body:
        """Return a body as it may be stored; a large one takes a while, in another thread."""
        if truncate_to is not None:
            return bodies.cut(raw, truncate_to, self._redactor)
        if len(raw) > INLINE_BYTES:
            async with self._large:  # one after the other, so that they do not crowd out small ones
                return await asyncio.to_thread(bodies.stored, raw, self._redactor, known)
        return self.clear(raw, known)

    def clear(self, raw: bytes, known: Mapping[str, str] | None = None) -> Body:
        """Return a body as it may be stored, at once, however large."""
        return bodies.stored(raw, self._redactor, known)

    def _ended(self, recorded: Recorded, ending: Ending, answer: Message | None) -> AttemptEnd:
        return AttemptEnd(
            recorded.id,
            recorded.attempt,
            ending.state,
            ending.status,
            ending.duration_us,
            ending.error and self._redactor.redact(ending.error),
            answer,
            ending.decision,
            ending.retry,
            ending.next_try_us,
        )

    def _headers(self, headers: Headers) -> Headers:
        return tuple(self._redactor.redact_headers(headers))


def _now_us() -> int:
    return time.time_ns() // 1000
