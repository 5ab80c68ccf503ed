from __future__ import annotations

import sqlite3
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.model import Judgement, Source, State
from kiket_console.store import schema
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, NewLog, Remove
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 120


@pytest.fixture
def reader(path: Path) -> Iterator[Reader]:
    reader = Reader(path)
    yield reader
    reader.close()


def test_without_a_store_it_is_empty_and_makes_no_file(path: Path, reader: Reader) -> None:
    assert reader.newest() == (0, 0, 0)
    assert reader.ids() == array("q")
    assert reader.page([1]) == []
    assert reader.detail(1) is None
    assert reader.recent(10) == []
    assert list(path.parent.glob("store*")) == []


def test_it_opens_a_store_that_appears_later(path: Path, reader: Reader, arrived: Any) -> None:
    assert reader.newest() == (0, 0, 0)
    path.touch()  # as it is for a moment before its schema is there
    assert reader.newest() == (0, 0, 0)

    writer = Writer(path)
    writer.submit([arrived(1)]).result(PATIENCE_S)

    assert reader.newest() == (1, 1, 0)
    writer.close()


def test_a_page_is_in_the_order_asked_for_without_what_is_gone(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    writer.submit([arrived(number) for number in (1, 2, 3)]).result(PATIENCE_S)

    assert [row.id for row in reader.page([3, 9, 1])] == [3, 1]
    assert [row.id for row in reader.page(array("q", [2, 3]))] == [2, 3]
    assert reader.page([]) == []


@pytest.mark.parametrize("number", [-1, 0, 2, 2**63 - 1, 2**63, 10**30])
def test_no_number_is_too_large_to_ask_for(
    writer: Writer, reader: Reader, arrived: Any, number: int
) -> None:
    writer.submit([arrived(1)]).result(PATIENCE_S)

    assert reader.exchange(1) is not None
    assert reader.exchange(number) is None
    assert reader.detail(number) is None


def test_ids_ascend_and_start_after_the_one_given(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    writer.submit([arrived(number) for number in (1, 2, 3)]).result(PATIENCE_S)

    assert reader.ids() == array("q", [1, 2, 3])
    assert reader.ids(2) == array("q", [3])
    assert [row.id for row in reader.recent(2)] == [3, 2]


def test_deleted_rows_are_nowhere(path: Path, writer: Writer, reader: Reader, arrived: Any) -> None:
    writer.submit([arrived(1), arrived(2, parent_id=1), arrived(3)]).result(PATIENCE_S)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE exchange SET deleted_us = 5 WHERE id IN (2, 3)")
    connection.close()

    assert list(reader.ids()) == [1]
    assert [row.id for row in reader.recent(9)] == [1]
    assert reader.exchange(3) is None
    detail = reader.detail(1)
    assert detail is not None
    assert detail.children == ()


def test_changed_names_only_those_among_the_asked(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    writer.submit([arrived(number) for number in (1, 2, 3)]).result(PATIENCE_S)
    before = reader.newest()[1]
    for number in (1, 3):
        writer.submit([NewAttempt(number, 1, "marketing#1", 5)]).result(PATIENCE_S)

    assert reader.changed(before, [1, 2]) == [1]
    assert reader.changed(before, [1, 2, 3]) == [1, 3]
    assert reader.changed(reader.newest()[1], [1, 2, 3]) == []


def test_a_detail_has_request_judgement_attempts_and_children(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    judgement = Judgement(False, "mismatch", "k0", "It does not match.", 1.5, "k1")
    row = arrived(1, b'{"a":1}', judgement=judgement, signature="mismatch")
    writer.submit([row, NewAttempt(1, 1, "marketing#1", 5)])
    writer.submit([AttemptEnd(1, 1, State.FAILED, 502, 70, "It broke.")])
    writer.submit([arrived(2, parent_id=1, parent_guessed=True)]).result(PATIENCE_S)

    detail = reader.detail(1)

    assert detail is not None
    assert detail.request == row.request
    assert detail.judgement == judgement
    assert detail.exchange.state is State.FAILED
    assert (detail.exchange.status, detail.exchange.attempts) == (502, 1)
    [attempt] = detail.attempts
    assert (attempt.error, attempt.answer, attempt.duration_us) == ("It broke.", None, 70)
    assert [(child.id, child.parent_guessed) for child in detail.children] == [(2, True)]


def test_log_lines_are_found_by_worker_and_by_exchange(writer: Writer, reader: Reader) -> None:
    lines = [
        NewLog(1, "marketing", "stdout", "", "", "a", exchange_id=4),
        NewLog(2, "engine", "log", "INFO", "engine", "b"),
        NewLog(3, "marketing", "stderr", "", "", "c"),
    ]
    writer.submit(lines).result(PATIENCE_S)

    assert list(reader.log_ids()) == [1, 2, 3]
    assert list(reader.log_ids(after=1, worker="marketing")) == [3]
    assert list(reader.log_ids(exchange_id=4)) == [1]
    assert [line.text for line in reader.log_page([3, 8, 1])] == ["c", "a"]
    assert [line.text for line in reader.exchange_logs(4)] == ["a"]


def test_threads_may_share_it(writer: Writer, reader: Reader, arrived: Any) -> None:
    writer.submit([arrived(number) for number in range(1, 200)]).result(PATIENCE_S)

    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(lambda _: reader.page(reader.ids()), range(32)))

    assert all([row.id for row in page] == list(range(1, 200)) for page in pages)


def test_a_closed_store_can_be_read_where_nobody_can_write(
    path: Path, reader: Reader, arrived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only disk, say; and it leaves nothing beside the store."""
    writer = Writer(path)
    writer.submit([arrived(1)]).result(PATIENCE_S)
    writer.close()
    before = sorted(path.parent.glob("store*"))
    monkeypatch.setattr("os.access", lambda *_: False)

    assert list(reader.ids()) == [1]
    assert sorted(path.parent.glob("store*")) == before


def test_when_another_file_takes_the_stores_place_it_reads_that_one(
    path: Path, reader: Reader, arrived: Any
) -> None:
    """As when a damaged store was put aside; the old file lives on under another name."""
    for number in (1, 2):
        writer = Writer(path.with_name(f"{number}.sqlite3"))
        writer.submit([arrived(number)]).result(PATIENCE_S)
        writer.close()
    path.with_name("1.sqlite3").rename(path)
    assert list(reader.ids()) == [1]

    path.rename(path.with_name("aside.sqlite3"))
    assert list(reader.ids()) == []
    path.with_name("2.sqlite3").rename(path)

    assert list(reader.ids()) == [2]


def test_a_byte_that_is_no_text_hides_no_page(
    path: Path, writer: Writer, reader: Reader, arrived: Any
) -> None:
    """Nor does a word of a state that nobody knows, nor headers that are no JSON."""
    writer.submit([arrived(1), arrived(2), arrived(3)]).result(PATIENCE_S)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE exchange SET name = CAST(x'41ff' AS TEXT) WHERE id = 1")
        connection.execute("UPDATE exchange SET state = 'forwarxed' WHERE id = 2")
        connection.execute("UPDATE request SET headers = '[[', refs = 'x', verdict = '{'")
    connection.close()

    first, second, third = reader.page([1, 2, 3])

    assert first.name == "A\ufffd"
    assert second.state is State.INTERRUPTED
    assert third.state is State.RECEIVED
    detail = reader.detail(3)
    assert detail is not None
    assert detail.request.headers == (("[damaged]", "[["),)
    assert (detail.request.body.references, detail.judgement) == ((), None)


def test_it_cannot_write(writer: Writer, path: Path, arrived: Any) -> None:
    """It reads in `mode=ro`, so the engine's is the only connection that can change the file."""
    writer.submit([arrived(1)]).result(PATIENCE_S)
    reader = Reader(path)
    reader.newest()
    connection = reader._connection
    assert connection is not None

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM exchange")
    reader.close()


def test_a_store_of_a_newer_program_is_refused_in_a_sentence(path: Path, reader: Reader) -> None:
    Writer(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(ConsoleError, match=f"this program knows up to {schema.VERSION}"):
        reader.newest()


def test_a_file_that_is_no_store_is_told_of(path: Path, reader: Reader) -> None:
    path.write_bytes(b"no database at all, but long enough to look" * 50)

    with pytest.raises(ConsoleError) as refused:
        reader.recent(5)

    assert refused.value.message == (f"The store {path} cannot be read: file is not a database.")


def test_all_ids_are_read_in_runs_with_and_without_holes(
    writer: Writer, reader: Reader, arrived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiket_console.store.reader._RUN", 7)
    there = [number for number in range(3, 100) if number not in {20, 21, 50}]
    writer.submit([arrived(number) for number in there]).result(PATIENCE_S)
    writer.submit([Remove((60, 61), 5)]).result(PATIENCE_S)

    shown = [number for number in there if number not in {60, 61}]
    assert list(reader.ids()) == shown
    assert list(reader.ids(55)) == [number for number in shown if number > 55]
    assert list(reader.ids(99)) == []


def test_captures_are_the_newest_of_each_event_that_is_no_replay(
    writer: Writer, reader: Reader, arrived: Any
) -> None:
    rows = [
        arrived(1, name="a", version="v1"),
        arrived(2, name="b", version="v1"),
        arrived(3, name="a", version="v1"),
        arrived(4, name="a", version="v1", replay_of=3),
        arrived(5, name="a", version="v2"),
        arrived(6, name="b", version="v1"),
        arrived(7, name="c", version="", source=Source.API),
    ]
    writer.submit([*rows, Remove((6,), 1)]).result(PATIENCE_S)

    assert [each.id for each in reader.captures()] == [5, 3, 2]
    assert [each.id for each in reader.captures(within=4)] == [5]


def test_the_oldest_exchange_is_where_looking_back_ends(
    path: Path, writer: Writer, arrived: Any
) -> None:
    with Reader(path) as reader:
        assert reader.oldest() == 0
        writer.submit([arrived(7), arrived(9)]).result(120)
        assert reader.oldest() == 7
