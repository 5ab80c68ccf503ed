from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console import filters
from kiket_console.model import Body, Message, State
from kiket_console.store import filter_reading
from kiket_console.store.reader import Reader
from kiket_console.store.records import AttemptEnd, NewAttempt, Remove, SetNote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.writer import Writer

COUNT = 300


@pytest.fixture
def reader(path: Path, writer: Writer, arrived: Any) -> Iterator[Reader]:
    """Return a reader of a store with *COUNT* exchanges, each tenth of a rare event."""
    rows: list[Any] = []
    for number in range(1, COUNT + 1):
        name = "rare.event" if number % 10 == 0 else "issue.created"
        raw = json.dumps({"issue": {"key": f"MKT-{number % 3}", "labels": [1, "a b"]}}).encode()
        rows.append(arrived(number, raw, name=name, path=f"/x?n={number}"))
    answer = Message((("Content-Type", "text/plain"),), Body(b'{"ok": true}', 12))
    rows += [
        NewAttempt(1, 1, "marketing#1", 5),
        AttemptEnd(1, 1, State.FORWARDED, 200, 5, answer=answer),
        SetNote(2, "#vip and #noise"),
        Remove((10,), 5),
    ]
    writer.submit(rows).result(120)
    with Reader(path) as reader:
        yield reader


RARE = filters.parse("event:rare.*")


def test_those_that_match_are_found_between_two_ids(reader: Reader) -> None:
    assert list(reader.matching(RARE, 1, 50)) == [20, 30, 40, 50], "10 was removed"
    assert list(reader.matching(RARE, 21, 29)) == []
    assert list(reader.matching(filters.parse(""), 298, 400)) == [298, 299, 300]


def test_those_that_match_are_found_among_others(reader: Reader) -> None:
    assert list(reader.matching_among(RARE, [50, 10, 20, 21, 9999])) == [20, 50]
    assert list(reader.matching_among(RARE, [])) == []


def test_a_scan_goes_from_the_newest_to_the_oldest_once(reader: Reader) -> None:
    low = COUNT + 1
    found: list[int] = []
    for reached, ids in reader.scan(RARE, COUNT):
        assert reached < low
        assert all(reached <= each < low for each in ids)
        low = reached
        found += reversed(ids)

    assert low == 1
    assert found == list(range(COUNT, 10, -10))
    assert list(reader.newest_matching(RARE, 3)) == [280, 290, 300]
    assert len(reader.newest_matching(RARE, 1000)) == 29


def test_the_slowest_that_match_come_first_however_many_chunks_it_takes(
    reader: Reader, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filter_reading, "MOST_CHUNK", 32)
    taken = {20: 900, 40: 7, 41: 5_000, 130: 900, 300: 40}
    for number, duration_us in taken.items():
        ended = AttemptEnd(number, 1, State.FORWARDED, 200, duration_us)
        writer.submit([NewAttempt(number, 1, "marketing#1", 5), ended]).result(120)

    assert reader.slowest(RARE, 3) == [130, 20, 300], "41 is not rare; the newer of two comes first"
    assert reader.slowest(filters.parse(""), 1) == [41]
    began_us = reader.page([200])[0].started_us
    assert reader.slowest(RARE, 3, since_us=began_us + 1) == [300]


def test_two_filters_with_functions_of_their_own_do_not_meet(reader: Reader) -> None:
    first, second = filters.parse("event~^rare"), filters.parse("event~^issue")

    for _ in range(2):
        assert list(reader.matching(first, 18, 20)) == [20]
        assert list(reader.matching(second, 18, 20)) == [18, 19]


def test_values_seen_so_far_come_with_their_counts(reader: Reader) -> None:
    assert reader.values_of("event", "", 9) == [("issue.created", 270), ("rare.event", 29)]
    assert reader.values_of("event", "RA", 9) == [("rare.event", 29)]
    assert reader.values_of("ext", "", 9) == [("marketing", 299)]
    assert reader.values_of("path", "", 9) == [("/x", 299)]
    assert reader.values_of("status", "", 9) == [("200", 1)]
    assert reader.values_of("tag", "n", 9) == [("noise", 1)]
    assert reader.values_of("h.", "", 2) == [("content-type", 301), ("x-b", 300)]
    assert reader.values_of("resph.content-type", "", 9) == [("text/plain", 1)]
    assert reader.values_of("$", "$.issue.", 9) == [
        ("$.issue.key", 300), ("$.issue.labels", 300), ("$.issue.labels[*]", 300)
    ]  # fmt: skip
    assert reader.values_of("resp$", "", 9) == [("$.ok", 1)]
    assert reader.values_of("$.issue.key", "mkt-1", 9) == [("MKT-1", 100)]
    assert reader.values_of("$.issue.labels[*]", "", 9) == [('"a b"', 300), ("1", 300)]
    assert reader.values_of("resp$.ok", "", 9) == [("true", 1)]
    assert reader.values_of("$.issue[", "", 9) == []
    assert reader.values_of("nothing", "", 9) == []


@pytest.mark.parametrize(
    "text",
    ["v>v1", "tag:vip", "is:slow", "event~x", "note~x", "x", "/x/", "h:x", "h.x-b:1", "$.issue",
     "resp$.ok", "path:/x", "level:error", "trace:00"],
)  # fmt: skip
def test_bytes_that_have_changed_on_the_disk_spoil_no_search(
    reader: Reader, path: Path, text: str
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        bad = "CAST(x'23fffe' AS TEXT)"
        connection.execute(
            f"UPDATE exchange SET name = {bad}, version = {bad}, note = {bad}, path = {bad},"  # noqa: S608
            f" trace_id = {bad}, signature = {bad}, state = {bad}, duration_us = 5 WHERE id = 1"
        )
        connection.execute(f"UPDATE request SET headers = {bad}, body = {bad}")  # noqa: S608
        connection.execute(f"UPDATE attempt SET headers = {bad}, error = {bad}, body = {bad}")  # noqa: S608
        connection.commit()

    list(reader.matching(filters.parse(text), 1, COUNT))


def test_without_a_store_nothing_matches_and_nothing_was_seen(own_places: Path) -> None:
    with Reader(own_places / "none.sqlite3") as reader:
        assert list(reader.matching(RARE, 1, 10)) == []
        assert list(reader.newest_matching(RARE, 5)) == []
        assert reader.values_of("event", "", 9) == []
        assert reader.slow_limits() == {}
        assert reader.sessions() == []
