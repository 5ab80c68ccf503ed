"""What becomes of a webhook, whoever sent it: through the front, or from the engine itself.

    accept ─► judge ─► record ─► forward ─► record the answer ─► both durable ─► answer the sender

Most of what comes through the front takes the short way there (`short_way`), the rest and what the
engine itself sends the long one, here.

A request whose signature is judged bad is forwarded all the same, so that developers see their
own refusal. A request that cannot be recorded is not accepted. One that a worker may have acted
upon is never sent again by itself, unless it is one of the platform's that is tried again by its
schedule (see `retries`); one that no worker has taken goes to the next one.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_console.engine import judging, routing
from kiket_console.engine.aftermath import Aftermath
from kiket_console.engine.asgi import BODY_BYTES, JSON_TYPE, error_body
from kiket_console.engine.forward import NoAnswerError, NotTakenError, since_us
from kiket_console.engine.headers import value_of
from kiket_console.engine.holding import HOLD_S, Holding
from kiket_console.engine.ports import Outcome
from kiket_console.engine.reception import RETRY, Reception, refused, unknown
from kiket_console.engine.recorder import Arrival, Ending
from kiket_console.engine.short_way import ShortWay
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.link import Answer
    from kiket_console.engine.ports import Delivery, Target, Workers
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.engine.short_way import Passage, Sender
    from kiket_console.engine.token_judging import TokenJudge
    from kiket_console.model import Body, Exchange, Worker

_SELF = "gateway"
"""The target of an attempt that no worker took."""


class Gateway:
    """Take webhooks to workers; their bodies have *body_bytes* at most.

    Where code has no webhook secret, runtime tokens are judged by *tokens*.
    What is tried again follows the platform's schedule, *retry_speed* times as fast.
    """

    def __init__(
        self,
        workers: Workers,
        recorder: Recorder,
        forwarder: Forwarder,
        *,
        tokens: TokenJudge | None = None,
        hold_s: float = HOLD_S,
        body_bytes: int = BODY_BYTES,
        retry_speed: float = 1.0,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._workers = workers
        self._recorder = recorder
        self._forwarder = forwarder
        self._holding = Holding(workers, hold_s)
        self._reception = Reception(workers, tokens, body_bytes)
        self._aftermath = Aftermath(workers, retry_speed)
        self.on_outcome = on_outcome
        parts = workers, recorder, forwarder, self._reception, self._holding
        self._short_way = ShortWay(self, *parts)

    @property
    def body_bytes(self) -> int:
        """The most that a body may have."""
        return self._reception.body_bytes

    def take(self, delivery: Delivery, sender: Sender) -> Passage:
        """Do what `deliver` does with what came through the front; *sender* is answered."""
        return self._short_way.take(delivery, sender)

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Judge, record and forward a delivery, and record its answer; durable on return."""
        outcome = await self.carry_out(delivery)
        if outcome.room is not None:
            outcome.room.give_back()
        return outcome

    async def carry_out(self, delivery: Delivery) -> Outcome:
        """Do what `deliver` does, for a caller that gives the outcome's room back itself."""
        return await self.finish(self._outcome(delivery))

    async def finish(self, work: Awaitable[Outcome]) -> Outcome:
        """Return what becomes of a delivery, for such a caller; that it is refused if it fails."""
        try:
            outcome = await work
        except ConsoleError as error:
            outcome = refused(error)
        self.on_outcome(outcome)
        return outcome

    async def again(self, exchange: Exchange, delivery: Delivery) -> Outcome:
        """Make another attempt at a recorded delivery; durable on return.

        Raises `StoreFailedError` when that cannot be recorded.
        """
        delivery_id = value_of(delivery.headers, "x-kiket-delivery")
        recorded = self._recorder.resume(exchange, delivery_id)
        worker = self._reception.worker(delivery.extension)
        if isinstance(worker, str):
            self._recorder.attempt(recorded, _SELF)
            outcome = await self._conclude(delivery, recorded, State.REJECTED, 404, worker)
        else:
            outcome = await self._tried(delivery, recorded, worker)
        if outcome.room is not None:
            outcome.room.give_back()
        self.on_outcome(outcome)
        return outcome

    async def _tried(self, delivery: Delivery, recorded: Recorded, worker: Worker) -> Outcome:
        """Make an attempt at what is recorded, once a worker takes it."""
        target = self._holding.target(worker.name)
        refusal = "" if target is not None else self._holding.refusal(worker)
        if target is None and not refusal:
            with self._holding.place(worker.name):
                target = await self._holding.wait(worker.name)
        self._recorder.attempt(recorded, target.label if target else _SELF)
        if target is None:
            why = refusal or self._holding.why_not_yet(worker.name)
            return await self._conclude(delivery, recorded, State.REJECTED, 503, why)
        return await self.forward(delivery, recorded, target)

    async def too_large(self, delivery: Delivery, sentence: str) -> None:
        """Record a delivery that was refused before all of it was read; its body is the start."""
        worker = self._reception.worker(delivery.extension)
        if isinstance(worker, str) or routing.misnamed(delivery.event, delivery.version):
            return
        arrival = Arrival(
            Source.WEBHOOK,
            worker.name,
            delivery.event,
            judging.asked_version(delivery),
            "POST",
            delivery.path,
            delivery.headers,
            delivery.raw_body,
        )
        with suppress(ConsoleError):  # it is refused and counted all the same
            body = await self._recorder.stored(delivery.raw_body, len(delivery.raw_body))
            recorded = self._recorder.begin(arrival, body, target=_SELF)
            outcome = await self._conclude(delivery, recorded, State.REJECTED, 413, sentence)
            self.on_outcome(outcome)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        wrong = routing.misnamed(delivery.event, delivery.version)
        if wrong:
            return unknown(wrong)
        worker = self._reception.worker(delivery.extension)
        if isinstance(worker, str):
            return unknown(worker)
        refusal = self._reception.refusal(delivery)
        if refusal is not None:
            return await self._reject(delivery, worker, *refusal)
        return await self._accept(delivery, worker)

    async def _accept(self, delivery: Delivery, worker: Worker) -> Outcome:
        arrival = await self._reception.arrival(delivery, worker)
        body = await self._recorder.stored(delivery.raw_body)
        target = self._holding.target(worker.name)
        if target is not None:
            arrival.headers = delivery.headers_for(target)
            recorded = self._recorder.begin(arrival, body, target=target.label)
            return await self.forward(delivery, recorded, target)
        refusal = self._holding.refusal(worker)
        if refusal:
            recorded = self._recorder.begin(arrival, body, target=_SELF)
            return await self._conclude(delivery, recorded, State.REJECTED, 503, refusal)
        recorded, target = await self._held(delivery, arrival, body, worker.name)
        if target is None:
            why = self._holding.why_not_yet(worker.name)
            return await self._conclude(delivery, recorded, State.REJECTED, 503, why)
        return await self.forward(delivery, recorded, target)

    async def _held(
        self, delivery: Delivery, arrival: Arrival, body: Body, name: str
    ) -> tuple[Recorded, Target | None]:
        """Record a request as held and wait for its turn and a worker; None when none came."""
        with self._holding.place(name):
            recorded = self._recorder.begin(replace(arrival, state=State.HELD), body)
            try:
                target = await self._holding.wait(name)
            except asyncio.CancelledError:
                self.interrupt(delivery, recorded, 0)
                raise
        self._recorder.attempt(recorded, target.label if target else _SELF)
        return recorded, target

    async def forward(self, delivery: Delivery, recorded: Recorded, target: Target) -> Outcome:
        """Send a recorded request to its worker, and to the next one if that took nothing of it."""
        began_ns = time.perf_counter_ns()
        try:
            answer = await self._forwarder.forward(
                target,
                "POST",
                delivery.path,
                delivery.headers_for(target),
                delivery.raw_body,
                traceparent=recorded.trace.parent(recorded.span_id),
                sender=delivery.sender,
                timeout_s=delivery.limit_s,
            )
        except NoAnswerError as error:
            return await self.not_answered(delivery, recorded, target, error, began_ns)
        except asyncio.CancelledError:
            self.interrupt(delivery, recorded, since_us(began_ns))
            raise
        return await self.answered(delivery, recorded, answer, since_us(began_ns))

    async def not_answered(
        self,
        delivery: Delivery,
        recorded: Recorded,
        target: Target,
        error: NoAnswerError,
        began_ns: int,
    ) -> Outcome:
        """Go on with a request whose try (since *began_ns*) brought no answer."""
        sentence = error.sentence
        try:
            following = None
            if isinstance(error, NotTakenError):
                following = await self._following(recorded, target)
            elif error.is_broken and await self._holding.gone(target):
                sentence = f"{target.label} ended before it answered."
        except asyncio.CancelledError:
            self.interrupt(delivery, recorded, since_us(began_ns))
            raise
        if following is None:
            return await self._fail(delivery, recorded, error, sentence, began_ns)
        in_vain = Ending(State.FAILED, None, since_us(began_ns), sentence)
        self._recorder.again(recorded, in_vain, following.label)
        recorded.may_follow = False
        return await self.forward(delivery, recorded, following)

    async def _following(self, recorded: Recorded, target: Target) -> Target | None:
        """Return the worker that serves after one that took nothing; it is looked for once."""
        if not (recorded.may_follow and await self._holding.gone(target)):
            return None
        return await self._workers.wait_serving(target.worker_name, self._holding.hold_s)

    async def answered(
        self, delivery: Delivery, recorded: Recorded, answer: Answer, duration_us: int
    ) -> Outcome:
        """Record the answer that a worker gave, and return it when it is durable."""
        ending = self.ending(delivery, recorded, answer, duration_us)
        try:
            await self._recorder.answered(recorded, ending)
            await self._recorder.durable(recorded)
        except BaseException as error:
            if answer.room is not None:
                answer.room.give_back()
            if isinstance(error, asyncio.CancelledError):
                self.interrupt(delivery, recorded, duration_us)
            raise
        return self.outcome(recorded, ending, answer)

    def ending(
        self, delivery: Delivery, recorded: Recorded, answer: Answer, duration_us: int
    ) -> Ending:
        """Return how a try ended that brought an answer."""
        ending = Ending(
            State.FORWARDED, answer.status, duration_us, answer=(answer.headers, answer.raw_body)
        )
        self._aftermath.add_to(ending, delivery, recorded.worker, recorded.attempt)
        return ending

    def outcome(self, recorded: Recorded, ending: Ending, answer: Answer) -> Outcome:
        """Return what became of a delivery that a worker answered."""
        return Outcome(
            recorded.id,
            State.FORWARDED,
            answer.status,
            answer.headers,
            answer.raw_body,
            ending.duration_us,
            "",
            answer.room,
            ending.decision,
            ending.retry,
            ending.next_try_us,
        )

    async def _fail(
        self,
        delivery: Delivery,
        recorded: Recorded,
        error: NoAnswerError,
        sentence: str,
        began_ns: int,
    ) -> Outcome:
        """Record a try that brought no usable answer, and say so."""
        told = sentence
        if error.is_broken and not delivery.is_retried:
            told += (
                f" It may have acted upon exchange {recorded.id}, so that is not sent again by "
                "itself."
            )
        return await self._conclude(
            delivery,
            recorded,
            State.FAILED,
            error.status,
            told,
            Ending(
                State.FAILED,
                error.status,
                since_us(began_ns),
                sentence,
                answer=(error.beginning.headers, error.beginning.raw_body)
                if error.beginning
                else None,
                is_truncated=error.beginning is not None,
            ),
        )

    async def _reject(
        self,
        delivery: Delivery,
        worker: Worker,
        status: int,
        sentence: str,
        truncate_to: int | None = None,
    ) -> Outcome:
        """Record a request that no worker is tried for, and answer it ourselves."""
        arrival = await self._reception.arrival(delivery, worker)
        body = await self._recorder.stored(delivery.raw_body, truncate_to)
        recorded = self._recorder.begin(arrival, body, target=_SELF)
        return await self._conclude(delivery, recorded, State.REJECTED, status, sentence)

    async def _conclude(
        self,
        delivery: Delivery,
        recorded: Recorded,
        state: State,
        status: int,
        sentence: str,
        ending: Ending | None = None,
    ) -> Outcome:
        """Record an answer of our own, and return it when it is durable."""
        ending = ending or Ending(state, status, 0, sentence)
        self._aftermath.add_to(ending, delivery, recorded.worker, recorded.attempt)
        await self._recorder.answered(recorded, ending)
        await self._recorder.durable(recorded)
        return Outcome(
            recorded.id,
            state,
            status,
            RETRY if state is State.REJECTED and status == 503 else JSON_TYPE,
            error_body(sentence, exchange=recorded.id),
            ending.duration_us,
            sentence,
            decision=ending.decision,
            retry=ending.retry,
            next_try_us=ending.next_try_us,
        )

    def interrupt(self, delivery: Delivery, recorded: Recorded, duration_us: int) -> None:
        """Record that the engine stops while a try is under way; nobody waits for it."""
        sentence = "The engine was stopped before an answer came."
        ending = Ending(State.INTERRUPTED, None, duration_us, sentence)
        self._aftermath.add_to(ending, delivery, recorded.worker, recorded.attempt)
        self._recorder.conclude(recorded, ending, None)
