"""Log lines are read by id, of a worker, of an exchange, and by a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console.filters import log_lines
from kiket_console.store import log_reading
from kiket_console.store.reader import Reader
from kiket_console.store.records import NewLog
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = (
    ("marketing", "INFO", "app", "one"),
    ("billing", "ERROR", "app", "two"),
    ("marketing", "INFO", "", "three"),
    ("engine", "WARNING", "kiket_console", "four"),
    ("marketing", "ERROR", "app", "five"),
)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Return a reader of a store with a few lines, numbered from 1."""
    path = tmp_path / "store.sqlite3"
    writer = Writer(path)
    try:
        told = [
            NewLog(number, worker, "log", level, logger, text)
            for number, (worker, level, logger, text) in enumerate(LINES, start=1)
        ]
        writer.submit(told).result(timeout=120)
    finally:
        writer.close()
    with Reader(path) as opened:
        yield opened


def test_ids_come_from_one_on_and_no_more_than_are_asked_for(reader: Reader) -> None:
    assert list(reader.log_ids(2)) == [3, 4, 5]
    assert list(reader.log_ids(2, limit=2)) == [3, 4]
    assert list(reader.log_ids(worker="marketing", limit=2)) == [1, 3]


def test_what_matches_is_found_between_two_ids(reader: Reader) -> None:
    """Both ends are included."""
    wanted = log_lines.parse("level:error")
    assert list(reader.matching_logs(wanted, 1, 5)) == [2, 5]
    assert list(reader.matching_logs(wanted, 3, 5)) == [5]
    assert list(reader.matching_logs(log_lines.parse("/t[wh]/"), 1, 5)) == [2, 3]


def test_the_next_match_is_found_in_both_directions(reader: Reader) -> None:
    """The line itself does not count."""
    wanted = log_lines.parse("level:error")
    assert reader.next_log(wanted, 2, newer=True) == 5
    assert reader.next_log(wanted, 5, newer=False) == 2
    assert reader.next_log(wanted, 5, newer=True) is None


def test_a_workers_newest_lines_come_oldest_first(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many of all lines are looked at, so that a silent worker costs little."""
    assert [line.text for line in reader.recent_logs("marketing", 2)] == ["three", "five"]
    monkeypatch.setattr(log_reading, "RECENT_REACH", 2)
    assert [line.text for line in reader.recent_logs("marketing", 9)] == ["five"]


def test_values_are_counted(reader: Reader) -> None:
    """The most frequent first; a missing one is no value."""
    assert reader.log_values("worker", 2) == [("marketing", 3), ("billing", 1)]
    assert reader.log_values("logger", 9) == [("app", 3), ("kiket_console", 1)]
    with pytest.raises(ValueError, match="text"):
        reader.log_values("text", 9)


def test_a_store_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    """It may appear later."""
    with Reader(tmp_path / "none.sqlite3") as reader:
        assert reader.oldest_log() == 0
        assert list(reader.matching_logs(log_lines.parse(""), 1, 9)) == []
        assert reader.next_log(log_lines.parse(""), 1, newer=True) is None
