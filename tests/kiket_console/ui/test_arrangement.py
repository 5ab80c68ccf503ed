"""A list in another order: where rows are, and which comes next."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.kiket_console.ui.test_feed import Numbered, Table, opened

from kiket_console.ui.arrangement import Arrangement
from kiket_console.ui.picks import Picks
from kiket_console.ui.scan import Haul, Question

if TYPE_CHECKING:
    from kiket_console.ui.feed import Feed


def arranged(*ids: int) -> Arrangement:
    return Arrangement(array("q", ids), min(ids, default=1), max(ids, default=0))


def feed_of(*ids: int) -> tuple[Feed[Numbered], Table]:
    feed, table = opened(*sorted(ids))
    feed.select(min(ids))
    feed.arrange(arranged(*ids))
    return feed, table


@given(st.lists(st.integers(1, 50), unique=True))
def test_each_row_is_where_it_stands_and_no_other_is_anywhere(ids: list[int]) -> None:
    found = arranged(*ids)
    assert [found.position(each) for each in ids] == list(range(len(ids)))
    assert all(found.position(each) is None for each in {0, -1, 51, *range(1, 51)} - {*ids})


@given(st.permutations(range(1, 200)), st.sets(st.integers(1, 199)), st.sampled_from([1, -1]))
def test_the_next_of_which_something_is_so_comes_in_the_order_of_the_list(
    ids: list[int], wanted: set[int], direction: int
) -> None:
    question = Question(among=lambda asked: array("q", [n for n in asked if n in wanted]))
    start = ids[100]
    beyond = ids[101:] if direction > 0 else ids[:100][::-1]
    expected = next((each for each in beyond if each in wanted), None)
    assert arranged(*ids).next(question, start, direction) == expected


def test_the_cursor_stays_on_its_row_in_another_order_and_back() -> None:
    feed, _ = opened(1, 2, 3, 4)
    feed.select(2)
    feed.arrange(arranged(4, 1, 3, 2))
    assert (feed.cursor, feed.selected_id) == (3, 2)
    assert [feed.row(at) for at in range(4)] == [Numbered(n) for n in (4, 1, 3, 2)]
    feed.move(0)
    feed.arrange(None)
    assert (feed.cursor, feed.selected_id) == (3, 4)


def test_a_list_that_followed_begins_at_the_top_of_an_order_and_follows_no_longer() -> None:
    feed, _ = opened(1, 2, 3)
    feed.arrange(arranged(2, 3, 1))
    assert (feed.cursor, feed.selected_id, feed.follow) == (0, 2, False)
    feed.move(2)
    assert not feed.follow, "the last row of an order is not the newest"
    feed.to_newest()
    assert (feed.arrangement, feed.selected_id, feed.follow) == (None, 3, True)


def test_what_is_new_is_counted_until_it_has_its_place() -> None:
    feed, table = feed_of(3, 1, 2)
    table.add(4, 5)
    assert feed.extend() == 2
    assert (feed.count, feed.unseen, feed.shows(5), feed.lets(5)) == (3, 2, False, True)
    feed.arrange(arranged(5, 3, 1, 4, 2))
    assert (feed.count, feed.unseen, feed.selected_id) == (5, 0, 1)


def test_the_cursor_goes_to_what_took_the_place_of_a_row_that_is_gone() -> None:
    feed, table = feed_of(3, 1, 2)
    table.remove(1)
    feed.reread(table.removals)
    assert feed.selected is None, "it is shown as deleted for a moment"
    feed.arrange(arranged(3, 2))
    assert feed.selected_id == 2


def test_what_a_filter_finds_is_shown_once_it_is_in_order() -> None:
    feed, _ = feed_of(3, 1, 2, 4)
    feed.narrow()
    feed.take(Haul(1, 4, array("q", [1, 2, 4]), array("q", [3])))
    assert feed.in_time == array("q", [1, 2, 4])
    feed.arrange(arranged(4, 1, 2))
    assert [feed.id_at(at) for at in range(feed.count)] == [4, 1, 2]
    assert (feed.selected_id, feed.hidden_failing) == (1, 1)


def test_rows_that_changed_are_read_again_where_they_stand() -> None:
    feed, table = feed_of(3, 1, 2)
    feed.row(0)
    table.touch(2)
    assert feed.refresh(table.change, 0, 2) == [2]
    assert feed.row(2) == Numbered(2, 1)


def test_a_range_is_what_stands_between_two_rows() -> None:
    feed, _ = feed_of(5, 1, 4, 2, 3)
    picks = Picks(feed)
    feed.select(1)
    picks.toggle_range()
    feed.select(2)
    assert picks.ids == [1, 2, 4]
    assert [each in picks for each in (1, 2, 3, 4, 5)] == [True, True, False, True, False]


def test_an_order_of_nothing_takes_in_what_comes() -> None:
    feed, table = opened()
    feed.arrange(arranged())
    table.add(1)
    feed.extend()
    assert (feed.count, feed.cursor, feed.arrangement is None) == (0, -1, False)
    feed.arrange(arranged(1))
    assert feed.selected_id == 1
