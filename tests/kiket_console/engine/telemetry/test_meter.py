"""What ends is counted in its second, by the code that did it, and comes to the store once."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

import pytest

from kiket_console.engine.telemetry import meter as module
from kiket_console.engine.telemetry.meter import Meter
from kiket_console.model import State
from kiket_console.store.records import Committed
from kiket_console.store.writer import StoreBusyError, StoreFailedError
from kiket_console.telemetry.nouns import Reload, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.store.reader import Reader
    from kiket_console.store.records import Row
    from kiket_console.store.writer import Writer

BEGAN_S: Final = 1_800_000_000
CREATED: Final = Series("webhook", "marketing", "issue.created", "v1", "2xx")


class Clock:
    """A wall clock that goes as the test says."""

    def __init__(self) -> None:
        self.now_s = float(BEGAN_S)

    def __call__(self) -> float:
        return self.now_s


class Busy:
    """A store's writer that takes what it is given when the test says so, if at all."""

    def __init__(self) -> None:
        self.submitted: list[Sequence[Row]] = []
        self.futures: list[Future[Committed]] = []
        self.is_full = False

    def submit(self, rows: Sequence[Row], *, at_end: bool = False) -> Future[Committed]:
        if self.is_full and not at_end:
            raise StoreBusyError("The store cannot keep up.")
        self.submitted.append(rows)
        self.futures.append(Future())
        return self.futures[-1]

    def counted(self, place: int = -1) -> dict[int, int]:
        """Return how much a submission counts, by the moment."""
        found: dict[int, int] = {}
        row: Any = self.submitted[place][0]
        for each in row.measures:
            found[each.at_s] = found.get(each.at_s, 0) + each.durations.count
        return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def busy() -> Busy:
    return Busy()


@pytest.fixture
def meter(writer: Writer, clock: Clock) -> Meter:
    return Meter(writer, clock=clock)


def end(meter: Meter, duration_us: int = 900, label: str = "marketing#1", **words: Any) -> None:
    """Let a delivery, or what *words* say, end."""
    said: dict[str, Any] = {
        "source": "webhook",
        "worker": "marketing",
        "name": "issue.created",
        "version": "v1",
        "state": State.FORWARDED,
        "status": 200,
    } | words
    meter.ended(**said, duration_us=duration_us, label=label)


def written(meter: Meter) -> None:
    """Hand over what was counted, and wait until the store has it."""
    meter.flush()
    assert meter._written is not None
    meter._written.result(120)


def test_what_ended_is_in_the_store_a_flush_later(
    meter: Meter, reader: Reader, clock: Clock
) -> None:
    end(meter, 900)
    end(meter, 1100, status=201)
    clock.now_s += 1
    end(meter, 2000, status=500)
    written(meter)

    found = reader.measures(1, BEGAN_S, BEGAN_S + 2)
    assert [(each.at_s - BEGAN_S, each.series.outcome, each.durations.count) for each in found] == [
        (0, "2xx", 2),
        (1, "5xx", 1),
    ]
    assert found[0].series == CREATED
    assert found[0].durations.total_us == 2000
    assert reader.counted()[0] == (BEGAN_S + 1) * 1_000_000
    assert meter.totals[CREATED].count == 2


def test_a_second_that_is_told_in_parts_is_counted_whole(meter: Meter, reader: Reader) -> None:
    for _ in range(3):
        end(meter)
        written(meter)
    [found] = reader.measures(1, BEGAN_S, BEGAN_S + 1)
    assert found.durations.count == 3


def test_each_start_of_the_code_is_counted_apart_from_its_save_on(
    meter: Meter, reader: Reader, clock: Clock
) -> None:
    """A delivery counts for the code that took it, a call for the code that serves."""
    meter.reloaded(Reload(10, "marketing", "marketing#1", "", 500))
    end(meter)
    end(meter, source="api", name="GET users", label="platform")
    save = Reload(20, "marketing", "marketing#2", "app.py", 80)
    meter.reloaded(save)
    end(meter)
    end(meter, label="marketing#2")
    end(meter, source="api", name="GET users", label="platform")
    end(meter, label="gateway", state=State.REJECTED, status=503)
    written(meter)

    found = reader.measures(1, BEGAN_S, BEGAN_S + 1)
    counts = {(e.series.source, e.series.outcome, e.code_us): e.durations.count for e in found}
    assert counts == {
        ("webhook", "2xx", 10): 2,
        ("webhook", "2xx", 20): 1,
        ("api", "2xx", 10): 1,
        ("api", "2xx", 20): 1,
        ("webhook", "5xx", 0): 1,
    }
    assert reader.reloads(0, 99)[1] == save


def test_a_start_that_failed_changes_no_code(meter: Meter, reader: Reader) -> None:
    meter.reloaded(Reload(10, "marketing", "marketing#1", "", 500))
    meter.reloaded(Reload(20, "marketing", "marketing#2", "app.py", 80, "It has no app."))
    end(meter)
    written(meter)
    assert [each.code_us for each in reader.measures(1, BEGAN_S, BEGAN_S + 1)] == [10]
    assert [each.problem for each in reader.reloads(0, 99)] == ["", "It has no app."]


def test_a_store_that_takes_its_time_gets_all_later(busy: Busy, clock: Clock) -> None:
    meter = Meter(busy, clock=clock)  # type: ignore[arg-type]  # what it calls of a writer
    end(meter)
    meter.flush()
    clock.now_s += 1
    end(meter)
    meter.flush()
    assert len(busy.submitted) == 1

    busy.futures[0].set_result(Committed(0, 0, 0))
    clock.now_s += 1
    meter.flush()

    assert busy.counted(0) == {BEGAN_S: 1}
    assert busy.counted(1) == {BEGAN_S + 1: 1}


def test_an_engine_that_ends_tells_all_that_it_has(busy: Busy, clock: Clock) -> None:
    """What was refused the second before as well, and however much waits to be written."""
    meter = Meter(busy, clock=clock)  # type: ignore[arg-type]
    end(meter)
    meter.flush()
    busy.futures[-1].set_exception(StoreFailedError("The disk is full."))
    end(meter)
    busy.is_full = True

    meter.flush(is_last=True)

    assert busy.counted() == {BEGAN_S: 2}


def test_what_a_store_refused_or_lost_is_told_again(busy: Busy, clock: Clock) -> None:
    meter = Meter(busy, clock=clock)  # type: ignore[arg-type]  # what it calls of a writer
    end(meter)
    meter.reloaded(Reload(1, "marketing", "marketing#1", "", 1))
    busy.is_full = True
    meter.flush()
    busy.is_full = False
    end(meter)
    meter.flush()
    busy.futures[0].set_exception(StoreFailedError("The disk is full."))
    clock.now_s += 1
    end(meter)
    meter.flush()

    assert busy.counted() == {BEGAN_S: 2, BEGAN_S + 1: 1}
    assert len(busy.submitted[-1]) == 2


def test_a_long_outage_costs_detail_and_no_count(
    busy: Busy, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING", 50)
    meter = Meter(busy, clock=clock)  # type: ignore[arg-type]  # what it calls of a writer
    busy.is_full = True
    for _ in range(600):
        end(meter)
        clock.now_s += 1
        meter.flush()
    busy.is_full = False
    meter.flush()

    counted = busy.counted()
    assert sum(counted.values()) == 600
    assert len(counted) <= 51 + 10


@pytest.mark.parametrize("jump_s", [-3600, 3600, -BEGAN_S])
def test_a_clock_that_jumps_moves_counts_and_loses_none(
    meter: Meter, reader: Reader, clock: Clock, jump_s: int
) -> None:
    """And what comes after the jump is counted in the newest second at once."""
    end(meter)
    clock.now_s += 1
    end(meter, -5)
    clock.now_s += jump_s
    end(meter)
    written(meter)
    clock.now_s += 1
    end(meter)
    written(meter)

    found = reader.measures(1, 0, 2**40)
    assert sum(each.durations.count for each in found) == 4
    after = [each.durations.count for each in found if each.at_s >= int(clock.now_s) - 1]
    assert sum(after) >= 2


def test_nothing_is_counted_where_telemetry_is_off(busy: Busy) -> None:
    meter = Meter(busy, counts=False)  # type: ignore[arg-type]  # what it calls of a writer
    end(meter)
    meter.reloaded(Reload(1, "marketing", "marketing#1", "", 1))
    meter.flush()
    assert busy.submitted == []
    assert meter.totals == {}


def test_many_names_and_starts_take_little_room(busy: Busy, clock: Clock) -> None:
    meter = Meter(busy, clock=clock)  # type: ignore[arg-type]  # what it calls of a writer
    for number in range(20_000):
        end(meter, name=f"event.{number}", label=f"marketing#{number}")
        meter.reloaded(Reload(number, "marketing", f"marketing#{number}", "", 1))
        clock.now_s += 0.00001
    meter.flush()
    assert sum(busy.counted().values()) == 20_000
    assert len(meter.totals) <= 1201
    row: Any = busy.submitted[-1][0]
    assert row.too_many == meter.uncounted == 10_000
    assert len(meter._codes) <= module.CODES
    assert len(busy.submitted[-1]) <= module.RELOADS + 1


async def test_each_second_is_told_by_itself(meter: Meter, writer: Writer, reader: Reader) -> None:
    """The engine runs it as a task."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell(_: Committed) -> None:
        loop.call_soon_threadsafe(told.set)

    writer.on_commit = tell
    clock = chain([BEGAN_S + 0.995] * 2, repeat(BEGAN_S + 1.0))
    meter._clock = lambda: next(clock)
    end(meter)
    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(meter.run())
        await told.wait()
        running.cancel()
    assert len(reader.measures(1, BEGAN_S, BEGAN_S + 1)) == 1
