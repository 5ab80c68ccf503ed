"""A feed keeps ids, follows, and stays on the row that a person is looking at."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kiket_console.ui.feed import FIRST_ROWS, KEPT_PAGES, PAGE, Feed


@dataclass(frozen=True)
class Numbered:
    id: int
    change: int = 0


class Table:
    """Rows by id, with a count of how often they were asked for."""

    def __init__(self, *ids: int) -> None:
        self.rows = {each: Numbered(each) for each in ids}
        self.ids_read = 0
        self.pages_read = 0
        self.change = 0
        self.removals = 0

    def add(self, *ids: int) -> None:
        self.rows |= {each: Numbered(each) for each in ids}

    def remove(self, *ids: int) -> None:
        self.removals += 1
        for each in ids:
            del self.rows[each]

    def restore(self, *ids: int) -> None:
        self.removals += 1
        self.add(*ids)

    def touch(self, row_id: int) -> None:
        self.change += 1
        self.rows[row_id] = Numbered(row_id, self.change)

    def newest(self) -> int:
        return max(self.rows, default=0)

    def ids(self, after: int) -> array[int]:
        self.ids_read += 1
        return array("q", sorted(each for each in self.rows if each > after))

    def page(self, ids: object) -> list[Numbered]:
        self.pages_read += 1
        return [self.rows[each] for each in ids if each in self.rows]  # type: ignore[attr-defined]  # any sequence

    def changed(self, after_change: int, among: object) -> list[int]:
        return [each for each in among if self.rows[each].change > after_change]  # type: ignore[attr-defined]  # any sequence


def opened(*ids: int) -> tuple[Feed[Numbered], Table]:
    table = Table(*ids)
    feed: Feed[Numbered] = Feed(table)
    feed.open()
    return feed, table


def test_an_empty_feed_has_no_cursor() -> None:
    feed, _ = opened()
    assert (feed.count, feed.cursor, feed.selected, feed.newest_id) == (0, -1, None, 0)


def test_a_new_feed_follows_the_newest_row() -> None:
    feed, table = opened(3, 5, 9)
    table.add(10, 11)
    assert feed.extend() == 2
    assert feed.selected == Numbered(11)
    assert feed.follow


def test_the_cursor_stays_on_its_row_when_a_person_moved_it() -> None:
    feed, table = opened(3, 5, 9)
    feed.move(1)
    table.add(10, 11)
    feed.extend()
    assert feed.selected == Numbered(5)
    assert not feed.follow
    assert feed.unseen == 2


def test_going_to_the_last_row_follows_again() -> None:
    feed, table = opened(3, 5, 9)
    feed.move(0)
    feed.move(2)
    table.add(10)
    feed.extend()
    assert feed.follow
    assert feed.selected == Numbered(10)
    assert feed.unseen == 0


def test_selecting_a_row_by_id_stays_on_it_though_it_is_the_newest() -> None:
    """What was just sent causes calls of its own, which must not take the cursor away."""
    feed, table = opened(3, 5, 9)
    assert feed.select(9)
    table.add(10)
    feed.extend()
    assert feed.selected == Numbered(9)


def test_selecting_a_row_that_is_not_there_changes_nothing() -> None:
    feed, _ = opened(3, 5, 9)
    assert not feed.select(4)
    assert feed.selected == Numbered(9)


def test_older_rows_are_taken_in_above_the_cursor() -> None:
    feed, table = opened(8, 9)
    feed.move(0)
    feed.extend()
    table.add(10)
    feed.extend()
    feed.adopt(array("q", [1, 2, 8, 9]))
    assert [feed.row(position) for position in range(2)] == [None, None]
    assert feed.selected == Numbered(8)
    assert feed.count == 5


def test_opening_reads_only_the_newest_of_many() -> None:
    feed, _ = opened(*range(1, FIRST_ROWS + 11))
    assert feed.count == FIRST_ROWS


def test_a_changed_row_on_screen_is_read_again_and_told() -> None:
    feed, table = opened(*range(1, 11))
    assert feed.row(4) == Numbered(5)
    table.touch(5)
    assert feed.refresh(table.change, 0, 9) == [4]
    assert feed.row(4) == Numbered(5, 1)


def test_a_row_that_changed_off_screen_is_new_when_it_is_looked_at() -> None:
    feed, table = opened(*range(1, 3 * PAGE))
    feed.row(0)
    table.touch(1)
    assert feed.refresh(table.change, 2 * PAGE, 2 * PAGE + 20) == []
    assert feed.row(0) == Numbered(1, 1)


def test_the_same_change_is_not_asked_for_twice() -> None:
    feed, table = opened(1, 2)
    table.touch(2)
    assert feed.refresh(1, 0, 1) == [1]
    before = table.pages_read
    assert feed.refresh(1, 0, 1) == []
    assert table.pages_read == before


def test_a_page_is_read_once_and_few_are_kept() -> None:
    feed, table = opened(*range(1, (KEPT_PAGES + 2) * PAGE))
    for position in range(PAGE):
        feed.row(position)
    assert table.pages_read == 1
    for number in range(KEPT_PAGES + 1):
        feed.row(number * PAGE)
    feed.row(0)
    assert table.pages_read == KEPT_PAGES + 2


def test_rows_that_left_the_store_are_noticed() -> None:
    feed, table = opened(1, 2, 3)
    feed.move(0)
    del table.rows[1]
    assert feed.row(0) is None
    assert (feed.stale, feed.count) == (True, 3)
    feed.adopt(table.ids(0))
    assert (feed.stale, feed.count) == (False, 2)
    assert feed.selected == Numbered(2)


def test_ids_are_read_again_when_rows_went_away_or_came_back_and_only_then() -> None:
    feed, table = opened(1, 2, 3)
    before = table.ids_read
    assert not feed.reread(table.removals)
    assert table.ids_read == before
    table.remove(2)
    assert feed.reread(table.removals)
    assert not feed.reread(table.removals)
    assert table.ids_read == before + 1
    assert [feed.row(position) for position in range(feed.count)] == [Numbered(1), Numbered(3)]


def test_the_cursor_goes_to_the_row_that_took_the_place_of_a_removed_one() -> None:
    feed, table = opened(1, 2, 3, 4)
    feed.move(1)
    table.remove(2)
    feed.reread(table.removals)
    assert (feed.cursor, feed.selected, feed.follow) == (1, Numbered(3), False)
    table.remove(3, 4)
    feed.reread(table.removals)
    assert feed.selected == Numbered(1)
    table.add(5)
    feed.extend()
    assert feed.selected == Numbered(1), "it moves only when a person moves it"


def test_the_cursor_stays_on_its_row_when_others_go_and_come_back() -> None:
    feed, table = opened(1, 2, 3, 4)
    feed.move(2)
    table.remove(1, 2)
    feed.reread(table.removals)
    assert (feed.cursor, feed.selected) == (0, Numbered(3))
    table.restore(1, 2)
    feed.reread(table.removals)
    assert (feed.cursor, feed.selected) == (2, Numbered(3))


def test_following_goes_on_when_the_newest_row_is_removed() -> None:
    feed, table = opened(1, 2, 3)
    table.remove(3)
    feed.reread(table.removals)
    assert (feed.selected, feed.follow, feed.newest_id) == (Numbered(2), True, 2)


def test_removing_every_row_leaves_an_empty_list_and_a_later_row_is_shown() -> None:
    feed, table = opened(1, 2)
    feed.move(0)
    table.remove(1, 2)
    feed.reread(table.removals)
    assert (feed.count, feed.cursor, feed.selected) == (0, -1, None)
    table.add(3)
    feed.extend()
    assert feed.selected == Numbered(3)


def test_of_many_rows_the_newest_are_read_at_once_and_the_others_are_left_for_a_thread() -> None:
    feed, table = opened(*range(1, FIRST_ROWS + 101))
    feed.adopt(table.ids(0))
    table.remove(50, FIRST_ROWS + 50)
    assert feed.reread(table.removals)
    assert (feed.count, feed.stale) == (FIRST_ROWS + 99, True)
    feed.adopt(table.ids(0))
    assert (feed.count, feed.stale) == (FIRST_ROWS + 98, False)


@given(
    start=st.sets(st.integers(1, 500)),
    steps=st.lists(
        st.one_of(st.integers(-3, 600), st.sampled_from(["new", "older", "f", "remove", "restore"]))
    ),
)
def test_the_cursor_is_always_on_a_row_and_following_means_the_last(
    start: set[int], steps: list[int | str]
) -> None:
    """Whatever comes, the selection is a row of the list; it moves only when a person moves it."""
    feed, table = opened(*start)
    removed: list[int] = []
    for step in steps:
        before = feed.selected
        following = feed.follow
        if step == "new":
            table.add(table.newest() + 1)
            feed.extend()
        elif step == "older":
            feed.adopt(table.ids(0))
        elif step == "remove" and table.rows:
            removed.append(sorted(table.rows)[len(table.rows) // 2])
            table.remove(removed[-1])
            feed.reread(table.removals)
        elif step == "restore" and removed:
            table.restore(removed.pop())
            feed.reread(table.removals)
        elif step in ("remove", "restore"):
            continue
        elif step == "f":
            (feed.pause if feed.follow else feed.to_newest)()
        else:
            feed.move(int(step))
        if not isinstance(step, int) and step != "f" and not following and before is not None:
            assert feed.selected == before or before.id not in table.rows
        if feed.count:
            assert 0 <= feed.cursor < feed.count
            assert feed.selected is not None
            if feed.follow:
                assert feed.cursor == feed.count - 1
