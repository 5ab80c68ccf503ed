"""What ended and was not counted is counted once, whatever became of the engine meanwhile."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from kiket_console.engine.telemetry import recount as module
from kiket_console.engine.telemetry.recount import Recount
from kiket_console.model import Body, Message, Source, State
from kiket_console.store.records import (
    AddMeasures,
    AttemptEnd,
    NewAttempt,
    NewExchange,
    NewReload,
    Row,
)
from kiket_console.store.writer import StoreBusyError, Writer
from kiket_console.telemetry.nouns import Reload

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from kiket_console.store.reader import Reader

NOW_US: Final = time.time_ns() // 1000
HOUR_US: Final = 3_600_000_000


def ended(
    exchange_id: int, began_us: int, duration_us: int = 1000, target: str = "marketing#1"
) -> list[Row]:
    """Return the rows of a delivery that was answered."""
    words = (Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/")
    return [
        NewExchange(exchange_id, *words, began_us, State.RECEIVED, Message((), Body())),
        NewAttempt(exchange_id, 1, target, began_us),
        AttemptEnd(exchange_id, 1, State.FORWARDED, 200, duration_us),
    ]


def add(writer: Writer, *rows: Row) -> None:
    writer.submit(rows).result(120)


def forget_measures(path: Path) -> None:
    """Make the store what it was when nothing was measured yet."""
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE counters SET measured_us = 0, uncounted = exchange")


def counts(reader: Reader, step_s: int) -> dict[int, int]:
    """Return how much is counted, by the code that did it."""
    found: dict[int, int] = {}
    for each in reader.measures(step_s, 0, 2**40):
        found[each.code_us] = found.get(each.code_us, 0) + each.durations.count
    return found


async def test_the_last_second_before_an_engine_was_killed_is_counted(
    writer: Writer, reader: Reader
) -> None:
    """What ended before the last flush is not counted again, nor what ends from now on."""
    flushed_us = NOW_US - 2_000_000
    add(writer, *ended(1, flushed_us - 5000), *ended(2, flushed_us - 500), *ended(3, flushed_us))
    add(writer, NewReload(Reload(flushed_us - 9000, "marketing", "marketing#1", "", 1)))
    add(writer, AddMeasures((), until_us=flushed_us))
    recount = Recount(reader, writer)
    later_us = recount._began_us
    add(writer, *ended(4, later_us), *ended(5, later_us - 10, duration_us=20))

    await recount.run()
    assert counts(reader, 1) == {flushed_us - 9000: 2}
    assert reader.counted()[0] == later_us

    add(writer, AddMeasures((), until_us=later_us + 1_000_000))
    await Recount(reader, writer).run()
    assert counts(reader, 1) == {flushed_us - 9000: 2}


async def test_what_came_before_there_were_measures_is_counted_by_the_code_of_then(
    writer: Writer, reader: Reader, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    monkeypatch.setattr(module, "PAUSE_S", 0)
    first_us = NOW_US - 100 * HOUR_US
    add(writer, NewReload(Reload(NOW_US - 50 * HOUR_US, "marketing", "marketing#1", "", 1)))
    add(writer, NewReload(Reload(NOW_US - HOUR_US, "marketing", "marketing#2", "app.py", 1)))
    for exchange_id in range(1, 11):
        add(writer, *ended(exchange_id, first_us + exchange_id * 10 * HOUR_US - HOUR_US // 2))
    add(writer, *ended(11, NOW_US - 900, target="gateway"))
    forget_measures(store)

    await Recount(reader, writer).run()
    await Recount(reader, writer).run()

    served = NOW_US - 50 * HOUR_US, NOW_US - HOUR_US
    assert counts(reader, 900) == {0: 6, served[0]: 4, served[1]: 1}
    assert counts(reader, 60) == {0: 1, served[0]: 4, served[1]: 1}
    assert reader.counted()[1] == 0


async def test_a_recount_goes_on_where_it_was_stopped(
    writer: Writer, reader: Reader, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "PAUSE_S", 0)
    monkeypatch.setattr(module, "AGAIN_S", 0)
    monkeypatch.setattr(module, "TRIES", 1)
    for exchange_id in range(1, 8):
        add(writer, *ended(exchange_id, NOW_US - HOUR_US))
    forget_measures(store)
    recount = Recount(reader, writer)
    asked = 0
    real = writer.submit

    def busy(rows: list[Row]) -> object:
        nonlocal asked
        asked += 1
        if asked == 4:
            raise StoreBusyError("The store cannot keep up.")
        return real(rows)

    monkeypatch.setattr(writer, "submit", busy)
    await recount.run()
    assert (counts(reader, 900), reader.counted()[1]) == ({0: 4}, 3)

    await Recount(reader, writer).run()

    assert (counts(reader, 900), reader.counted()[1]) == ({0: 7}, 0)


async def test_the_first_second_of_a_project_is_counted_too(writer: Writer, reader: Reader) -> None:
    """The engine was killed before it had told the store of anything."""
    add(writer, *ended(1, NOW_US - 5_000_000))
    await Recount(reader, writer).run()
    await Recount(reader, writer).run()
    assert counts(reader, 900) == {0: 1}


async def test_each_try_counts_that_code_took_and_whose_end_was_seen(
    writer: Writer, reader: Reader, store: Path
) -> None:
    began_us = NOW_US - HOUR_US
    words = (Source.WEBHOOK, "marketing", "issue.created", "v1", "POST", "/")
    add(
        writer,
        NewExchange(1, *words, began_us, State.RECEIVED, Message((), Body())),
        NewAttempt(1, 1, "marketing#1", began_us),
        AttemptEnd(1, 1, State.FAILED, None, 10),  # it was just being replaced
        NewAttempt(1, 2, "marketing#2", began_us + 10),
        AttemptEnd(1, 2, State.FORWARDED, 500, 1000),
        NewAttempt(1, 3, "marketing#2", began_us + 30_000_000),
        AttemptEnd(1, 3, State.FORWARDED, 200, 2000),
        NewAttempt(1, 4, "marketing#2", NOW_US - 10),
    )
    writer.close()
    forget_measures(store)
    with closing(Writer(store)) as again:  # the engine was killed during the fourth
        await Recount(reader, again).run()
        add(again, AddMeasures((), until_us=NOW_US - 1_000_000))
        await Recount(reader, again).run()

    found = reader.measures(60, 0, 2**40)
    durations = [(each.series.outcome, each.durations.total_us) for each in found]
    assert sorted(durations) == [("2xx", 2000), ("5xx", 1000)]


async def test_damaged_exchanges_are_left_out(writer: Writer, reader: Reader, store: Path) -> None:
    for exchange_id in range(1, 5):
        add(writer, *ended(exchange_id, NOW_US - HOUR_US))
    with closing(sqlite3.connect(store)) as other, other:
        other.execute("UPDATE attempt SET duration_us = 'long' WHERE id / 4096 = 1")
        other.execute("UPDATE exchange SET name = x'00' WHERE id = 2")
        other.execute("UPDATE attempt SET state = 'odd' WHERE id / 4096 = 3")
    forget_measures(store)

    await Recount(reader, writer).run()

    found = reader.measures(900, 0, 2**40)
    assert sorted(each.series.outcome for each in found) == ["2xx", "failed"]


async def test_nothing_is_counted_where_telemetry_is_off(
    writer: Writer, reader: Reader, store: Path
) -> None:
    add(writer, *ended(1, NOW_US))
    forget_measures(store)
    await Recount(reader, writer, counts=False).run()
    assert counts(reader, 900) == {}
    assert reader.counted()[1] == 1
