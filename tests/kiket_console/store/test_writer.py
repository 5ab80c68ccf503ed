from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kiket_console.model import Body, LogLine, Message, Source, State
from kiket_console.store import opening
from kiket_console.store.intake import QUEUE_BYTES, QUEUE_ROWS
from kiket_console.store.reader import Reader
from kiket_console.store.records import (
    AttemptEnd,
    NewAttempt,
    NewLog,
    Remove,
    Restore,
    SetNote,
    SetPinned,
    SetRetry,
)
from kiket_console.store.verification import verify
from kiket_console.store.writer import StoreBusyError, StoreFailedError, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from kiket_console.store.records import Committed

PATIENCE_S = 120


class Stall:
    """Hold a writer's thread after its next commit, so that what follows is one batch."""

    def __init__(self, writer: Writer, first: Any) -> None:
        self._stalled = threading.Event()
        self._release = threading.Event()
        writer.on_commit = self._wait
        writer.submit([first]).result(PATIENCE_S)
        assert self._stalled.wait(PATIENCE_S)

    def _wait(self, committed: Committed) -> None:
        del committed
        self._stalled.set()
        self._release.wait(PATIENCE_S)

    def release(self) -> None:
        self._release.set()


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    reader = Reader(path)
    yield reader
    reader.close()


def test_the_settings_make_a_commit_survive_a_power_cut(path: Path) -> None:
    connection = opening.open_store(path).connection
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in (
            "journal_mode",
            "synchronous",
            "fullfsync",
            "busy_timeout",
            "wal_autocheckpoint",
            "journal_size_limit",
            "foreign_keys",
            "trusted_schema",
            "cell_size_check",
            "secure_delete",
            "page_size",
        )
    }
    connection.close()

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "busy_timeout": 2000,
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 64 * 1024 * 1024,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "secure_delete": 2,
        "page_size": 8192,
    }


def test_no_file_of_the_store_is_readable_by_others(path: Path, arrived: Any) -> None:
    old = os.umask(0)
    try:
        writer = Writer(path)
        writer.submit([arrived(1)]).result(PATIENCE_S)
        modes = {
            file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("store*")
        }
        writer.close()
    finally:
        os.umask(old)

    assert modes == {
        "store.sqlite3": 0o600,
        "store.sqlite3.mark": 0o600,
        "store.sqlite3-shm": 0o600,
        "store.sqlite3-wal": 0o600,
    }


def test_an_exchange_with_its_answer_takes_at_most_two_commits(
    writer: Writer, arrived: Any
) -> None:
    writer.submit([arrived(1), NewAttempt(1, 1, "marketing#1", 5)]).result(PATIENCE_S)
    writer.submit([AttemptEnd(1, 1, State.FORWARDED, 200, 900)]).result(PATIENCE_S)

    assert writer.commits == 2


def test_what_waits_together_is_committed_together(writer: Writer, arrived: Any) -> None:
    stall = Stall(writer, arrived(1))
    waiting = [writer.submit([arrived(number)]) for number in range(2, 102)]
    stall.release()

    newest = {future.result(PATIENCE_S) for future in waiting}

    assert len(newest) == 1
    assert writer.commits == 2


def test_changes_are_numbered_in_the_order_of_commits(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    for number in (1, 2):
        writer.submit([arrived(number)])
    writer.submit([NewAttempt(1, 1, "marketing#1", 5)])
    committed = writer.submit([NewLog(5, "marketing", "stdout", "", "", "hi")]).result(PATIENCE_S)

    assert [(row.id, row.change) for row in reader.page([1, 2])] == [(1, 3), (2, 2)]
    assert (committed.newest_exchange, committed.newest_change, committed.newest_log) == (2, 3, 1)
    assert reader.newest() == (2, 3, 1)


def test_a_row_that_cannot_be_written_fails_alone(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    """The second of the three has the id of a stored exchange; the others came with it."""
    stall = Stall(writer, arrived(1))
    batch = [writer.submit([arrived(number)]) for number in (2, 1, 3)]
    stall.release()

    failures = [future.exception(PATIENCE_S) for future in batch]

    assert [type(failure) for failure in failures] == [type(None), StoreFailedError, type(None)]
    assert str(failures[1]) == (
        "A row could not be written to the store: IntegrityError. Please report this."
    )
    assert list(reader.ids()) == [1, 2, 3]
    assert writer.trouble == ""


def test_rows_of_one_submission_are_written_together_or_not_at_all(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    with pytest.raises(StoreFailedError):
        writer.submit([arrived(1), arrived(1)]).result(PATIENCE_S)

    committed = writer.submit([arrived(1)]).result(PATIENCE_S)

    assert (committed.newest_change, committed.exchanges) == (1, 1)
    assert list(reader.ids()) == [1]


def test_a_row_that_sqlite_cannot_hold_ends_no_thread(writer: Writer, arrived: Any) -> None:
    """A lone surrogate cannot be UTF-8, and 2**64 is no integer of SQLite's."""
    for bad in ({"name": "\ud800"}, {"started_us": 2**64}):
        with pytest.raises(StoreFailedError):
            writer.submit([arrived(1, **bad)]).result(PATIENCE_S)

    writer.submit([arrived(1)]).result(PATIENCE_S)


def test_too_many_waiting_rows_are_refused_at_once(writer: Writer, arrived: Any) -> None:
    stall = Stall(writer, arrived(1))
    line = NewLog(5, "marketing", "stdout", "", "", "hi")
    accepted = writer.submit([line] * QUEUE_ROWS)

    with pytest.raises(StoreBusyError) as refused:
        writer.submit([line])
    stall.release()

    assert refused.value.message == "The store cannot keep up: 4,096 rows wait to be written."
    assert accepted.result(PATIENCE_S).newest_log == QUEUE_ROWS


def test_too_many_waiting_bytes_are_refused_at_once(writer: Writer, arrived: Any) -> None:
    stall = Stall(writer, arrived(1))
    half = b"x" * (QUEUE_BYTES // 2)
    writer.submit([arrived(2, half)])

    with pytest.raises(StoreBusyError):
        writer.submit([arrived(3, half)])
    stall.release()


def test_a_waiter_that_gives_up_does_not_stop_the_write(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    stall = Stall(writer, arrived(1))
    abandoned = writer.submit([arrived(2)])
    abandoned.cancel()
    following = writer.submit([arrived(3)])
    stall.release()

    following.result(PATIENCE_S)

    assert list(reader.ids()) == [1, 2, 3]


def test_closing_writes_what_waits_and_then_refuses(
    path: Path, reader: Reader, arrived: Any
) -> None:
    writer = Writer(path)
    for number in range(1, 1500):
        writer.submit([arrived(number)])
    writer.close()

    assert len(reader.ids()) == 1499
    with pytest.raises(StoreFailedError, match="is closed; nothing more is recorded"):
        writer.submit([arrived(1500)])
    writer.close()


def test_what_a_dead_engine_left_under_way_is_interrupted(
    path: Path, reader: Reader, arrived: Any
) -> None:
    writer = Writer(path)
    writer.submit([arrived(1), NewAttempt(1, 1, "marketing#1", 5)])
    writer.submit([arrived(2, state=State.HELD)])
    writer.submit([arrived(3), NewAttempt(3, 1, "marketing#1", 5)])
    writer.submit([AttemptEnd(3, 1, State.FORWARDED, 200, 900)]).result(PATIENCE_S)
    writer.close()
    before = reader.newest()[1]

    again = Writer(path)
    again.close()

    states = {row.id: row.state for row in reader.page([1, 2, 3])}
    assert states == {1: State.INTERRUPTED, 2: State.INTERRUPTED, 3: State.FORWARDED}
    assert again.interrupted == 2
    assert reader.changed(before, [1, 2, 3]) == [1, 2]
    detail = reader.detail(1)
    assert detail is not None
    assert detail.attempts[0].error == "The engine ended before an answer was recorded."


def test_ids_go_on_where_they_ended_even_when_the_newest_were_deleted(
    path: Path, arrived: Any
) -> None:
    writer = Writer(path)
    writer.submit([arrived(7)]).result(PATIENCE_S)
    writer.close()
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM exchange")
    connection.commit()
    connection.close()

    again = Writer(path)
    again.close()

    assert again.newest.newest_exchange == 7


CRASHING = """
import hashlib, os, signal, sys
from pathlib import Path
from kiket_console.model import Body, Message, Source, State
from kiket_console.store.records import NewExchange
from kiket_console.store.writer import Writer

writer = Writer(Path(sys.argv[1]))
for number in range(1, 10_000):
    raw = b"%d" % number * 300
    row = NewExchange(number, Source.WEBHOOK, "m", "e", "v1", "POST", "/", 1, State.RECEIVED,
                      Message((), Body(raw, len(raw), hashlib.sha256(raw).digest())))
    future = writer.submit([row])
    if number % 3 == 0:
        future.result()
        print(number, flush=True)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("killed_after", [100, 317])
def test_what_was_durable_survives_a_kill_with_its_hash(path: Path, killed_after: int) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(path), str(killed_after)], capture_output=True
    )
    promised = [int(line) for line in crashed.stdout.split()]

    writer = Writer(path)
    writer.close()

    assert crashed.returncode == -signal.SIGKILL, crashed.stderr
    assert promised[-1] > killed_after - 3
    reader = Reader(path)
    assert set(promised) <= set(reader.ids())
    for number in promised:
        detail = reader.detail(number)
        assert detail is not None
        body = detail.request.body
        assert body.raw == b"%d" % number * 300
        assert body.sha256 == hashlib.sha256(body.raw).digest()
    reader.close()


def test_answers_and_log_lines_come_back_as_they_were_written(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    answer = Message((("a", "1"), ("A", "2")), Body(b"\x00\xff", 2, b"h"))
    writer.submit([arrived(1), NewAttempt(1, 1, "marketing#3", 77)])
    writer.submit([AttemptEnd(1, 1, State.FORWARDED, 201, 900, "", answer)])
    log = NewLog(5, "marketing", "log", "INFO", "app", "two\nlines", "ab" * 16, 1)
    writer.submit([log]).result(PATIENCE_S)

    detail = reader.detail(1)

    assert detail is not None
    assert detail.attempts[0].answer == answer
    assert detail.attempts[0].target == "marketing#3"
    assert reader.exchange_logs(1) == [
        LogLine(1, 5, "marketing", "log", "INFO", "app", "two\nlines", "ab" * 16, 1)
    ]


def test_a_removed_exchange_is_out_of_sight_and_can_be_restored(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    """Each removal that changed something is counted, so that lists of ids are read again."""
    writer.submit([arrived(1), arrived(2, parent_id=1), arrived(3)]).result(PATIENCE_S)
    removed = writer.submit([Remove((1, 3), 5)]).result(PATIENCE_S)
    again = writer.submit([Remove((1, 3), 6), Remove((77,), 6)]).result(PATIENCE_S)

    assert list(reader.ids()) == [2]
    assert reader.detail(1) is None
    child = reader.detail(2)
    assert child is not None
    assert child.exchange.parent_id == 1
    assert (removed.removals, again.removals) == (1, 1)

    restored = writer.submit([Restore((1,))]).result(PATIENCE_S)

    assert list(reader.ids()) == [1, 2]
    assert restored.removals == 2
    assert reader.changed(removed.newest_change, [1, 2]) == [1]


def test_pinning_is_a_change_of_the_row(writer: Writer, reader: Reader, arrived: Any) -> None:
    before = writer.submit([arrived(1), arrived(2)]).result(PATIENCE_S)
    writer.submit([SetPinned(1, True)]).result(PATIENCE_S)

    assert [row.pinned for row in reader.page([1, 2])] == [True, False]
    assert reader.changed(before.newest_change, [1, 2]) == [1]

    writer.submit([SetPinned(1, False)]).result(PATIENCE_S)

    assert [row.pinned for row in reader.page([1, 2])] == [False, False]


def test_each_start_of_an_engine_is_a_session(path: Path, arrived: Any) -> None:
    """It says which exchange came first in it; one that recorded nothing has that of the next."""
    began_us = time.time_ns() // 1000
    for number in (1, None, 2):
        writer = Writer(path)
        if number is not None:
            writer.submit([arrived(number)]).result(120)
        writer.close()

    with closing(sqlite3.connect(path)) as connection:
        sessions = connection.execute("SELECT * FROM session ORDER BY id").fetchall()
    assert [(number, first) for number, _, first in sessions] == [(1, 1), (2, 2), (3, 2)]
    assert all(began_us <= started_us <= time.time_ns() // 1000 for _, started_us, _ in sessions)


def test_what_is_decided_and_planned_of_a_delivery_is_read_back(path: Path, arrived: Any) -> None:
    """The next attempt takes what was planned away, and a person may too."""
    writer = Writer(path)
    planned = {"decision": "deny", "retry": "waiting", "next_try_us": 9}
    rows = [arrived(1), NewAttempt(1, 1, "m#1", 1), AttemptEnd(1, 1, State.FAILED, 504, 5)]
    rows[-1] = replace(rows[-1], **planned)
    writer.submit(rows).result(120)
    writer.submit([arrived(2), NewAttempt(2, 1, "m#1", 1)]).result(120)
    writer.submit([replace(rows[-1], exchange_id=2)]).result(120)
    with Reader(path) as reader:
        for each in reader.page([1, 2]):
            assert (each.decision, each.retry, each.next_try_us) == ("deny", "waiting", 9)
        assert reader.waiting() == [1, 2]
        writer.submit([NewAttempt(1, 2, "m#1", 8), SetRetry(2, "cancelled")]).result(120)
        first, second = reader.page([1, 2])
        assert (first.attempts, first.retry, first.next_try_us) == (2, "", 0)
        assert (second.retry, second.next_try_us) == ("cancelled", 0)
        assert reader.waiting() == []
    writer.close()
    assert verify(path).findings == []


def test_another_attempt_that_a_dead_engine_left_under_way_is_the_last(
    path: Path, arrived: Any
) -> None:
    """The code may have acted upon it; what only waited for one still does."""
    writer = Writer(path)
    waiting = AttemptEnd(1, 1, State.FAILED, 504, 5, retry="waiting", next_try_us=9)
    rows = [arrived(1), NewAttempt(1, 1, "m#1", 1), waiting, NewAttempt(1, 2, "m#1", 9)]
    rows += [arrived(2), NewAttempt(2, 1, "m#1", 1), replace(waiting, exchange_id=2)]
    writer.submit(rows).result(120)
    writer.close()
    Writer(path).close()
    with Reader(path) as reader:
        found = [(each.state, each.retry, each.next_try_us) for each in reader.page([1, 2])]
        assert found == [(State.INTERRUPTED, "given up", 0), (State.FAILED, "waiting", 9)]
        assert reader.waiting() == [2]


def test_what_a_modules_message_was_is_read_back(path: Path, arrived: Any) -> None:
    writer = Writer(path)
    frame = {"kind": "req", "direction": "out", "channel": "uds"}
    writer.submit([arrived(1, source=Source.IPC, **frame), arrived(2)]).result(120)
    writer.close()

    with Reader(path) as reader:
        assert [(each.kind, each.direction, each.channel) for each in reader.page([1, 2])] == [
            ("req", "out", "uds"),
            ("", "", ""),
        ]


def test_a_note_and_what_was_edited_are_read_back(path: Path, arrived: Any) -> None:
    """A note counts as a change, so that lists read the row again."""
    writer = Writer(path)
    before = writer.submit([arrived(1), arrived(2, replay_of=1, edited=True)]).result(120)
    after = writer.submit([SetNote(1, "see #42")]).result(120)
    writer.close()

    assert after.newest_change == before.newest_change + 1
    with Reader(path) as reader:
        assert [(each.note, each.edited) for each in reader.page([1, 2])] == [
            ("see #42", False),
            ("", True),
        ]
