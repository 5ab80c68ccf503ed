"""What workers use and how late their loops are is gathered for ten seconds, then kept."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from tests.snap import scene

from kiket_console.engine import usage
from kiket_console.engine.lateness import Lateness
from kiket_console.engine.telemetry import sampling
from kiket_console.engine.telemetry.sampling import Sampler
from kiket_console.store.records import AddSamples
from kiket_console.store.writer import StoreBusyError, StoreFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.model import Worker
    from kiket_console.store.records import Committed, Row
    from kiket_console.telemetry.nouns import Sample


class Workers:
    """Workers that are as a test says, and what was noted of them."""

    def __init__(self, *workers: Worker) -> None:
        self._workers = workers
        self.late = Lateness()
        self.seen: dict[str, dict[str, object]] = {}
        self.rounds = 0
        self.rows: list[Row] = []
        self.writes = 0
        self._came = asyncio.Event()

    def workers(self) -> tuple[Worker, ...]:
        return self._workers

    def lateness(self, name: str) -> Lateness | None:
        return self.late if name == "marketing" else None

    def noted(self, name: str, **changes: object) -> None:
        self.seen[name] = changes

    def changed(self) -> None:
        self.rounds += 1
        self._came.set()

    async def passed(self, rounds: int) -> None:
        """Wait until there were so many rounds."""
        while self.rounds < rounds:
            self._came.clear()
            await self._came.wait()

    def submit(self, rows: Sequence[Row]) -> Future[Committed]:
        self.rows += rows
        self.writes += 1
        return Future()

    @property
    def samples(self) -> dict[tuple[str, str], Sample]:
        rows = (row for row in self.rows if isinstance(row, AddSamples))
        return {(each.worker, each.name): each for row in rows for each in row.samples}


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> dict[str, usage.Usage]:
    """Return what workers are to use, and be measured to use all the time."""
    found = {"marketing": usage.Usage(12.0, 48 << 20)}

    def measure(_: object, trees: Mapping[str, int]) -> dict[str, usage.Usage]:
        return {name: found[name] for name in trees if name in found}

    monkeypatch.setattr(usage.Usages, "measure", measure)
    monkeypatch.setattr(sampling, "MEASURE_EVERY_S", 0.01)
    return found


async def sample(workers: Workers, sampler: Sampler, rounds: int = 1) -> None:
    """Let so many rounds pass."""
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(sampler.run())
        await workers.passed(rounds)
        task.cancel()


async def test_a_step_holds_what_was_seen_in_it(used: dict[str, usage.Usage]) -> None:
    workers = Workers(scene.worker(restarts=2), scene.worker(name="stopped", serving=False))
    sampler = Sampler(workers, workers.submit, workers.changed)
    await sample(workers, sampler)
    used["marketing"] = usage.Usage(50.0, 64 << 20)
    await sample(workers, sampler, 2)

    samples = workers.samples
    assert samples["marketing", "memory"].last == 64 << 20
    assert (samples["marketing", "restarts"].last, samples["stopped", "restarts"].last) == (2, 0)
    assert ("stopped", "cpu") not in samples
    assert samples["engine", "memory"].last > 1_000_000
    assert all(each.at_s % 10 == 0 for each in samples.values())
    assert workers.seen["stopped"]["cpu_percent"] is None


@pytest.mark.usefixtures("used")
async def test_how_late_a_loop_was_is_its_mean_and_its_longest() -> None:
    workers = Workers(scene.worker())
    sampler = Sampler(workers, workers.submit, workers.changed)
    workers.late.once(0.002)
    workers.late.once(0.25)
    sampler.late(0.001)
    await sample(workers, sampler)
    lag = workers.samples["marketing", "lag"]
    assert (lag.count, lag.highest) == (2, 0.25)
    assert lag.mean == pytest.approx(0.126)
    assert workers.samples["engine", "lag"].highest == 0.001
    assert workers.seen["marketing"]["lag_s"] == 0.25


@pytest.mark.usefixtures("used")
async def test_of_a_module_of_ours_the_way_of_a_heartbeat_tells_it() -> None:
    workers = Workers(scene.module(heartbeat_took_us=1_500))
    sampler = Sampler(workers, workers.submit, workers.changed)
    await sample(workers, sampler)
    assert workers.samples["billing", "lag"].last == 0.0015


def test_of_what_modules_tell_less_is_kept() -> None:
    workers = Workers()
    sampler = Sampler(workers, workers.submit, workers.changed)
    sampler.add("billing", {"jobs_total": 3.0, "cpu": 1.0})
    sampler.flush()
    steps = [(row.steps, len(row.samples)) for row in workers.rows if isinstance(row, AddSamples)]
    assert steps == [((10, 60, 900), 1), ((10, 900), 1)]


def test_what_the_store_does_not_take_is_counted() -> None:
    workers = Workers()
    refused: list[Future[Committed]] = []

    def refuse(_: Sequence[Row]) -> Future[Committed]:
        if not refused:
            refused.append(Future())
            refused[0].set_exception(StoreFailedError("The disk is full."))
            return refused[0]
        raise StoreBusyError("The store is busy.")

    sampler = Sampler(workers, refuse, workers.changed)
    sampler.add("billing", {"jobs": 3.0, "ratio": math.nan})
    sampler.flush()
    assert sampler.dropped == 2
    sampler.add("billing", {"jobs": 4.0})
    sampler.flush()
    assert sampler.dropped == 3


@pytest.mark.usefixtures("used")
async def test_without_telemetry_workers_are_measured_and_nothing_is_kept() -> None:
    workers = Workers(scene.worker())
    await sample(workers, Sampler(workers, workers.submit, workers.changed, keeps=False))
    assert workers.seen["marketing"]["cpu_percent"] == 12.0
    assert workers.rows == []
    assert workers.writes == 1, "which shows that the store can be written"


async def test_of_a_real_worker_the_whole_tree_is_measured_and_its_loop_tells(
    supervise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MEASURE_EVERY_S", 0.05)
    async with supervise() as running, asyncio.TaskGroup() as tasks:
        sampler = Sampler(running.supervisor, lambda _: Future(), running.moved.set)
        looking = tasks.create_task(sampler.run())
        await running.serving()
        await running.until(lambda: (running.worker.memory_bytes or 0) > 1_000_000)
        assert running.worker.cpu_percent is not None
        await running.until(lambda: running.worker.lag_s is not None)
        looking.cancel()
