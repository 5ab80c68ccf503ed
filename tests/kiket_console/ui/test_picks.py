"""Rows are picked one by one or as a range that follows the cursor."""

from __future__ import annotations

import pytest
from tests.kiket_console.ui.test_feed import Numbered, Table

from kiket_console.ui.feed import Feed
from kiket_console.ui.picks import MOST, Picks


def picking(*ids: int) -> tuple[Feed[Numbered], Picks]:
    feed: Feed[Numbered] = Feed(Table(*ids))
    feed.open()
    return feed, Picks(feed)


def test_a_row_is_picked_and_let_go() -> None:
    feed, picks = picking(3, 5, 9)
    assert not picks
    picks.toggle()
    feed.move(0)
    picks.toggle()
    assert (picks.ids, picks.count, 5 in picks, 9 in picks) == ([3, 9], 2, False, True)
    picks.toggle()
    assert picks.ids == [9]


def test_a_range_follows_the_cursor_until_it_is_taken_in() -> None:
    feed, picks = picking(1, 3, 5, 9)
    feed.move(2)
    picks.toggle_range()
    assert (picks.ids, picks.ranging) == ([5], True)
    feed.move(0)
    assert picks.ids == [1, 3, 5]
    feed.move(3)
    assert picks.ids == [5, 9]
    assert 9 in picks
    assert 3 not in picks
    picks.toggle_range()
    feed.move(0)
    assert (picks.ids, picks.ranging) == ([5, 9], False)


def test_what_arrives_meanwhile_is_in_no_range() -> None:
    """A command would act on rows that nobody chose."""
    table = Table(1, 3, 5)
    feed: Feed[Numbered] = Feed(table)
    feed.open()
    picks = Picks(feed)
    assert feed.follow
    picks.toggle_range()
    feed.move(1)
    feed.move(2)  # the newest, which is followed else
    table.add(9)
    feed.extend()
    assert (feed.count, picks.ids) == (4, [5])
    picks.clear()
    feed.to_newest()
    assert feed.follow


def test_clearing_says_whether_there_was_anything() -> None:
    feed, picks = picking(1, 2)
    assert not picks.clear()
    picks.toggle()
    picks.toggle_range()
    assert picks.clear()
    feed.move(0)
    assert (bool(picks), picks.ids) == (False, [])


def test_rows_that_are_not_shown_are_not_acted_upon() -> None:
    feed, picks = picking(1, 2, 3)
    picks.toggle()
    feed.narrow()
    assert picks.ids == []
    feed.widen()
    assert picks.ids == [3]


def test_an_empty_list_has_nothing_to_pick() -> None:
    _, picks = picking()
    picks.toggle()
    picks.toggle_range()
    assert (bool(picks), picks.ids) == (False, [])


@pytest.mark.parametrize("from_top", [True, False])
def test_no_more_rows_are_picked_than_one_request_takes(from_top: bool) -> None:
    feed, picks = picking(*range(1, MOST + 3))
    feed.move(0 if from_top else feed.count - 1)
    picks.toggle_range()
    feed.move(feed.count - 1 if from_top else 0)
    assert (picks.count, picks.is_full) == (MOST, True)
    picks.toggle_range()
    feed.move(feed.count - 1)
    picks.toggle()
    assert picks.count == MOST
