"""What workers and the engine use, and how late their event loops are, every ten seconds.

processes, loops, /metrics ──► gathered over one step ──► writer ──► samples of each step
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from kiket_console.engine.lateness import Lateness
from kiket_console.errors import ConsoleError
from kiket_console.store.records import AddSamples
from kiket_console.telemetry.nouns import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from kiket_console.engine.usage import Usages
    from kiket_console.model import Worker
    from kiket_console.store.records import Committed, Row

MEASURE_EVERY_S: Final = 2.0
STEP_S: Final = 10
"""How long a sample is gathered."""
ENGINE: Final = "engine"
CPU, MEMORY, LAG, RESTARTS = "cpu", "memory", "lag", "restarts"
OWN: Final = frozenset({CPU, MEMORY, LAG, RESTARTS})
"""What is sampled of each worker; any other name is a line of its `/metrics`."""
TOLD_STEPS: Final = (10, 900)
"""In which steps such lines are kept: of a thousand, more would fill the store."""


class Sampled(Protocol):
    """Who runs the workers."""

    def workers(self) -> tuple[Worker, ...]:
        """Return every worker as it is now."""

    def lateness(self, name: str) -> Lateness | None:
        """Return how late the event loop of what serves for worker *name* was."""

    def noted(self, name: str, **changes: object) -> None:
        """Note what is seen of worker *name*: fields of `Worker`."""


class Gathered(Struct):
    """Values of one thing within a step."""

    count: int
    total: float
    lowest: float
    highest: float
    last: float


class Sampler:
    """Samples what *sampled* runs, and us; hands what a step held to *submit*.

    *on_change* is called after each round, when workers have been noted what they use. Without
    *keeps* nothing is handed over but a write that holds nothing: it shows that the store takes
    what is written.
    """

    def __init__(
        self,
        sampled: Sampled,
        submit: Callable[[Sequence[Row]], Future[Committed]],
        on_change: Callable[[], None],
        *,
        keeps: bool = True,
    ) -> None:
        self._sampled = sampled
        self._submit = submit
        self._on_change = on_change
        self._keeps = keeps
        self._own_lateness = Lateness()
        self._gathered: dict[tuple[str, str], Gathered] = {}
        self._at_s = _step()
        self.dropped = 0
        """How many samples the store did not take."""

    def late(self, late_s: float) -> None:
        """Take note of how late our own event loop was at a moment."""
        self._own_lateness.once(late_s)

    def add(self, worker: str, values: Mapping[str, float]) -> None:
        """Add values of one worker, by their names, to this step."""
        for name, value in values.items():
            self._put(worker, name, Gathered(1, value, value, value, value))

    async def run(self) -> None:
        """Sample until cancelled; what was gathered last is handed over then."""
        from kiket_console.engine.usage import Usages  # psutil: not for the start

        usages = Usages(os.getpid())
        try:
            while True:
                await asyncio.sleep(MEASURE_EVERY_S)
                await self._measure(usages)
                if _step() != self._at_s:
                    self.flush()
        finally:
            self.flush()

    def flush(self) -> None:
        """Hand over what was gathered, and begin the next step."""
        at_s, self._at_s = self._at_s, _step()
        gathered, self._gathered = self._gathered, {}
        if not self._keeps:
            gathered = {}
        own: list[Sample] = []
        told: list[Sample] = []
        for (worker, name), held in gathered.items():
            mean = held.total / held.count
            sample = Sample(
                at_s, worker, name, held.count, mean, held.lowest, held.highest, held.last
            )
            (own if name in OWN else told).append(sample)
        rows = [AddSamples(tuple(own)), AddSamples(tuple(told), TOLD_STEPS)]
        try:
            written = self._submit([row for row in rows if row.samples])
        except ConsoleError:  # busy, or closed
            self.dropped += len(gathered)
        else:
            written.add_done_callback(partial(self._wrote, len(gathered)))

    def _wrote(self, count: int, written: Future[Committed]) -> None:
        """Count what is not in the store; called in the writer's thread."""
        if written.exception() is not None:
            self.dropped += count

    async def _measure(self, usages: Usages) -> None:
        workers = self._sampled.workers()
        trees = {each.name: each.pid for each in workers if each.serving and each.pid is not None}
        used = await asyncio.to_thread(usages.measure, trees)
        own = await asyncio.to_thread(usages.own)
        self.add(ENGINE, {CPU: own.cpu_percent, MEMORY: own.memory_bytes})
        self._put_lateness(ENGINE, self._own_lateness)
        for worker in workers:
            self.add(worker.name, {RESTARTS: worker.restarts})
            usage = used.get(worker.name)
            if usage is not None:
                self.add(worker.name, {CPU: usage.cpu_percent, MEMORY: usage.memory_bytes})
            self._sampled.noted(
                worker.name,
                cpu_percent=usage.cpu_percent if usage else None,
                memory_bytes=usage.memory_bytes if usage else None,
                **self._lag(worker),
            )
        self._on_change()

    def _lag(self, worker: Worker) -> dict[str, float | None]:
        """Sample how late a worker's loop was; return what is new about that."""
        facts = worker.module
        if facts is not None and facts.sdk and facts.heartbeat_took_us:
            # Its loop answers heartbeats, between all else that it does.
            late_s = facts.heartbeat_took_us / 1_000_000
            self.add(worker.name, {LAG: late_s})
            return {"lag_s": late_s}
        lateness = self._sampled.lateness(worker.name)
        if lateness is None:
            return {"lag_s": None}
        longest_s = self._put_lateness(worker.name, lateness)
        return {} if longest_s is None else {"lag_s": longest_s}

    def _put_lateness(self, worker: str, lateness: Lateness) -> float | None:
        taken = lateness.take()
        if not taken.count:
            return None
        longest_s = taken.longest_s
        self._put(worker, LAG, Gathered(taken.count, taken.total_s, 0.0, longest_s, longest_s))
        return longest_s

    def _put(self, worker: str, name: str, new: Gathered) -> None:
        held = self._gathered.get((worker, name))
        if held is None:
            self._gathered[worker, name] = new
            return
        held.count += new.count
        held.total += new.total
        held.lowest = min(held.lowest, new.lowest)
        held.highest = max(held.highest, new.highest)
        held.last = new.last


def _step() -> int:
    """Return when the present step began (Unix s)."""
    return int(time.time()) // STEP_S * STEP_S
