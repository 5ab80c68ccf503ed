"""Requests that wait for a worker: some of them, for some time, let go in the order they came."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.engine.ports import Target, Workers
    from kiket_console.model import Worker

HOLD_S = 10.0
HELD_LIMIT = 100
NOTICED_S = 0.5
"""How long a worker's end may take to be known after its connections broke."""
_LOOK_S = 0.02

_ENDED = frozenset({WorkerState.STOPPING, WorkerState.STOPPED})
_HOPELESS = _ENDED | {WorkerState.BROKEN, WorkerState.FATAL}


class _Queue(Struct):
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # asyncio's locks are fair
    waiting: int = 0


class Holding:
    """Find the worker that takes a request, now or within `hold_s`."""

    def __init__(self, workers: Workers, hold_s: float = HOLD_S) -> None:
        self._workers = workers
        self.hold_s = hold_s
        self._queues: dict[str, _Queue] = {}

    def target(self, name: str) -> Target | None:
        """Return the worker that takes a request now; None when it must wait."""
        queue = self._queues.get(name)
        return None if queue is not None and queue.waiting else self._workers.serving(name)

    def refusal(self, worker: Worker) -> str:
        """Say why a request cannot even wait; empty when it can."""
        if not worker.serving and worker.state in _HOPELESS:
            return _why_not(worker)
        if self._queue(worker.name).waiting >= HELD_LIMIT:
            return f"{HELD_LIMIT} requests wait for {worker.name!r} already; send it again."
        return ""

    @contextmanager
    def place(self, name: str) -> Iterator[None]:
        """Keep a place in the queue of a worker, so that who comes later waits behind it."""
        queue = self._queue(name)
        queue.waiting += 1
        try:
            yield
        finally:
            queue.waiting -= 1

    async def wait(self, name: str) -> Target | None:
        """Wait for the turn of this place and a worker; None when none came in time."""
        try:
            async with asyncio.timeout(self.hold_s), self._queue(name).turn:
                return await self._workers.wait_serving(name, self.hold_s)
        except TimeoutError:
            return None

    async def gone(self, target: Target) -> bool:
        """Tell whether a worker that broke its connection serves no more, once that is known."""
        for _ in range(round(NOTICED_S / _LOOK_S)):  # counted: we ourselves may have stood still
            if self._workers.serving(target.worker_name) != target:
                return True
            await asyncio.sleep(_LOOK_S)  # the end of a process and that of its sockets race
        return self._workers.serving(target.worker_name) != target

    def why_not_yet(self, name: str) -> str:
        """Say why no worker came for a request that has waited."""
        worker = self._workers.worker(name)
        if worker is not None and not worker.serving and worker.state in _HOPELESS:
            return _why_not(worker)
        return f"No worker of {name!r} was ready within {self.hold_s:g} s; send it again."

    def _queue(self, name: str) -> _Queue:
        return self._queues.setdefault(name, _Queue())


def _why_not(worker: Worker) -> str:
    if worker.state in _ENDED:
        name = worker.name
        return f"The worker {name!r} is stopped; `kiket-console start {name}` starts it."
    problem = worker.problem
    if problem is None:
        return f"The worker {worker.name!r} does not run; see its log."
    return f"The worker {worker.name!r} did not start: {problem.told}"
