"""Take a request to a worker and bring its answer back, otherwise untouched."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from kiket_console.engine.headers import answer_headers, answer_length, request_head
from kiket_console.engine.link import (
    Answer,
    BrokenError,
    LinkError,
    SilentError,
    TooLargeError,
    UntouchedError,
    WorkerLink,
)
from kiket_console.engine.room import Room

if TYPE_CHECKING:
    from collections.abc import Collection

    from kiket_console.engine.ports import Target
    from kiket_console.model import Headers

ANSWER_BYTES = 5 * 1024 * 1024
TIMEOUT_S = 30.0
CONNECT_S = 3.0

_LINKS = 128
"""Connections to one worker; more requests wait for one of them."""
_QUEUE_FULL_S = 0.01
_LEAST_S = 1.0
"""What a worker has at least to answer what had to wait for a connection to it."""
_IDLE_S = 2.0
"""Below the 5 s after which a worker closes an idle connection, so that it never does so just
as a request is on its way."""
_FOREIGN_IDLE_S = 0.5
"""The same for a command's server, which has a time of its own; few have less than a second."""


class NoAnswerError(Exception):
    """No usable answer came; `sentence` says why, `status` is what the sender is told.

    `beginning` is what came of an answer that was too large. One that `is_broken` ended with its
    connection: the worker has the request, and may have ended itself.
    """

    def __init__(
        self,
        sentence: str,
        status: int,
        beginning: Answer | None = None,
        *,
        is_broken: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.beginning = beginning
        self.is_broken = is_broken


class NotTakenError(NoAnswerError):
    """The worker took no byte of the request, so another one may be asked."""


class Pool:
    """The connections to one start of a worker."""

    def __init__(self, target: Target, answer_bytes: int, room: Room) -> None:
        self.target = target
        self._make_link = lambda: WorkerLink(answer_bytes, room)
        self._idle: list[WorkerLink] = []
        self._free = _LINKS
        self._waiting_free: deque[asyncio.Future[None]] = deque()
        self._connecting = asyncio.Lock()
        self._let_nobody_in_s = -math.inf
        """When a connection was given up last, on the monotonic clock."""
        self._retired = False
        self._keeps_links = True
        """Whether connections are used again: never with a worker that once said too much."""
        self._idle_s = _IDLE_S if target.port is None else _FOREIGN_IDLE_S

    async def ask(self, raw_head: bytes, raw_body: bytes, timeout_s: float) -> Answer:
        """Send a request over a free connection, or a new one; raises OSError, `LinkError`."""
        left_s = timeout_s
        if self._free:
            self._free -= 1
        else:
            left_s = await self._wait_free(timeout_s)
        try:
            while True:
                if self._retired:
                    raise UntouchedError("was replaced.")
                kept = self._waiting()
                link = kept or await self._connect()
                try:
                    answer = await link.ask(raw_head, raw_body, left_s)
                except UntouchedError:
                    if kept is None:
                        raise
                    continue  # it was closed while it waited; a new one will tell
                self._keep(link)
                return answer
        finally:
            self._release()

    def take(self) -> WorkerLink | None:
        """Take a connection that can be used now, to be given back; None: `ask` finds one."""
        if self._retired or not self._free:
            return None
        link = self._waiting()
        if link is not None:
            self._free -= 1
        return link

    def give_back(self, link: WorkerLink) -> None:
        """Let others use a connection that was taken, if it still can be."""
        self._keep(link)
        self._release()

    def retire(self) -> None:
        """Close what is idle now, the rest as soon as it has answered; who waits asks elsewhere."""
        self._retired = True
        while self._waiting_free:
            self._release()
        while self._idle:
            self._idle.pop().close()

    async def _wait_free(self, timeout_s: float) -> float:
        """Wait for a connection to be free; return what is left of the time to answer."""
        began_s = time.monotonic()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting_free.append(turn)
        try:
            async with asyncio.timeout(timeout_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._release()
            if isinstance(error, TimeoutError):
                raise SilentError(
                    f"had {_LINKS} requests under way and answered none of them within "
                    f"{timeout_s:g} s."
                ) from None
            raise
        return max(timeout_s - (time.monotonic() - began_s), min(timeout_s, _LEAST_S))

    def _release(self) -> None:
        """Let the first that waits have the connection's place."""
        while self._waiting_free:
            turn = self._waiting_free.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _waiting(self) -> WorkerLink | None:
        """Take the connection that was used last; close those that have been idle too long."""
        oldest_s = time.monotonic() - self._idle_s
        while self._idle and (self._idle[0].idle_since_s < oldest_s or not self._idle[0].usable):
            self._drop(self._idle.pop(0))
        while self._idle:
            link = self._idle.pop()
            if link.usable:
                return link
            self._drop(link)
        return None

    def _keep(self, link: WorkerLink) -> None:
        if link.usable and self._keeps_links and not self._retired:
            link.idle_since_s = time.monotonic()
            self._idle.append(link)
        else:
            self._drop(link)

    def _drop(self, link: WorkerLink) -> None:
        self._keeps_links = self._keeps_links and not link.said_too_much
        link.close()

    async def _connect(self) -> WorkerLink:
        """Connect when it is its turn, so that none starves; raises TimeoutError, OSError.

        What counts is how long the worker lets nobody in: a turn may take any time.
        """
        began_s = time.monotonic()
        async with self._connecting:
            if self._let_nobody_in_s > began_s:  # while this waited
                raise TimeoutError
            try:
                return await self._connected()
            except TimeoutError:
                self._let_nobody_in_s = time.monotonic()
                raise

    async def _connected(self) -> WorkerLink:
        loop, target = asyncio.get_running_loop(), self.target
        if target.port is not None:
            async with asyncio.timeout(CONNECT_S):
                return (await loop.create_connection(self._make_link, target.ip, target.port))[1]
        for _ in range(round(CONNECT_S / _QUEUE_FULL_S)):
            try:
                return (await loop.create_unix_connection(self._make_link, target.socket_path))[1]
            except BlockingIOError:  # its queue is full, which is told at once
                await asyncio.sleep(_QUEUE_FULL_S)
        raise TimeoutError


class Forwarder:
    """Send requests to workers, over a pool of connections for each.

    An answer takes *timeout_s* and has *answer_bytes* at most. *own_ports* are those that the
    engine itself listens on: they are never a worker's.
    """

    def __init__(
        self,
        timeout_s: float = TIMEOUT_S,
        answer_bytes: int = ANSWER_BYTES,
        own_ports: Collection[int] = (),
    ) -> None:
        self.timeout_s = timeout_s
        self._answer_bytes = answer_bytes
        self._own_ports = frozenset(own_ports)
        self._room = Room()
        self._pools: dict[str, Pool] = {}
        self._under_way: Counter[str] = Counter()
        """Of each command's start; Python code of ours tells itself when it is idle."""

    def is_busy(self, label: str) -> bool:
        """Tell whether the start of a command called *label* has requests to answer."""
        return self._under_way[label] > 0

    async def forward(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Headers,
        raw_body: bytes,
        *,
        traceparent: str = "",
        sender: str = "",
        timeout_s: float | None = None,
    ) -> Answer:
        """Return the target's answer to one request; *path* includes the query.

        *traceparent* and *sender*: see `request_head`. Raises `NoAnswerError` when none came in
        time, in full and within the limits; `NotTakenError`, which is one, when nothing was sent.
        """
        timeout_s = timeout_s or self.timeout_s
        raw_head = head(
            target, method, path, headers, len(raw_body), traceparent=traceparent, sender=sender
        )
        if target.port in self._own_ports:
            raise NoAnswerError(
                f"{target.label} is said to listen on port {target.port}, which is the console's "
                "own; give it another port in kiket.toml.",
                508,
            )
        if target.port is not None:
            self._under_way[target.label] += 1
        try:
            answer = await self.pool(target).ask(raw_head, raw_body, timeout_s)
        except TimeoutError as error:
            raise NotTakenError(
                f"{target.label} did not accept a connection within {CONNECT_S:g} s.", 504
            ) from error
        except OSError as error:
            raise NotTakenError(f"{target.label} did not accept the connection.", 502) from error
        except LinkError as error:
            raise no_answer(target, error) from error
        finally:
            if target.port is not None:
                self._ended(target.label)
        return passed_on(method, answer)

    def _ended(self, label: str) -> None:
        self._under_way[label] -= 1
        if not self._under_way[label]:
            del self._under_way[label]

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            self._pools.popitem()[1].retire()

    def pool(self, target: Target) -> Pool:
        """Return the connections to a target."""
        pool = self._pools.get(target.worker_name)
        if pool is None or (pool.target is not target and pool.target != target):
            if pool is not None:
                pool.retire()
            pool = self._pools[target.worker_name] = Pool(target, self._answer_bytes, self._room)
        return pool


def head(
    target: Target,
    method: str,
    path: str,
    headers: Headers,
    length: int,
    *,
    traceparent: str,
    sender: str,
) -> bytes:
    """Return the head of a request to a target; raises `NoAnswerError` for what HTTP cannot carry.

    *path*, *traceparent* and *sender*: see `Forwarder.forward`; *length* is the body's.
    """
    try:
        return request_head(
            method,
            path,
            headers,
            host=target.host,
            length=length,
            traceparent=traceparent,
            sender=sender,
        )
    except ValueError as error:
        raise NoAnswerError(f"The request cannot be sent on: {error}.", 502) from error


def passed_on(method: str, answer: Answer) -> Answer:
    """Let an answer have the headers that go on."""
    length = answer_length(method, answer.status, answer.headers, answer.raw_body)
    answer.headers = answer_headers(answer.headers, length)
    return answer


def no_answer(target: Target, error: LinkError) -> NoAnswerError:
    """Say what became of a request to a target whose connection brought no answer."""
    sentence = f"{target.label} {error}"
    match error:
        case UntouchedError():
            return NotTakenError(sentence, 502)
        case SilentError():
            return NoAnswerError(sentence, 504)
        case TooLargeError():
            return NoAnswerError(sentence, 502, error.beginning)
        case BrokenError():
            return NoAnswerError(sentence, 502, is_broken=True)
        case _:
            return NoAnswerError(sentence, 502)


def since_us(began_ns: int) -> int:
    """Return how many microseconds have passed since a moment of `time.perf_counter_ns`."""
    return (time.perf_counter_ns() - began_ns) // 1000
