"""What modules and the orchestrator say to each other, taken down for the store.

    session, router ──► request · reply · lone ──► recorder ──► the store, when it has time

Nobody waits for it. What waits to be written is bounded; beyond that messages are dropped and
counted, and deliveries, which are waited for, keep most of the store's room. A reply is taken down
whatever waits, without its body if need be, so that nothing stands as pending that is over.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from kiket_console.engine import trace
from kiket_console.engine.orchestrator import contents
from kiket_console.engine.parentage import Parent
from kiket_console.engine.recorder import Arrival, Ending, Recorded
from kiket_console.errors import ConsoleError
from kiket_console.ipc import Direction, Kind
from kiket_console.model import Body, Source, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.engine.orchestrator.ports import Frame
    from kiket_console.engine.outbox import Ticket
    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Headers

OnAnswer: TypeAlias = "Callable[[int, bool], object]"
ROWS = 1024
"""How many messages may wait to be written; the store's own queue holds four times as many."""
RAW_BYTES = 24 * 1024 * 1024
"""How many bytes of them; one message is taken whatever its size when none waits."""
OPEN = 16_384
"""How many requests may be without a reply; nobody is told how an older one ended."""
TRACES = 8192
"""Of how many of the newest messages the trace is known, for what they cause."""
ORCHESTRATOR = "orchestrator"
"""Whom a module's own requests are tried on."""


class _Open(Struct):
    """A request without a reply so far."""

    recorded: Recorded
    began: float
    """By `time.perf_counter`."""
    is_http: bool
    """Whether it is an HTTP request to a module."""


class RecordedTape:
    """Take messages down through *recorder*; belongs to the event loop of that.

    *on_answer* is told of each HTTP request to a module, once it is over, how long it took (µs)
    and whether it failed.
    """

    def __init__(self, recorder: Recorder, on_answer: OnAnswer = lambda *_: None) -> None:
        self._recorder = recorder
        self._on_answer = on_answer
        self._open: dict[int, _Open] = {}
        self._traces: dict[int, trace.Trace] = {}
        self._waiting: deque[tuple[Ticket, int]] = deque()
        self._waiting_bytes = 0
        self.dropped = 0
        """Messages, or the bodies of replies, that came faster than they could be stored."""

    def request(
        self,
        frame: Frame,
        *,
        parent: int | None = None,
        replay_of: int | None = None,
        edited: bool = False,
    ) -> int | None:
        """Take down a message that asks for a reply; return its exchange, None if dropped."""
        target = frame.label if frame.direction == Direction.IN else ORCHESTRATOR
        recorded = self._begin(frame, target, parent, replay_of, edited=edited)
        if recorded is None:
            return None
        is_http = frame.op == "http_request" and frame.direction == Direction.IN
        self._open[recorded.id] = _Open(recorded, time.perf_counter(), is_http)
        if len(self._open) > OPEN:
            self.reply(
                next(iter(self._open)),
                None,
                state=State.FAILED,
                error="No reply came before many thousands of later requests.",
            )
        return recorded.id

    def reply(
        self,
        exchange_id: int | None,
        frame: Frame | None,
        *,
        state: State = State.FORWARDED,
        status: int | None = None,
        error: str = "",
    ) -> None:
        """Take down how a request ended: with *frame*, or without one, and then *error* says why.

        Does nothing for None, the exchange of what was dropped, and for one that has ended.
        """
        asked = self._open.pop(exchange_id, None) if exchange_id is not None else None
        if asked is None:
            return
        took_us = int((time.perf_counter() - asked.began) * 1_000_000)
        if asked.is_http:
            failed = state is not State.FORWARDED or (status is not None and status >= 400)
            self._on_answer(took_us, failed)
        ending = Ending(state, status, took_us, error)
        body = None
        if frame is not None:
            headers = contents.headers(frame)
            ending.answer = headers, b""
            body = self._answer(frame, headers)
        self._recorder.conclude(asked.recorded, ending, body)
        self._wait_for(asked.recorded.ticket, len(body.raw) if body is not None else 0)

    def lone(
        self,
        frame: Frame,
        *,
        parent: int | None = None,
        replay_of: int | None = None,
        edited: bool = False,
    ) -> int | None:
        """Take down a message that nobody answers; return its exchange, None if dropped."""
        recorded = self._begin(frame, None, parent, replay_of, edited=edited)
        return None if recorded is None else recorded.id

    def traceparent(self, exchange_id: int | None) -> str | None:
        """Return what says that a message is a part of an exchange; None where that is dropped."""
        known = self._traces.get(exchange_id) if exchange_id is not None else None
        return None if known is None else known.parent(trace.new_span_id())

    def _begin(
        self,
        frame: Frame,
        target: str | None,
        parent: int | None,
        replay_of: int | None,
        *,
        edited: bool,
    ) -> Recorded | None:
        if not self._has_room(len(frame.raw)):
            self.dropped += 1
            return None
        if target is not None:
            state = State.RECEIVED
        else:
            state = State.REJECTED if frame.kind == Kind.INVALID else State.FORWARDED
        headers = contents.headers(frame)
        arrival = Arrival(
            Source.IPC,
            frame.module,
            frame.op,
            "",
            frame.method,
            frame.path,
            headers,
            frame.raw,
            state,
            replay_of=replay_of,
            edited=edited,
            kind=frame.kind,
            direction=frame.direction,
            channel=frame.channel,
        )
        body = self._recorder.clear(frame.raw, contents.private(frame, headers))
        cause = self._cause(frame, headers, parent)
        seen = trace.sent(contents.trace_of(frame)) if cause is None else None
        try:
            recorded = self._recorder.begin(arrival, body, target=target, parent=cause, seen=seen)
        except ConsoleError:  # the store is busy with deliveries, or gone
            self.dropped += 1
            return None
        self._traces[recorded.id] = recorded.trace
        if len(self._traces) > TRACES:
            del self._traces[next(iter(self._traces))]
        self._wait_for(recorded.ticket, len(body.raw))
        return recorded

    def _cause(self, frame: Frame, headers: Headers, parent: int | None) -> Parent | None:
        """Return the exchange that a message is a part of; said, or guessed of what goes out."""
        if parent is not None:
            known = self._traces.get(parent)
            return Parent(parent, frame.module, known or trace.new_trace(), guessed=False)
        is_out = frame.direction == Direction.OUT
        said = headers or (contents.trace_of(frame) if is_out else ())
        found = self._recorder.parent(said, frame.module if is_out else "") if said else None
        if found is not None:
            return found
        return self._recorder.parent_of_message(frame.module) if is_out else None

    def _answer(self, frame: Frame, headers: Headers) -> Body:
        """Return a reply's body as it may be stored; only its size where there is no room."""
        if self._has_room(len(frame.raw)):
            return self._recorder.clear(frame.raw, contents.private(frame, headers))
        self.dropped += 1
        return Body(b"", len(frame.raw), b"", truncated=True)

    def _has_room(self, size: int) -> bool:
        """Tell whether so much more may wait; what was written meanwhile waits no longer."""
        waiting = self._waiting
        while waiting and not waiting[0][0].unsettled and not waiting[0][0].rows:
            self._waiting_bytes -= waiting.popleft()[1]
        return not waiting or (len(waiting) < ROWS and self._waiting_bytes + size <= RAW_BYTES)

    def _wait_for(self, ticket: Ticket, size: int) -> None:
        self._waiting.append((ticket, size))
        self._waiting_bytes += size
