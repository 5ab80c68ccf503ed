"""A scan finds what matches, newest first, and keeps a narrowed list right as rows change."""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.kiket_console.ui.test_feed import Numbered, Table

from kiket_console.ui import scan
from kiket_console.ui.feed import PAGE, Feed
from kiket_console.ui.scan import Haul, Question, Scan, Sieve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Store:
    """Rows 1 to *newest*, of which those that fulfil *matches* match."""

    def __init__(self, newest: int, matches: Callable[[int], bool]) -> None:
        self.newest = newest
        self.matches = matches
        self.failing: set[int] = set()
        self.pending: set[int] = set()
        self.looked_at: list[tuple[int, int]] = []
        self.gone: set[int] = set()

    def sieve(self) -> Sieve:
        return Sieve(
            newest=lambda: self.newest,
            oldest=lambda: 1,
            matches=Question(self._between, lambda ids: self._those(ids, self.matches)),
            failing=self._question(self.failing),
            pending=self._question(self.pending),
        )

    def _between(self, low: int, high: int) -> array[int]:
        self.looked_at.append((low, high))
        return self._those(range(low, high + 1), self.matches)

    def _question(self, those: set[int]) -> Question:
        return Question(
            lambda low, high: self._those(range(low, high + 1), those.__contains__),
            lambda ids: self._those(ids, those.__contains__),
        )

    def _those(self, ids: Iterable[int], so: Callable[[int], bool]) -> array[int]:
        return array("q", [each for each in ids if so(each) and each not in self.gone])


def narrowed(store: Store, *, follow: bool = True) -> tuple[Feed[Numbered], Scan]:
    feed: Feed[Numbered] = Feed(Table(*range(1, store.newest + 1)))
    feed.open()
    if not follow:
        feed.pause()
    feed.narrow()
    return feed, Scan(store.sieve())


def run(feed: Feed[Numbered], scan: Scan) -> None:
    while (haul := scan.step()) is not None:
        feed.take(haul)


def shown(feed: Feed[Numbered]) -> list[int]:
    rows = [feed.row(position) for position in range(feed.count)]
    return [row.id for row in rows if row is not None]


def test_the_newest_rows_are_looked_at_first() -> None:
    store = Store(5_000, lambda row_id: row_id % 1_000 == 0)
    feed, running = narrowed(store)
    running._size = 1_000
    first = running.step()
    assert first is not None
    feed.take(first)
    assert store.looked_at == [(4_001, 5_000)]
    assert shown(feed) == [5_000]
    assert 0 < running.progress < 1
    run(feed, running)
    assert shown(feed) == [1_000, 2_000, 3_000, 4_000, 5_000]
    assert (running.done, running.progress, feed.total) == (True, 1.0, 5_000)


def test_steps_grow_as_long_as_they_are_quick_and_shrink_when_they_are_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    speed = [1e-6]
    store = Store(2_000_000, lambda _: False)
    between = store._between

    def slow(low: int, high: int) -> array[int]:
        clock[0] += (high - low + 1) * speed[0]
        between(low, min(high, low))
        return array("q")

    sieve = Sieve(lambda: store.newest, lambda: 1, Question(slow))
    running = Scan(sieve)
    for _ in range(9):
        running.step()
    began = clock[0]
    running.step()
    assert clock[0] - began == pytest.approx(scan.STEP_S, rel=0.1), "40,000 rows at that pace"
    speed[0] = 1e-3
    for _ in range(2):
        running.step()
    began = clock[0]
    running.step()
    assert clock[0] - began == pytest.approx(scan.STEP_S, rel=0.1), "40 rows at that one"


def test_rows_that_came_since_are_looked_at_before_older_ones() -> None:
    store = Store(5_000, lambda row_id: row_id > 4_998)
    feed, running = narrowed(store)
    haul = running.step()
    assert haul is not None
    feed.take(haul)
    store.newest = 5_002
    haul = running.step()
    assert haul is not None
    feed.take(haul)
    assert store.looked_at[-1] == (5_001, 5_002)
    feed._pages.add(5_001, 5_002)  # type: ignore[attr-defined]  # it is the table of the test
    feed.extend()
    assert shown(feed) == [4_999, 5_000, 5_001, 5_002]
    assert feed.selected == Numbered(5_002), "it follows"


def test_a_row_that_comes_to_match_appears_and_one_that_does_not_any_more_goes() -> None:
    answered: set[int] = set()
    store = Store(10, lambda row_id: row_id == 3 or row_id in answered)
    store.pending = {7, 9}
    feed, running = narrowed(store)
    run(feed, running)
    assert shown(feed) == [3]
    assert running.waits

    answered.add(7)
    store.pending.discard(7)
    running.wake()
    run(feed, running)
    assert shown(feed) == [3, 7]

    store.matches = lambda row_id: row_id == 7
    running.ask_again([3])
    run(feed, running)
    assert shown(feed) == [7]
    store.pending.clear()
    running.wake()
    run(feed, running)
    assert not running.waits


def test_the_row_under_the_cursor_stays_until_the_cursor_leaves_it() -> None:
    store = Store(10, lambda row_id: row_id in {2, 5, 8})
    feed, running = narrowed(store, follow=False)
    run(feed, running)
    feed.move(1)
    store.matches = lambda row_id: row_id in {2, 8}
    running.ask_again([5])
    run(feed, running)
    assert (feed.selected, shown(feed)) == (Numbered(5), [2, 5, 8])
    running.ask_again([2])
    run(feed, running)
    assert shown(feed) == [2, 5, 8], "something else changed"
    feed.move(2)
    assert (feed.selected, shown(feed)) == (Numbered(8), [2, 8])


def test_the_cursor_comes_back_to_its_row_when_the_filter_goes() -> None:
    store = Store(10, lambda row_id: row_id > 8)
    feed, running = narrowed(store, follow=False)
    feed.widen()
    feed.move(3)
    feed.narrow()
    run(feed, running)
    assert feed.selected == Numbered(9)
    feed.widen()
    assert (feed.selected, feed.count) == (Numbered(4), 10)


def test_failing_rows_that_are_hidden_are_counted() -> None:
    store = Store(100, lambda row_id: row_id <= 50)
    store.failing = {10, 60, 70}
    feed, running = narrowed(store)
    run(feed, running)
    assert feed.hidden_failing == 2
    store.failing.discard(60)
    running.ask_again([60])
    run(feed, running)
    assert feed.hidden_failing == 1


def test_a_restarted_scan_finds_what_is_there_now_without_emptying_the_list() -> None:
    store = Store(3_000, lambda row_id: row_id % 1_000 == 1)
    feed, running = narrowed(store)
    run(feed, running)
    store.gone = {1_001}
    running._size = 1_000
    running.restart()
    haul = running.step()
    assert haul is not None
    feed.take(haul)
    assert feed.count == 3, "what is left to look at stays"
    run(feed, running)
    assert [feed._ids[position] for position in range(feed.count)] == [1, 2_001]


@given(
    known=st.sets(st.integers(1, 60)),
    found=st.sets(st.integers(1, 60)),
    asked=st.sets(st.integers(1, 60)),
    bounds=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    few=st.booleans(),
)
def test_a_haul_says_what_is_so_of_what_it_is_about_and_nothing_else(
    known: set[int], found: set[int], asked: set[int], bounds: tuple[int, int], few: bool
) -> None:
    low, high = (min(asked), max(asked)) if asked else (min(bounds), max(bounds))
    about = asked or set(range(low, high + 1))
    found &= about
    before = scan.FEW
    scan.FEW = 500 if few else 0
    try:
        haul = Haul(low, high, array("q", sorted(found)), array("q"), asked)
        merged = haul.merged(array("q", sorted(known)), haul.matching)
    finally:
        scan.FEW = before
    assert list(merged) == sorted((known - about) | found)


@given(
    matches=st.sets(st.integers(1, 40 * PAGE), max_size=400),
    steps=st.lists(st.integers(1, 12 * PAGE), min_size=1, max_size=30),
    looked_at=st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_whatever_was_looked_at_while_older_rows_came_each_position_shows_its_row(
    matches: set[int], steps: list[int], looked_at: list[float]
) -> None:
    """Pages that were read stay, though all positions move."""
    store = Store(40 * PAGE, matches.__contains__)
    feed, running = narrowed(store)
    for size in steps:
        running._size = size
        haul = running.step()
        if haul is None:
            break
        feed.take(haul)
        for share in looked_at:
            position = int(share * (feed.count - 1))
            row = feed.row(position)
            assert feed.count == 0 or row == Numbered(feed.id_at(position))
    run(feed, running)
    assert shown(feed) == sorted(matches)


def test_pages_that_were_read_are_not_read_again_when_older_rows_come() -> None:
    store = Store(4 * PAGE, lambda _: True)
    feed, running = narrowed(store)
    running._size = 2 * PAGE
    for _ in range(2):
        haul = running.step()
        assert haul is not None
        feed.take(haul)
        feed.row(feed.count - 1)
    assert feed.count > 2 * PAGE
    assert feed._pages.pages_read == 1  # type: ignore[attr-defined]  # it is the table of the test


@pytest.mark.parametrize(
    ("beyond", "last", "found"),
    [(500, 9_000, 4_000), (4_000, 9_000, None), (4_000, 1, 7), (7, 1, None)],
)
def test_the_nearest_row_of_which_something_is_so_is_found_however_far_it_is(
    beyond: int, last: int, found: int | None
) -> None:
    store = Store(9_000, {7, 300, 4_000, 8_999}.__contains__)
    accepted = {7, 4_000}
    assert scan.nearest(store.sieve().matches, beyond, last, accepted.__contains__) == found
