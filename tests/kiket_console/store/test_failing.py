"""When the store cannot be written nothing is promised, and it goes on by itself when it can."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.store.reader import Reader
from kiket_console.store.writer import StoreFailedError, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 120


class Disk:
    """What a disk does to those who write on it; `failing` is what SQLite makes of it."""

    def __init__(self) -> None:
        self.failing: sqlite3.Error | None = None
        self.opened = 0

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        disk = self
        disk.opened += 1

        class OnDisk(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql == "COMMIT" and disk.failing is not None:
                    raise disk.failing
                return super().execute(sql, *values)

        connection: sqlite3.Connection = sqlite3.connect(*args, factory=OnDisk, **options)
        return connection


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def writer(path: Path, disk: Disk) -> Iterator[Writer]:
    writer = Writer(path, connect=disk.connect)
    yield writer
    disk.failing = None
    writer.close()


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    with Reader(path) as reader:
        yield reader


def error_of(kind: type[sqlite3.Error], text: str, code: int) -> sqlite3.Error:
    error = kind(text)
    error.sqlite_errorcode = code
    return error


def test_after_a_flush_that_failed_nothing_is_accepted_until_the_file_was_opened_and_checked_anew(
    writer: Writer, reader: Reader, disk: Disk, arrived: Any
) -> None:
    """A second flush would succeed though the first one's pages are lost, so it proves nothing."""
    writer.submit([arrived(1)]).result(PATIENCE_S)
    disk.failing = error_of(sqlite3.OperationalError, "disk I/O error", sqlite3.SQLITE_IOERR_FSYNC)
    with pytest.raises(StoreFailedError) as refused:
        writer.submit([arrived(2)]).result(PATIENCE_S)
    assert refused.value.status == 503
    assert refused.value.message.endswith("could not be written: disk I/O error.")
    disk.failing = None
    before = disk.opened

    at_once = writer.submit([arrived(3)]).exception(PATIENCE_S)
    committed = _submit_until_taken(writer, arrived, 4)

    assert isinstance(at_once, StoreFailedError)
    assert disk.opened == before + 1
    assert committed.newest_exchange == 4
    assert list(reader.ids()) == [1, 4]


def test_it_goes_on_by_itself_and_says_for_how_long_nothing_was_recorded(
    writer: Writer, reader: Reader, disk: Disk, arrived: Any
) -> None:
    """Nobody has to send anything: the store is tried twice a second."""
    disk.failing = error_of(
        sqlite3.OperationalError, "database or disk is full", sqlite3.SQLITE_FULL
    )
    failures = [writer.submit([arrived(number)]).exception(PATIENCE_S) for number in (1, 2, 3)]
    assert {failure.status for failure in failures if isinstance(failure, StoreFailedError)} == {
        507
    }
    assert "database or disk is full" in writer.trouble
    assert list(reader.ids()) == []

    disk.failing = None
    room_at = time.monotonic()
    while writer.trouble:
        assert time.monotonic() < room_at + PATIENCE_S
        time.sleep(0.01)  # the pace of looking

    [line] = reader.log_page(reader.log_ids())
    assert (line.worker, line.level) == ("engine", "WARNING")
    assert "nothing could be recorded (3 submissions refused): The store " in line.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_when_the_writing_thread_ends_everybody_who_waits_is_told_at_once(
    writer: Writer, arrived: Any
) -> None:
    """Those in its hands, those in the queue, and whoever comes later."""
    held = threading.Event()
    told: list[tuple[list[object], StoreFailedError | None]] = []
    writer.on_settled = lambda tickets, failure: told.append((list(tickets), failure))

    def die(committed: Any) -> None:
        held.wait(PATIENCE_S)
        raise RuntimeError("what nobody thought of")

    writer.on_commit = die
    writer.submit([arrived(1)]).result(PATIENCE_S)
    waiting = [writer.submit([arrived(number)]) for number in (2, 3)]
    writer.put([arrived(4)], 1, "ticket")
    held.set()

    failures = [future.exception(PATIENCE_S) for future in waiting]
    writer._thread.join(PATIENCE_S)

    assert [type(failure) for failure in failures] == [StoreFailedError] * 2
    assert told[-1][0] == ["ticket"]
    assert isinstance(told[-1][1], StoreFailedError)
    assert writer.trouble == "The thread that writes the store has ended; restart the engine."
    with pytest.raises(StoreFailedError, match="nothing more is recorded"):
        writer.submit([arrived(5)])


def test_a_store_damaged_while_it_is_written_is_salvaged_and_written_on(
    path: Path, writer: Writer, reader: Reader, disk: Disk, arrived: Any
) -> None:
    """The commit that meets the damage fails; later ones go into a new store; readers follow."""
    for number in range(1, 50):
        writer.submit([arrived(number)]).result(PATIENCE_S)
    checkpoint = sqlite3.connect(path)
    checkpoint.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    checkpoint.close()
    assert len(reader.ids()) == 49
    disk.failing = error_of(
        sqlite3.DatabaseError, "database disk image is malformed", sqlite3.SQLITE_CORRUPT
    )
    with pytest.raises(StoreFailedError, match="malformed"):
        writer.submit([arrived(50)]).result(PATIENCE_S)
    with path.open("r+b") as file:
        file.write(bytes(8192))
    disk.failing = None

    _submit_until_taken(writer, arrived, 51)

    assert list(reader.ids()) == [*range(1, 50), 51]
    texts = [line.text for line in reader.log_page(reader.log_ids())]
    assert texts[0].startswith("The store was damaged (file is not a database) and is kept as ")
    assert texts[1].startswith("For ")


@pytest.mark.parametrize("names", ["store.sqlite3", "store*"])
def test_a_store_that_was_removed_is_begun_anew_and_nothing_goes_where_nobody_finds_it(
    writer: Writer, reader: Reader, path: Path, arrived: Any, names: str
) -> None:
    """With its log and mark, or without: no number is given twice, and what is lost is told."""
    writer.submit([arrived(1)]).result(PATIENCE_S)
    for file in list(path.parent.glob(names)):
        file.unlink()
    newest = writer.submit([arrived(2)]).result(PATIENCE_S)
    assert newest.newest_change > 1
    assert list(reader.ids()) == [2]
    assert "is gone, and with it 1 exchange; a new one was begun" in _newest_log(reader)
    assert writer.trouble == ""


def test_while_the_folder_of_a_store_is_gone_nothing_is_accepted(
    writer: Writer, reader: Reader, path: Path, arrived: Any
) -> None:
    writer.submit([arrived(1)]).result(PATIENCE_S)
    elsewhere = path.parent.rename(f"{path.parent}-moved")
    with pytest.raises(StoreFailedError, match="cannot be written: No such file"):
        writer.submit([arrived(2)]).result(PATIENCE_S)
    elsewhere.rename(path.parent)
    _submit_until_taken(writer, arrived, 3)
    assert list(reader.ids()) == [1, 3]


def _newest_log(reader: Reader) -> str:
    return "\n".join(line.text for line in reader.log_page(reader.log_ids()))


def _submit_until_taken(writer: Writer, arrived: Any, number: int) -> Any:
    """Submit every now and then until it is taken; it is never taken twice."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return writer.submit([arrived(number)]).result(PATIENCE_S)
        except StoreFailedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)  # the pace of looking


FULL_DISK = """
import resource, sqlite3, sys, time
from functools import partial
from pathlib import Path
from kiket_console.model import Body, Message, Source, State
from kiket_console.errors import ConsoleError
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import StoreFailedError, Writer

def row(number):
    raw = b"x" * 20_000
    return NewExchange(number, Source.WEBHOOK, "m", "e", "v1", "POST", "/", 1, State.RECEIVED,
                       Message((), Body(raw, len(raw), b"")))

class Small(sqlite3.Connection):
    pages = 1_000_000
    def execute(self, sql, *values):
        if sql.startswith("BEGIN"):
            super().execute(f"PRAGMA max_page_count = {self.pages}")
        return super().execute(sql, *values)

how, path = sys.argv[1], Path(sys.argv[2])
def limit(full):
    if how == "file size":
        soft = 400_000 if full else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
    else:
        Small.pages = 40 if full else 1_000_000

writer = Writer(path, connect=partial(sqlite3.connect, factory=Small))
limit(True)
taken, refused = [], []
for number in range(1, 300):
    try:
        writer.submit([row(number)]).result()
        taken.append(number)
    except StoreFailedError as error:
        refused.append(error.status)
    if len(refused) == 200:
        break
with Reader(path) as reader:
    readable = list(reader.ids()) == taken and len(reader.detail(taken[-1]).request.body.raw)
trouble = writer.trouble
limit(False)
while writer.trouble:
    time.sleep(0.01)
writer.submit([row(1000)]).result()
with Reader(path) as reader:
    kept = list(reader.ids()) == [*taken, 1000]
writer.close()
print(len(taken), len(refused), set(refused), readable, kept, trouble)
"""


@pytest.mark.parametrize("how", ["file size", "page count"])
def test_while_the_disk_is_full_nothing_is_acknowledged_and_reading_works(
    path: Path, how: str
) -> None:
    """Nothing that was refused is there, all that was taken is, and it goes on by itself."""
    finished = subprocess.run(
        [sys.executable, "-c", FULL_DISK, how, str(path)], capture_output=True, text=True
    )

    assert finished.stderr == ""
    taken, refused, *rest = finished.stdout.split(maxsplit=5)
    assert int(taken) >= 5
    assert int(refused) == 200
    assert rest[:3] == ["{507}", "20000", "True"]
    assert rest[3].startswith(f"The store {path} could not be written: ")


def test_many_waiters_are_all_told_when_one_commit_fails(
    writer: Writer, disk: Disk, arrived: Any
) -> None:
    disk.failing = error_of(sqlite3.OperationalError, "disk I/O error", sqlite3.SQLITE_IOERR_WRITE)

    with ThreadPoolExecutor(16) as senders:
        failures = list(
            senders.map(
                lambda number: writer.submit([arrived(number)]).exception(PATIENCE_S),
                range(1, 65),
            )
        )

    assert [type(failure) for failure in failures] == [StoreFailedError] * 64
    assert writer.commits == 0


def test_a_start_on_a_full_disk_is_refused_in_a_sentence(
    path: Path, disk: Disk, arrived: Any
) -> None:
    """What is there can be read, and the next start finds it as it was."""
    writer = Writer(path)
    writer.submit([arrived(1)]).result(PATIENCE_S)
    writer.close()
    disk.failing = error_of(
        sqlite3.OperationalError, "database or disk is full", sqlite3.SQLITE_FULL
    )

    with pytest.raises(ConsoleError) as refused:
        Writer(path, connect=disk.connect)

    assert refused.value.message == (
        f"The store {path} cannot be written: database or disk is full."
    )
    assert refused.value.hint == "Make room on its disk."
    with Reader(path) as reader:
        assert list(reader.ids()) == [1]
    Writer(path).close()


def test_without_room_for_a_new_store_no_half_of_one_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path) -> None:
        file.write_bytes(b"half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("kiket_console.store.building.make_empty", full)

    with pytest.raises(ConsoleError, match="database or disk is full"):
        Writer(path)

    assert list(path.parent.glob("store*")) == []
