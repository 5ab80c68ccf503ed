from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.told_spans import told_spans

from kiket_console.engine.retention import Retention
from kiket_console.model import Body, Message, Source, State
from kiket_console.store import building, purging
from kiket_console.store.reader import Reader
from kiket_console.store.records import (
    AddMeasures,
    AttemptEnd,
    NewAttempt,
    NewExchange,
    NewLog,
    NewSpan,
    Remove,
    SetPinned,
)
from kiket_console.store.writer import Writer
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Series, Span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 120
DAY_US = 86_400_000_000


@pytest.fixture
def path(own_places: Path) -> Path:
    return own_places / "store.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    writer = Writer(path)
    yield writer
    writer.close()


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    with Reader(path) as reader:
        yield reader


def delivery(exchange_id: int, started_us: int, size: int = 20, **fields: Any) -> list[Any]:
    body = Body(b"x" * size, size, b"")
    values: dict[str, Any] = {"state": State.RECEIVED, "request": Message((), body)} | fields
    return [
        NewExchange(
            exchange_id,
            Source.WEBHOOK,
            "m",
            "e",
            "v1",
            "POST",
            "/",
            started_us=started_us,
            **values,
        ),
        NewAttempt(exchange_id, 1, "m#1", started_us),
        AttemptEnd(exchange_id, 1, State.FORWARDED, 200, 5, "", Message((), body)),
    ]


def line(at_us: int, exchange_id: int | None = None) -> NewLog:
    return NewLog(at_us, "m", "stdout", "", "", "hi", "", exchange_id)


def bodies(path: Path) -> set[int]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT exchange_id FROM request")}
    connection.close()
    return found


async def test_what_is_too_old_goes_and_what_is_pinned_or_under_way_stays(
    path: Path, writer: Writer, reader: Reader
) -> None:
    """A pinned delivery keeps the call that was made during it, and its log line."""
    now_us = time.time_ns() // 1000
    for exchange_id in range(1, 101):
        writer.submit(delivery(exchange_id, now_us - 9 * DAY_US))
    writer.submit(delivery(101, now_us - 9 * DAY_US, parent_id=50))
    writer.submit(delivery(102, now_us - 9 * DAY_US)[:2])  # under way
    writer.submit(delivery(103, now_us - 6 * DAY_US))
    writer.submit([line(now_us - 9 * DAY_US), line(now_us - 9 * DAY_US, 50), line(now_us)])
    before = writer.submit([SetPinned(50, True)]).result(PATIENCE_S)
    told: list[NewLog] = []

    gone = await Retention(writer, days=7, megabytes=0, on_log=told.append).sweep()

    assert gone == (99, 1)
    assert list(reader.ids()) == [50, 101, 102, 103]
    assert bodies(path) == {50, 101, 102, 103}
    assert [each.exchange_id for each in reader.log_page(reader.log_ids())] == [50, None]
    assert (writer.newest.exchanges, writer.newest.logs) == (4, 2)
    assert writer.newest.removals == before.removals + 1


async def test_without_limits_nothing_goes(writer: Writer, reader: Reader) -> None:
    writer.submit(delivery(1, 5)).result(PATIENCE_S)

    assert await Retention(writer, days=0, megabytes=0, on_log=print).sweep() == (0, 0)
    assert list(reader.ids()) == [1]


async def test_the_oldest_go_while_the_store_is_too_large_and_the_file_stops_growing(
    writer: Writer, reader: Reader
) -> None:
    """Log lines are as old as the exchanges that they go with; the file takes what comes next."""
    now_us = time.time_ns() // 1000
    retention = Retention(writer, days=0, megabytes=2, on_log=print)
    sizes: list[int] = []
    exchange_id = 0

    def measure(connection: sqlite3.Connection) -> purging.Purged:
        sizes.append(connection.execute("PRAGMA page_count").fetchone()[0] * building.PAGE_BYTES)
        return purging.Purged()

    for _ in range(8):
        for _ in range(50):
            exchange_id += 1
            writer.submit([*delivery(exchange_id, now_us + exchange_id, 10_000)])
            writer.submit([line(now_us + exchange_id)])
        await asyncio.wrap_future(writer.submit([SetPinned(1, True)]))
        await retention.sweep()
        await asyncio.wrap_future(writer.tend(measure))

    left = list(reader.ids())
    assert left[0] == 1
    assert left[1:] == list(range(left[1], exchange_id + 1))
    assert 60 < len(left) < 110
    oldest_log = reader.log_page(reader.log_ids()[:1])[0].at_us
    assert abs(oldest_log - (now_us + left[1])) <= 2 * purging.STEP_ROWS
    assert max(sizes[4:]) <= max(sizes[:4])


async def test_a_flood_of_log_lines_does_not_cost_the_exchanges_before_it(
    writer: Writer, reader: Reader
) -> None:
    """Lines go first while they are more than half of what may be kept."""
    now_us = time.time_ns() // 1000
    for exchange_id in range(1, 41):
        writer.submit(delivery(exchange_id, now_us, 10_000))
    text = "flood " * 100
    for _ in range(10):
        lines = [NewLog(now_us + 1, "m", "stdout", "", "", text) for _ in range(500)]
        writer.submit(lines).result(PATIENCE_S)

    exchanges, logs = await Retention(writer, days=0, megabytes=2, on_log=print).sweep()

    assert exchanges == 0
    assert len(reader.ids()) == 40
    assert logs == 5000 - len(reader.log_ids())
    assert 0.3 * 2_000_000 < len(reader.log_ids()) * len(text) < 2_000_000


async def test_spans_go_with_their_exchange_and_stay_with_a_pinned_one(
    writer: Writer, reader: Reader
) -> None:
    old_us = time.time_ns() // 1000 - 9 * DAY_US
    for exchange_id in (1, 2):
        said = Span(0, "", "", "", exchange_id, "m", "client", "GET", old_us, 5, "", "", ())
        writer.submit([*delivery(exchange_id, old_us), NewSpan(said)])
    await asyncio.wrap_future(writer.submit([SetPinned(1, True)]))

    await Retention(writer, days=7, megabytes=0, on_log=print).sweep()

    assert list(reader.ids()) == [1]
    assert (len(told_spans(reader, of=1)), told_spans(reader, of=2)) == (1, [])


async def test_a_clock_that_is_set_ten_years_forward_makes_nothing_old(
    writer: Writer, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured in fine steps stays, too."""
    now_s = int(time.time())
    series = Series("webhook", "m", "e", "v1", "2xx")
    measures = AddMeasures((Measure(now_s, series, 0, Histogram.of([5])),))
    await asyncio.wrap_future(writer.submit([*delivery(1, now_s * 1_000_000), measures]))
    retention = Retention(writer, days=7, megabytes=0, on_log=print)

    with monkeypatch.context() as patched:
        later_ns = time.time_ns() + 3650 * DAY_US * 1000
        patched.setattr(time, "time_ns", lambda: later_ns)
        await retention.sweep()

    assert list(reader.ids()) == [1]
    assert len(reader.measures(1, now_s, now_s + 1)) == 1


async def test_a_store_that_became_much_smaller_gives_its_room_back(
    path: Path, writer: Writer, reader: Reader
) -> None:
    """A quarter of the file at most is kept for what comes next."""
    now_us = time.time_ns() // 1000
    for exchange_id in range(1, 301):
        writer.submit(delivery(exchange_id, now_us - 9 * DAY_US, 10_000))
    writer.submit(delivery(301, now_us, 10_000)).result(PATIENCE_S)
    pages: list[int] = []

    def measure(connection: sqlite3.Connection) -> purging.Purged:
        pages.append(connection.execute("PRAGMA page_count").fetchone()[0])
        return purging.Purged()

    await asyncio.wrap_future(writer.tend(measure))
    await Retention(writer, days=7, megabytes=0, on_log=print).sweep()
    await asyncio.wrap_future(writer.tend(measure))

    assert pages[0] > 600
    assert pages[1] < 34
    assert list(reader.ids()) == [301]


async def test_what_was_removed_in_an_earlier_run_is_deleted_and_what_was_removed_now_stays(
    path: Path, reader: Reader
) -> None:
    now_us = time.time_ns() // 1000
    first = Writer(path)
    first.submit([*delivery(1, now_us), *delivery(2, now_us)]).result(PATIENCE_S)
    first.submit([Remove((1,), now_us)]).result(PATIENCE_S)
    second = _without_a_clean_stop(first, path)
    retention = Retention(second, days=7, megabytes=500, on_log=print)
    second.submit([Remove((2,), time.time_ns() // 1000 + 1)]).result(PATIENCE_S)

    await retention.sweep()

    assert bodies(path) == {2}
    second.close()
    assert bodies(path) == set()
    assert list(reader.ids()) == []


def _without_a_clean_stop(writer: Writer, path: Path) -> Writer:
    """Return a writer of a copy of the store as a killed engine would have left it."""
    raw = {file: file.read_bytes() for file in path.parent.glob("store*")}
    writer.close()
    for file, content in raw.items():
        file.write_bytes(content)
    path.with_name(path.name + "-shm").unlink()
    return Writer(path)


async def test_a_run_says_what_it_deleted_and_ends_when_it_is_cancelled(writer: Writer) -> None:
    writer.submit([*delivery(1, 5), line(5)]).result(PATIENCE_S)
    told: asyncio.Queue[NewLog] = asyncio.Queue()
    retention = Retention(writer, days=7, megabytes=0, on_log=told.put_nowait)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(retention.run())
        said = await asyncio.wait_for(told.get(), PATIENCE_S)
        running.cancel()

    assert said.text == (
        "To keep the store within its limits, 1 exchange and 1 log line were deleted, "
        "the oldest first."
    )
