"""Put what happens into the store: ids at once, secrets taken out, durable when it must be.

    receive ──► attempt ──► answered ──► durable     (the gateway; the sender is answered last)
    log ──► buffer (bounded, oldest dropped and counted) ──► the store, when it has time

Belongs to one event loop; call it from that loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kiket_console.engine import bodies, trace
from kiket_console.engine.headers import value_of
from kiket_console.engine.outbox import Outbox, Ticket
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
    from concurrent.futures import Future

    from kiket_console.engine.parentage import Parent
    from kiket_console.model import Body, Detail, Exchange
    from kiket_console.store.writer import Writer
    from kiket_core.secret import Redactor

TOLD_PER_S = 50
LOG_LINES = 2048
LOG_BATCH = 256
LOG_PAUSE_S = 0.01
LOG_TEXT = 64 * 1024
INLINE_BYTES = 64 * 1024
"""Larger bodies are searched for secrets in another thread, so that nobody waits for it."""


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class Arrival:
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


@dataclass(slots=True, eq=False)
class Recorded:
    """An exchange that is on its way into the store."""

    id: int
    trace: trace.Trace
    span_id: str
    worker: str
    is_delivery: bool
    ticket: Ticket
    attempt: int = 1
    """The number of the try that is under way, or is to come."""


@dataclass(slots=True)  # not frozen: one for each delivery, and that costs three times as much
class Ending:
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


class Recorder:
    """Record exchanges, attempts and logs through *writer*, redacted by *redactor*.

    `on_commit` is called on the event loop after commits, `TOLD_PER_S` times a second at most and
    always with the newest. `value_of` gives a secret's value, to
    put back what was taken out.
    """

    def __init__(
        self,
        writer: Writer,
        redactor: Redactor,
        on_commit: Callable[[Committed], None],
        value_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._writer = writer
        self._redactor = redactor
        self._on_commit = on_commit
        self._value_of = value_of
        self._loop = asyncio.get_running_loop()
        self._newest_id = writer.newest.newest_exchange
        self._parentage = Parentage()
        self._outbox = Outbox(writer)
        self._large = asyncio.Lock()
        self._logs: deque[NewLog] = deque()
        self._logs_written: Future[Committed] | None = None
        self._logs_due: asyncio.TimerHandle | None = None
        self.dropped_logs = 0
        """Log lines that came faster than they could be stored."""
        self._newest_commit = writer.newest
        self._is_telling = False
        writer.on_commit = self._committed

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
    ) -> Recorded:
        """Do what `receive` does, with the body as `stored` has made it."""
        seen = trace.sent(arrival.headers) or (parent.trace if parent else trace.new_trace())
        exchange_id = self._newest_id + 1
        span_id = trace.new_span_id()
        started_us = _now_us()
        rows: list[Row] = [
            NewExchange(
                id=exchange_id,
                source=arrival.source,
                worker=arrival.worker,
                name=self._redactor.redact(arrival.name),
                version=arrival.version,
                method=arrival.method,
                path=self._redactor.redact(arrival.path),
                started_us=started_us,
                state=arrival.state,
                request=Message(self._headers(arrival.headers), body),
                signature=arrival.signature,
                judgement=arrival.judgement,
                trace_id=seen.trace_id,
                span_id=span_id,
                parent_id=parent.exchange_id if parent else None,
                parent_guessed=parent is not None and parent.guessed,
                replay_of=arrival.replay_of,
                edited=arrival.edited,
                kind=arrival.kind,
                direction=arrival.direction,
                channel=arrival.channel,
            )
        ]
        if target is not None:
            rows.append(NewAttempt(exchange_id, 1, target, started_us))
        ticket = self._outbox.hold(exchange_id, rows)
        self._newest_id = exchange_id
        is_delivery = arrival.source is Source.WEBHOOK
        if is_delivery:
            delivery_id = value_of(arrival.headers, "x-kiket-delivery")
            self._parentage.began(exchange_id, arrival.worker, seen, delivery_id)
        elif arrival.direction == Direction.IN and target is not None:
            self._parentage.asked(exchange_id, arrival.worker, seen)
        return Recorded(exchange_id, seen, span_id, arrival.worker, is_delivery, ticket)

    def resume(self, exchange: Exchange, delivery_id: str) -> Recorded:
        """Return an exchange that is in the store, to record another attempt at it."""
        seen = trace.Trace(exchange.trace_id)
        self._parentage.began(exchange.id, exchange.worker, seen, delivery_id)
        return Recorded(
            exchange.id,
            seen,
            trace.new_span_id(),
            exchange.worker,
            is_delivery=True,
            ticket=Ticket(exchange.id, []),
            attempt=exchange.attempts + 1,
        )

    def attempt(self, recorded: Recorded, target: str) -> None:
        """Record that an exchange's try begins now: it was held until now, or is tried again."""
        row = NewAttempt(recorded.id, recorded.attempt, target, _now_us())
        self._outbox.send(recorded.ticket, row)

    def again(self, recorded: Recorded, ending: Ending, target: str) -> None:
        """Record that a try ended in vain and that the next one begins, on another target."""
        ended = self._ended(recorded, ending, None)
        recorded.attempt += 1
        began = NewAttempt(recorded.id, recorded.attempt, target, _now_us())
        self._outbox.send(recorded.ticket, ended, began)

    async def answered(
        self, recorded: Recorded, ending: Ending, *, known: Mapping[str, str] | None = None
    ) -> None:
        """Record how the attempt of an exchange ended."""
        answer = None
        if ending.answer is not None:
            headers, raw_body = ending.answer
            limit = len(raw_body) if ending.is_truncated else None
            answer = Message(self._headers(headers), await self.stored(raw_body, limit, known))
        self._conclude(recorded, ending, answer)
        if recorded.ticket.failure is not None:
            raise recorded.ticket.failure

    def conclude(self, recorded: Recorded, ending: Ending, body: Body | None) -> None:
        """Do what `answered` does, with the answer's body as `clear` has made it."""
        headers = ending.answer[0] if ending.answer is not None else ()
        answer = None if body is None else Message(self._headers(headers), body)
        self._conclude(recorded, ending, answer)

    def _conclude(self, recorded: Recorded, ending: Ending, answer: Message | None) -> None:
        self.ended(recorded)
        self._outbox.send(recorded.ticket, self._ended(recorded, ending, answer))

    def ended(self, recorded: Recorded) -> None:
        """Stop taking calls without a trace for calls of this delivery."""
        self._parentage.ended(recorded.id)

    async def durable(self, recorded: Recorded) -> None:
        """Wait until all that was recorded of an exchange is in the store, flushed.

        Raises `StoreFailedError` when it is not, and will not be.
        """
        await self._outbox.durable(recorded.ticket)

    def parent(self, headers: Headers, worker: str = "", delivery_id: str = "") -> Parent | None:
        """Return the delivery that a call belongs to (see `Parentage.of_call`)."""
        return self._parentage.of_call(headers, worker, delivery_id)

    def parent_of_message(self, module: str) -> Parent | None:
        """Return the request during which *module* says something, as far as can be guessed."""
        return self._parentage.of_module(module)

    def by_trace(self, trace_id: str) -> int | None:
        """Return the newest delivery of a trace."""
        return self._parentage.by_trace(trace_id)

    async def original_body(self, detail: Detail) -> bytes:
        """Return the request's bytes as they came; raises `ConsoleError` when that cannot be."""
        return await bodies.original(detail.request.body, self._value_of)

    def log(self, line: NewLog) -> None:
        """Take a log line; the oldest are dropped when too many wait."""
        text = self._redactor.redact(_storable(line.text))
        if len(self._logs) == LOG_LINES:
            self._logs.popleft()
            self.dropped_logs += 1
        self._logs.append(
            NewLog(
                line.at_us,
                line.worker,
                line.stream,
                line.level,
                self._redactor.redact(_storable(line.logger)),
                text if len(text) <= LOG_TEXT else text[:LOG_TEXT] + "…",
                line.trace_id,
                line.exchange_id or self.by_trace(line.trace_id),
            )
        )
        if self._logs_due is None:
            self._logs_due = self._loop.call_later(LOG_PAUSE_S, self._write_logs)

    def flush(self) -> None:
        """Hand the writer every row and log line that waits; for an orderly end."""
        self._outbox.send_until(self._newest_id)
        if self._logs_due is not None:
            self._logs_due.cancel()
            self._logs_due = None
        if self._logs:
            self._submit_logs(len(self._logs))

    def _write_logs(self) -> None:
        """Hand over a batch, one at a time, so that logs never crowd out deliveries."""
        self._logs_due = None
        if self._logs_written is None or self._logs_written.done():
            self._submit_logs(LOG_BATCH)
        if self._logs:
            self._logs_due = self._loop.call_later(LOG_PAUSE_S, self._write_logs)

    def _submit_logs(self, limit: int) -> None:
        batch = [self._logs.popleft() for _ in range(min(limit, len(self._logs)))]
        try:
            self._logs_written = self._writer.submit(batch)
        except ConsoleError:  # busy, or closed
            self.dropped_logs += len(batch)

    async def stored(
        self, raw: bytes, truncate_to: int | None = None, known: Mapping[str, str] | None = None
    ) -> Body:
        """Return a body as it may be stored; a large one takes a while, in another thread."""
        if truncate_to is not None:
            return bodies.cut(raw, truncate_to, self._redactor)
        if len(raw) > INLINE_BYTES:
            async with self._large:  # one after the other, so that they do not crowd out small ones
                return await asyncio.to_thread(bodies.stored, raw, self._redactor, known or {})
        return self.clear(raw, known)

    def clear(self, raw: bytes, known: Mapping[str, str] | None = None) -> Body:
        """Return a body as it may be stored, at once, however large."""
        return bodies.stored(raw, self._redactor, known or {})

    def _ended(self, recorded: Recorded, ending: Ending, answer: Message | None) -> AttemptEnd:
        return AttemptEnd(
            recorded.id,
            recorded.attempt,
            ending.state,
            ending.status,
            ending.duration_us,
            self._redactor.redact(ending.error),
            answer,
            ending.decision,
            ending.retry,
            ending.next_try_us,
        )

    def _headers(self, headers: Headers) -> Headers:
        return tuple(self._redactor.redact_headers(headers))

    def _committed(self, committed: Committed) -> None:
        """Take note of a commit; called in the writer's thread."""
        self._newest_commit = committed
        if not self._is_telling:
            self._is_telling = True
            with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        told = self._newest_commit
        self._on_commit(told)
        self._loop.call_later(1 / TOLD_PER_S, self._tell_newer, told)

    def _tell_newer(self, told: Committed) -> None:
        self._is_telling = False  # before looking: a commit from here on tells of itself
        if self._newest_commit is not told:
            self._is_telling = True
            self._tell()


def _storable(text: str) -> str:
    """Return *text* with what UTF-8 cannot carry (lone surrogates) written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _now_us() -> int:
    return time.time_ns() // 1000
