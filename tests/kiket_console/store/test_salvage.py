"""A damaged store never keeps an engine from starting, and never goes without a word."""

from __future__ import annotations

import hashlib
import os
import random
import re
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.told_spans import told_spans

from kiket_console.errors import ConsoleError
from kiket_console.model import Body, Message, State
from kiket_console.store import building
from kiket_console.store.reader import Reader
from kiket_console.store.records import (
    AddMeasures,
    AddSamples,
    AttemptEnd,
    NewAttempt,
    NewLog,
    NewReload,
    NewSpan,
)
from kiket_console.store.verification import verify
from kiket_console.store.writer import Writer
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Reload, Sample, Series, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE_S = 120
START_S = 3.0
EXCHANGES = 600
LOGS = 300
PAGE = building.PAGE_BYTES


@pytest.fixture
def closed(path: Path, arrived: Any) -> Path:
    """Return the path of a store that an engine has filled and closed."""
    writer = Writer(path)
    _fill(writer, arrived, 1)
    writer.close()
    return path


@pytest.fixture
def left(path: Path, arrived: Any) -> Path:
    """Return the path of a store as a killed engine leaves it: half of it is in the log only."""
    writer = Writer(path)
    _fill(writer, arrived, 1)
    writer.close()
    writer = Writer(path)
    _fill(writer, arrived, EXCHANGES + 1)
    raw = {file: file.read_bytes() for file in path.parent.glob("store*")}
    writer.close()
    for file, content in raw.items():
        file.write_bytes(content)
    path.with_name("store.sqlite3-shm").unlink()
    return path


def _fill(writer: Writer, arrived: Any, first: int) -> None:
    for exchange_id in range(first, first + EXCHANGES):
        raw = b"%d " % exchange_id * 200
        answer = Message((), Body(raw, len(raw), hashlib.sha256(raw).digest()))
        writer.submit([arrived(exchange_id, raw), NewAttempt(exchange_id, 1, "m#1", 5)])
        writer.submit([AttemptEnd(exchange_id, 1, State.FORWARDED, 200, 9, "", answer)])
        if exchange_id % 2:
            writer.submit([NewLog(5, "m", "stdout", "", "", f"line {exchange_id}")])
        if exchange_id % 200 == 0:
            writer.submit([]).result(PATIENCE_S)
    writer.submit([]).result(PATIENCE_S)


def truncated(path: Path) -> None:
    """Cut off the second half of the file."""
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE + 1000)


def zeroed_page(path: Path) -> None:
    """Fill a page in the middle with zeros."""
    _overwrite(path, path.stat().st_size // 2 // PAGE * PAGE, bytes(PAGE))


def bit_flip(path: Path) -> None:
    """Turn one bit of a page's own header over."""
    at = path.stat().st_size // 2 // PAGE * PAGE
    _overwrite(path, at, bytes([path.read_bytes()[at] ^ 0x40]))


def random_header(path: Path) -> None:
    """Make noise of the first hundred bytes, where SQLite looks first."""
    _overwrite(path, 0, _noise(100))


def random_first_page(path: Path) -> None:
    """Make noise of the whole first page, which says where the tables are."""
    _overwrite(path, 0, _noise(PAGE))


def lost_roots(path: Path) -> None:
    """Fill the pages with zeros from which SQLite finds all others of its tables."""
    with closing(sqlite3.connect(path)) as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_master WHERE type = 'table'")
        pages = [row[0] for row in roots]
    for page in pages:
        _overwrite(path, (page - 1) * PAGE, bytes(PAGE))


def text_file(path: Path) -> None:
    """Put somebody's notes in the store's place."""
    path.write_text("Not a store, but a note to myself.\n" * 100)


def empty_file(path: Path) -> None:
    """Leave a file with nothing in it."""
    os.truncate(path, 0)


def log_cut_short(path: Path) -> None:
    """Cut off the second half of the log that a killed engine left."""
    log = path.with_name("store.sqlite3-wal")
    os.truncate(log, log.stat().st_size // 2)


def log_of_noise(path: Path) -> None:
    """Make noise of the log that a killed engine left."""
    log = path.with_name("store.sqlite3-wal")
    log.write_bytes(_noise(log.stat().st_size))


def _noise(count: int) -> bytes:
    return random.Random(7).randbytes(count)  # noqa: S311 - the same noise each time


def _overwrite(path: Path, at: int, raw: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(raw)


@pytest.mark.parametrize(
    ("damage", "at_least"),
    [
        (truncated, 100),
        (zeroed_page, EXCHANGES - 30),
        (bit_flip, EXCHANGES - 30),
        (random_header, EXCHANGES),
        (random_first_page, EXCHANGES),
        (lost_roots, 0),
        (text_file, 0),
        (empty_file, 0),
    ],
)
def test_of_a_damaged_store_all_that_can_be_read_is_in_the_new_one(
    closed: Path, damage: Callable[[Path], None], at_least: int, arrived: Any
) -> None:
    """It is kept as it was found, the new one counts on, and one sentence says it with counts."""
    damage(closed)
    found = closed.read_bytes()

    note, writer = _open(closed)

    with Reader(closed) as reader:
        ids = list(reader.ids())
        lines = len(reader.log_ids())
        _check_all(reader, ids)
        said = _said(note)
        assert said == (len(ids), lines, EXCHANGES - len(ids), LOGS - lines)
        assert len(ids) >= at_least
        [kept] = closed.parent.glob("store.corrupt-*.sqlite3")
        assert str(kept) in note
        assert kept.read_bytes() == found
        assert kept.stat().st_mode & 0o777 == 0o600
        committed = writer.submit([arrived(EXCHANGES + 1)]).result(PATIENCE_S)
        assert committed.newest_exchange == EXCHANGES + 1
        assert committed.exchanges == len(ids) + 1
    writer.close()
    again, second = _open(closed, notes=0)
    second.close()
    assert again == ""


@pytest.mark.parametrize(("damage", "at_least"), [(log_cut_short, 100), (log_of_noise, 0)])
def test_what_a_log_has_lost_is_noticed_though_the_store_looks_sound(
    left: Path, damage: Callable[[Path], None], at_least: int
) -> None:
    damage(left)

    note, writer = _open(left)

    assert "the newest of what was recorded is missing" in note
    with Reader(left) as reader:
        ids = list(reader.ids())
        _check_all(reader, ids)
    assert len(ids) >= EXCHANGES + at_least
    assert _said(note)[0] == len(ids)
    assert _said(note)[2] == 2 * EXCHANGES - len(ids)
    assert writer.newest.newest_exchange == 2 * EXCHANGES
    assert len(list(left.parent.glob("store.corrupt-*.sqlite3-wal"))) == 1
    writer.close()


def test_a_store_that_a_killed_engine_left_is_whole_and_nothing_is_said(left: Path) -> None:
    _, writer = _open(left, notes=0)

    with Reader(left) as reader:
        ids = list(reader.ids())
        _check_all(reader, ids)
    assert len(ids) == 2 * EXCHANGES
    assert list(left.parent.glob("store.corrupt*")) == []
    writer.close()


def test_a_store_that_is_gone_is_missed(closed: Path) -> None:
    closed.unlink()

    note, writer = _open(closed)
    writer.close()

    assert note == f"The store {closed} is gone, and with it 600 exchanges; a new one was begun."
    assert writer.newest.newest_exchange == EXCHANGES


def test_without_its_mark_a_sound_store_is_taken_as_it_is(closed: Path) -> None:
    closed.with_name("store.sqlite3.mark").unlink()

    _, writer = _open(closed, notes=0)
    writer.close()

    assert writer.newest.exchanges == EXCHANGES


def test_every_store_has_its_tables_in_the_same_places(closed: Path, path: Path) -> None:
    """So that the first page of an empty one can stand in for one that was lost."""
    other = path.with_name("other.sqlite3")
    building.make_empty(other)
    places = []
    for each in (closed, other):
        connection = sqlite3.connect(each)
        places.append(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())
        connection.close()

    assert places[0] == places[1]


def _open(path: Path, notes: int = 1) -> tuple[str, Writer]:
    began_s = time.process_time()
    writer = Writer(path)
    took_s = time.process_time() - began_s
    assert took_s < START_S
    assert len(writer.notes) == notes
    return (writer.notes[0] if notes else ""), writer


def _said(note: str) -> tuple[int, ...]:
    """Return the counts of a note: exchanges and log lines that were read, and that were not."""
    found = re.search(
        r"; ([\d,]+) exchanges?(?: \([\d,]+ without their request\))? and ([\d,]+) log lines?"
        r" were read from it into a new one;"
        r" (?:none is missing|([\d,]+) exchanges? and ([\d,]+) log lines? could not be"
        r" \(SQLite's own `\.recover` may find more in it\))\.$",
        note,
    )
    assert found, note
    return tuple(int((count or "0").replace(",", "")) for count in found.groups())


def _check_all(reader: Reader, ids: list[int]) -> None:
    """Each row that is there can be opened, and no body is another's."""
    for exchange_id in ids:
        detail = reader.detail(exchange_id)
        assert detail is not None
        body = detail.request.body
        if not body.truncated:
            assert body.raw == b"%d " % exchange_id * 200


def test_what_was_measured_is_read_from_a_damaged_store_too(path: Path, arrived: Any) -> None:
    writer = Writer(path)
    series = Series("webhook", "marketing", "issue.created", "v1", "2xx")
    at_s = 1_800_000_000
    measures = [Measure(at_s + each, series, 0, Histogram.of([each])) for each in range(100)]
    span = Span(0, "ab" * 16, "cd" * 8, "", 1, "m", "client", "GET", at_s, 5, "ok", "", ())
    samples = (Sample(at_s, "marketing", "cpu", 1, 3.0, 3.0, 3.0, 3.0),)
    rows = AddMeasures(tuple(measures)), NewSpan(span), AddSamples(samples)
    writer.submit([arrived(1), *rows, NewReload(Reload(at_s, "m", "m#1", "", 9))]).result(120)
    writer.close()
    random_header(path)

    _, writer = _open(path)
    writer.close()

    with Reader(path) as reader:
        assert len(reader.measures(1, 0, 2 * at_s)) == 100
        assert sum(each.durations.count for each in reader.measures(900, 0, 2 * at_s)) == 100
        assert len(told_spans(reader, trace_id="ab" * 16)) == len(reader.reloads(0, 2 * at_s)) == 1
        assert len(reader.samples(900, 0, 2 * at_s)) == 1
        assert reader.counted() == ((at_s + 100) * 1_000_000, 0)


def test_what_is_measured_in_minutes_alone_is_not_counted_anew(path: Path, arrived: Any) -> None:
    """Nothing happened for a while before the file was damaged, so its seconds are gone."""
    at_s = 1_800_000_000
    measure = Measure(at_s, Series("webhook", "m", "issue", "v1", "2xx"), 0, Histogram.of([1]))
    with closing(Writer(path)) as writer:
        writer.submit([arrived(1), AddMeasures((measure,), steps=(60, 900))]).result(120)
    random_header(path)
    with closing(Writer(path)), Reader(path) as reader:
        assert reader.counted() == ((at_s + 60) * 1_000_000, 0)


def test_without_measures_all_that_was_recorded_is_counted_anew(closed: Path) -> None:
    random_header(closed)
    _, writer = _open(closed)
    writer.close()
    with Reader(closed) as reader:
        assert reader.counted() == (0, EXCHANGES)


def test_without_room_for_the_new_store_the_damaged_one_stays_in_its_place(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeroed_page(closed)
    found = closed.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kiket_console.store.opening.salvage", full)

    with pytest.raises(ConsoleError, match=r"cannot be written: \[Errno 28\]"):
        Writer(closed)

    assert closed.read_bytes() == found
    assert [*closed.parent.glob("store.corrupt*"), *closed.parent.glob("*.building*")] == []


def test_what_is_salvaged_is_as_it_was_recorded(closed: Path) -> None:
    """Only what was lost is named afterwards."""
    zeroed_page(closed)
    note, writer = _open(closed)
    writer.close()

    report = verify(closed)

    without = re.search(r"\((\d+) without their request\)", note)
    assert len(report.findings) == (int(without[1]) if without else 0)
    assert report.exchanges == EXCHANGES
