"""The engine's HTTP front for webhooks.

    accept ─► judge ─► record ─► forward ─► record the answer ─► both durable ─► answer the sender

A request whose signature is judged bad is forwarded all the same, so that developers see their
own refusal. A request that cannot be recorded is not accepted.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from kiket_console.engine import judging
from kiket_console.engine.asgi import (
    BODY_BYTES,
    JSON_TYPE,
    error_body,
    headers_of,
    raw_path,
    read_body,
    send_answer,
    with_query,
)
from kiket_console.engine.forward import NoAnswerError, NotTakenError, with_header
from kiket_console.engine.ports import Delivery, Outcome
from kiket_console.engine.recorder import Arrival, Ending
from kiket_console.errors import ConsoleError
from kiket_console.model import Source, State, WorkerState

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.ports import Target, Workers
    from kiket_console.engine.recorder import Recorded, Recorder
    from kiket_console.model import Headers, Worker

HOLD_S = 10.0
HELD_LIMIT = 100

_EVENT = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_ROUTE = re.compile(r"(?:/x/([^/]+))?((?:/v/([^/]+))?/webhooks/([^/]+))")
_HOPELESS = frozenset({WorkerState.BROKEN, WorkerState.FATAL, WorkerState.STOPPED})
_RETRY: Headers = (*JSON_TYPE, ("retry-after", "1"))
_SELF = "gateway"
"""The target of an attempt that no worker took."""


@dataclass(slots=True)
class _Hold:
    """Requests that wait for one worker, let go in the order in which they came."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # asyncio's locks are fair
    waiting: int = 0


class Gateway:
    """Take webhooks to workers; `app` is its ASGI front, `deliver` the pipeline behind it."""

    def __init__(
        self,
        workers: Workers,
        recorder: Recorder,
        forwarder: Forwarder,
        *,
        hold_s: float = HOLD_S,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._workers = workers
        self._recorder = recorder
        self._forwarder = forwarder
        self._hold_s = hold_s
        self._on_outcome = on_outcome
        self._holds: dict[str, _Hold] = {}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI)."""
        if scope["type"] != "http":
            return
        path = raw_path(scope)
        route = _ROUTE.fullmatch(path)
        if route is None:
            await send_answer(send, *_elsewhere(scope["method"], path))
            return
        if scope["method"] != "POST":
            sentence = f"{scope['method']} is not for webhooks; send a POST."
            await send_answer(send, 405, (*JSON_TYPE, ("allow", "POST")), error_body(sentence))
            return
        extension, version, event = (_segment(route[n]) for n in (1, 3, 4))
        raw_body = await read_body(receive)
        if raw_body is None:
            return
        outcome = await self.deliver(
            Delivery(
                extension,
                event or "",
                version or "",
                with_query(route[2], scope),
                headers_of(scope),
                raw_body,
            )
        )
        await send_answer(send, outcome.status, _without_date(outcome.headers), outcome.raw_body)

    async def deliver(self, delivery: Delivery) -> Outcome:
        """Judge, record and forward a delivery, and record its answer; durable on return."""
        outcome = await self._delivered(delivery)
        self._on_outcome(outcome)
        return outcome

    async def _delivered(self, delivery: Delivery) -> Outcome:
        wrong = _misnamed(delivery.event, delivery.version)
        if wrong:
            return _refused(404, wrong, headers=JSON_TYPE)
        worker = self._worker(delivery.extension)
        if isinstance(worker, str):
            return _refused(404, worker, headers=JSON_TYPE)
        if len(delivery.raw_body) > BODY_BYTES:
            return await self._reject(
                self._arrival(delivery, worker, truncate_to=BODY_BYTES),
                413,
                f"The body has more than {BODY_BYTES // 1024**2} MiB.",
            )
        arrival = self._arrival(delivery, worker)
        hold = self._holds.setdefault(worker.name, _Hold())
        target = None if hold.waiting else self._workers.serving(worker.name)
        if target is None:
            if not worker.serving and worker.state in _HOPELESS:
                return await self._reject(arrival, 503, _why_not(worker))
            if hold.waiting >= HELD_LIMIT:
                return await self._reject(
                    arrival,
                    503,
                    f"{HELD_LIMIT} requests wait for {worker.name!r} already; send it again.",
                )
        try:
            if target is not None:
                recorded = await self._recorder.receive(arrival, target=target.label)
            else:
                hold.waiting += 1
                try:
                    recorded, target = await self._held(arrival, worker.name, hold)
                finally:
                    hold.waiting -= 1
                if target is None:
                    why = self._why_not_yet(worker.name)
                    return await self._conclude(recorded, _rejection(503, why), 0)
            return await self._try(delivery, recorded, target)
        except ConsoleError as error:
            return _refused(503, error.message)

    def _worker(self, name: str | None) -> Worker | str:
        """Return the worker that takes deliveries for *name*, or say why there is none."""
        workers = [worker for worker in self._workers.workers() if worker.kind == "extension"]
        names = ", ".join(worker.name for worker in workers)
        if name is not None:
            found = next((worker for worker in workers if worker.name == name), None)
            return found or f"No extension is called {name!r} here; there is {names or 'none'}."
        if len(workers) == 1:
            return workers[0]
        if not workers:
            return "No extension is loaded in this project, so nothing takes webhooks."
        return f"Several extensions are here: post to /x/NAME/webhooks/…, NAME one of {names}."

    def _arrival(
        self, delivery: Delivery, worker: Worker, truncate_to: int | None = None
    ) -> Arrival:
        """Judge a delivery, and say what there is to record of it."""
        version = judging.asked_version(delivery)
        judgement = judging.judge(
            delivery, version, self._workers.judging(worker.name), worker.handlers
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
            truncate_to=truncate_to,
        )

    async def _held(
        self, arrival: Arrival, name: str, hold: _Hold
    ) -> tuple[Recorded, Target | None]:
        """Record a request as held and wait for its turn and a worker; None when none came."""
        recorded = await self._recorder.receive(replace(arrival, state=State.HELD))
        try:
            async with asyncio.timeout(self._hold_s), hold.turn:
                target = await self._workers.wait_serving(name, self._hold_s)
        except TimeoutError:
            target = None
        except asyncio.CancelledError:
            await self._interrupt(recorded, 0)
            raise
        self._recorder.attempt(recorded, target.label if target else _SELF)
        return recorded, target

    async def _try(self, delivery: Delivery, recorded: Recorded, target: Target) -> Outcome:
        began_ns = time.perf_counter_ns()
        traced = with_header(
            delivery.headers, "traceparent", recorded.trace.parent(recorded.span_id)
        )
        try:
            answer = await self._forwarder.forward(
                target, "POST", delivery.path, traced, delivery.raw_body
            )
        except NoAnswerError as error:
            if isinstance(error, NotTakenError):
                # It waited for a connection to a worker that a newer one has replaced meanwhile.
                now = await self._workers.wait_serving(target.worker_name, self._hold_s)
                if now is not None and now != target:
                    self._recorder.attempt(recorded, now.label)
                    return await self._try(delivery, recorded, now)
            failure = _Own(State.FAILED, error.status, error.sentence, JSON_TYPE)
            return await self._conclude(recorded, failure, _since_us(began_ns))
        except asyncio.CancelledError:
            await self._interrupt(recorded, _since_us(began_ns))
            raise
        duration_us = _since_us(began_ns)
        ending = Ending(
            State.FORWARDED,
            answer.status,
            duration_us,
            answer=(answer.headers, answer.raw_body),
        )
        await self._recorder.answered(recorded, ending)
        await self._recorder.durable(recorded)
        return Outcome(
            recorded.id,
            State.FORWARDED,
            answer.status,
            answer.headers,
            answer.raw_body,
            duration_us,
            "",
        )

    async def _reject(self, arrival: Arrival, status: int, sentence: str) -> Outcome:
        """Record a request that no worker is tried for, and answer it ourselves."""
        try:
            recorded = await self._recorder.receive(arrival, target=_SELF)
            return await self._conclude(recorded, _rejection(status, sentence), 0)
        except ConsoleError as error:
            return _refused(503, error.message)

    async def _conclude(self, recorded: Recorded, own: _Own, duration_us: int) -> Outcome:
        """Record an answer of our own, and return it when it is durable."""
        raw_body = error_body(own.sentence, exchange=recorded.id)
        ending = Ending(own.state, own.status, duration_us, own.sentence)
        await self._recorder.answered(recorded, ending)
        await self._recorder.durable(recorded)
        return Outcome(
            recorded.id, own.state, own.status, own.headers, raw_body, duration_us, own.sentence
        )

    async def _interrupt(self, recorded: Recorded, duration_us: int) -> None:
        """Record that the engine stops while a try is under way; nobody waits for it."""
        sentence = "The engine was stopped before an answer came."
        await self._recorder.answered(
            recorded, Ending(State.INTERRUPTED, None, duration_us, sentence)
        )

    def _why_not_yet(self, name: str) -> str:
        worker = next((each for each in self._workers.workers() if each.name == name), None)
        if worker is not None and not worker.serving and worker.state in _HOPELESS:
            return _why_not(worker)
        return f"No worker of {name!r} was ready within {self._hold_s:g} s; send it again."


@dataclass(frozen=True, slots=True)
class _Own:
    """An answer that the gateway gives itself."""

    state: State
    status: int
    sentence: str
    headers: Headers


def _rejection(status: int, sentence: str) -> _Own:
    return _Own(State.REJECTED, status, sentence, _RETRY if status == 503 else JSON_TYPE)


def _refused(status: int, sentence: str, headers: Headers = _RETRY) -> Outcome:
    """Return the outcome of a delivery that was not accepted, because it is not recorded."""
    return Outcome(None, State.REJECTED, status, headers, error_body(sentence), 0, sentence)


def _why_not(worker: Worker) -> str:
    if worker.state is WorkerState.STOPPED:
        return f"The worker {worker.name!r} is stopped; start it to take deliveries."
    problem = worker.problem
    if problem is None:
        return f"The worker {worker.name!r} does not run; see its log."
    place = f" ({problem.file}:{problem.line})" if problem.file else ""
    return f"The worker {worker.name!r} did not start: {problem.sentence}{place}"


def _segment(found: str | None) -> str | None:
    return None if found is None else unquote_to_bytes(found).decode("utf-8", "backslashreplace")


def _misnamed(event: str, version: str) -> str:
    """Say what is wrong with an event's or version's name; empty when nothing is."""
    if not _EVENT.fullmatch(event):
        return (
            f"{event[:128]!r} cannot be an event's name; use 1 to 128 letters, digits, and . _ : -"
        )
    if version and not _VERSION.fullmatch(version):
        return (
            f"{version[:64]!r} cannot be a version's name; use 1 to 64 letters, digits, and . _ : -"
        )
    return ""


def _elsewhere(method: str, path: str) -> tuple[int, Headers, bytes]:
    """Answer what is no webhook."""
    if path not in {"/", "/health"}:
        sentence = "Nothing is here; webhooks go to POST /webhooks/{event}."
        return 404, JSON_TYPE, error_body(sentence)
    if method not in {"GET", "HEAD"}:
        sentence = f"{method} is not for {path}; use GET."
        return 405, (*JSON_TYPE, ("allow", "GET, HEAD")), error_body(sentence)
    return 200, JSON_TYPE, b'{"status":"ok","service":"kiket-console gateway"}'


def _since_us(began_ns: int) -> int:
    return (time.perf_counter_ns() - began_ns) // 1000


def _without_date(headers: Headers) -> Headers:
    """Return *headers* without Date: our server adds its own to whatever it answers."""
    return tuple(pair for pair in headers if pair[0].lower() != "date")
