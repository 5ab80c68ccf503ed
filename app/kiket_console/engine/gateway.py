"""What becomes of a webhook, whoever sent it: through the front, or from the engine itself.

    accept ─► judge ─► record ─► forward ─► record the answer ─► both durable ─► answer the sender

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
from kiket_console.engine.forward import NoAnswerError, NotTakenError
from kiket_console.engine.headers import HOP, value_of
from kiket_console.engine.holding import HOLD_S, Holding
from kiket_console.engine.ports import Outcome
from kiket_console.engine.recorder import INLINE_BYTES, Arrival, Ending
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State
from kiket_console.store.writer import StoreFailedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.link import Answer
    from kiket_console.engine.ports import Delivery, Target, Workers
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.engine.token_judging import TokenJudge
    from kiket_console.model import Body, Exchange, Headers, Worker

_RETRY: Headers = (*JSON_TYPE, ("retry-after", "1"))
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
        self.body_bytes = body_bytes
        self._tokens = tokens
        self._aftermath = Aftermath(workers, retry_speed)
        self._on_outcome = on_outcome

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Judge, record and forward a delivery, and record its answer; durable on return."""
        outcome = await self.carry_out(delivery)
        if outcome.room is not None:
            outcome.room.give_back()
        return outcome

    async def carry_out(self, delivery: Delivery) -> Outcome:
        """Do what `deliver` does, for a caller that gives the outcome's room back itself."""
        outcome = await self._outcome(delivery)
        self._on_outcome(outcome)
        return outcome

    async def again(self, exchange: Exchange, delivery: Delivery) -> Outcome:
        """Make another attempt at a recorded delivery; durable on return.

        Raises `StoreFailedError` when that cannot be recorded.
        """
        delivery_id = value_of(delivery.headers, "x-kiket-delivery")
        recorded = self._recorder.resume(exchange, delivery_id)
        worker = self._worker(delivery.extension)
        if isinstance(worker, str):
            self._recorder.attempt(recorded, _SELF)
            outcome = await self._conclude(delivery, recorded, State.REJECTED, 404, worker)
        else:
            outcome = await self._tried(delivery, recorded, worker)
        if outcome.room is not None:
            outcome.room.give_back()
        self._on_outcome(outcome)
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
        return await self._forward(delivery, recorded, target)

    async def too_large(self, delivery: Delivery, sentence: str) -> None:
        """Record a delivery that was refused before all of it was read; its body is the start."""
        worker = self._worker(delivery.extension)
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
            self._on_outcome(outcome)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        wrong = routing.misnamed(delivery.event, delivery.version)
        if wrong:
            return _refused(404, wrong, headers=JSON_TYPE)
        worker = self._worker(delivery.extension)
        if isinstance(worker, str):
            return _refused(404, worker, headers=JSON_TYPE)
        try:
            if len(delivery.raw_body) > self.body_bytes:
                limit = f"The body has more than {self.body_bytes // 1024**2} MiB."
                return await self._reject(delivery, worker, 413, limit, self.body_bytes)
            if value_of(delivery.headers, HOP):
                return await self._reject(
                    delivery,
                    worker,
                    508,
                    "This gateway has forwarded the request itself before: its target leads back "
                    "here.",
                )
            return await self._accept(delivery, worker)
        except ConsoleError as error:
            status = error.status if isinstance(error, StoreFailedError) else 503
            return _refused(status, error.message)

    async def _accept(self, delivery: Delivery, worker: Worker) -> Outcome:
        arrival = await self._arrival(delivery, worker)
        body = await self._recorder.stored(delivery.raw_body)
        target = self._holding.target(worker.name)
        if target is not None:
            arrival.headers = delivery.headers_for(target)
            recorded = self._recorder.begin(arrival, body, target=target.label)
            return await self._forward(delivery, recorded, target)
        refusal = self._holding.refusal(worker)
        if refusal:
            recorded = self._recorder.begin(arrival, body, target=_SELF)
            return await self._conclude(delivery, recorded, State.REJECTED, 503, refusal)
        recorded, target = await self._held(delivery, arrival, body, worker.name)
        if target is None:
            why = self._holding.why_not_yet(worker.name)
            return await self._conclude(delivery, recorded, State.REJECTED, 503, why)
        return await self._forward(delivery, recorded, target)

    def _worker(self, name: str | None) -> Worker | str:
        """Return the worker that takes deliveries for *name*, or say why there is none."""
        workers = self._workers.extensions()
        if name is None and len(workers) == 1:
            return workers[0]
        names = ", ".join(worker.name for worker in workers)
        if name is not None:
            found = next((worker for worker in workers if worker.name == name), None)
            return found or f"No extension is called {name!r} here; there is {names or 'none'}."
        if not workers:
            return "No extension is loaded in this project, so nothing takes webhooks."
        return f"Several extensions are here: post to /x/NAME/webhooks/…, NAME one of {names}."

    async def _arrival(self, delivery: Delivery, worker: Worker) -> Arrival:
        """Judge a delivery, before anybody parses it, and say what there is to record of it."""
        version = judging.asked_version(delivery)
        expected = self._workers.judging(worker.name)
        if len(delivery.raw_body) > INLINE_BYTES:
            judgement = await asyncio.to_thread(
                judging.judge,
                *(delivery, version, expected, worker.handlers),
                *(self._tokens, worker.extension_id),
            )
        else:
            judgement = judging.judge(
                delivery, version, expected, worker.handlers, self._tokens, worker.extension_id
            )
        return Arrival(
            Source.WEBHOOK,
            worker.name,
            delivery.event,
            version,
            "POST",
            delivery.path,
            delivery.headers,
            delivery.raw_body,
            signature=delivery.signature_word or judging.word(judgement),
            judgement=judgement,
            replay_of=delivery.replay_of,
            edited=delivery.edited,
            may_repeat=bool(delivery.sender),
        )

    async def _held(
        self, delivery: Delivery, arrival: Arrival, body: Body, name: str
    ) -> tuple[Recorded, Target | None]:
        """Record a request as held and wait for its turn and a worker; None when none came."""
        with self._holding.place(name):
            recorded = self._recorder.begin(replace(arrival, state=State.HELD), body)
            try:
                target = await self._holding.wait(name)
            except asyncio.CancelledError:
                await self._interrupt(delivery, recorded, 0)
                raise
        self._recorder.attempt(recorded, target.label if target else _SELF)
        return recorded, target

    async def _forward(self, delivery: Delivery, recorded: Recorded, target: Target) -> Outcome:
        """Send a recorded request to its worker, and to the next one if that took nothing of it."""
        began_ns, first = time.perf_counter_ns(), recorded.attempt
        try:
            while True:
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
                except NotTakenError as error:
                    may_follow = recorded.attempt == first
                    following = await self._following(target) if may_follow else None
                    if following is None:
                        return await self._fail(delivery, recorded, error, error.sentence, began_ns)
                    in_vain = Ending(State.FAILED, None, _since_us(began_ns), error.sentence)
                    self._recorder.again(recorded, in_vain, following.label)
                    target, began_ns = following, time.perf_counter_ns()
                else:
                    return await self._answered(delivery, recorded, answer, _since_us(began_ns))
        except NoAnswerError as error:
            sentence = error.sentence
            if error.is_broken and await self._holding.gone(target):
                sentence = f"{target.label} ended before it answered."
            return await self._fail(delivery, recorded, error, sentence, began_ns)
        except asyncio.CancelledError:
            await self._interrupt(delivery, recorded, _since_us(began_ns))
            raise

    async def _following(self, target: Target) -> Target | None:
        """Return the worker that serves after one that took nothing."""
        if not await self._holding.gone(target):
            return None
        return await self._workers.wait_serving(target.worker_name, self._holding.hold_s)

    async def _answered(
        self, delivery: Delivery, recorded: Recorded, answer: Answer, duration_us: int
    ) -> Outcome:
        ending = Ending(
            State.FORWARDED, answer.status, duration_us, answer=(answer.headers, answer.raw_body)
        )
        self._aftermath.add_to(ending, delivery, recorded.worker, recorded.attempt)
        try:
            await self._recorder.answered(recorded, ending)
            await self._recorder.durable(recorded)
        except BaseException:
            if answer.room is not None:
                answer.room.give_back()
            raise
        return Outcome(
            recorded.id,
            State.FORWARDED,
            answer.status,
            answer.headers,
            answer.raw_body,
            duration_us,
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
                _since_us(began_ns),
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
        arrival = await self._arrival(delivery, worker)
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
            _RETRY if state is State.REJECTED and status == 503 else JSON_TYPE,
            error_body(sentence, exchange=recorded.id),
            ending.duration_us,
            sentence,
            decision=ending.decision,
            retry=ending.retry,
            next_try_us=ending.next_try_us,
        )

    async def _interrupt(self, delivery: Delivery, recorded: Recorded, duration_us: int) -> None:
        """Record that the engine stops while a try is under way; nobody waits for it."""
        sentence = "The engine was stopped before an answer came."
        ending = Ending(State.INTERRUPTED, None, duration_us, sentence)
        self._aftermath.add_to(ending, delivery, recorded.worker, recorded.attempt)
        with suppress(ConsoleError):  # the next start finds it under way, and says the same
            await self._recorder.answered(recorded, ending)


def _refused(status: int, sentence: str, headers: Headers = _RETRY) -> Outcome:
    """Return the outcome of a delivery that was not accepted, because it is not recorded."""
    return Outcome(None, State.REJECTED, status, headers, error_body(sentence), 0, sentence)


def _since_us(began_ns: int) -> int:
    return (time.perf_counter_ns() - began_ns) // 1000
