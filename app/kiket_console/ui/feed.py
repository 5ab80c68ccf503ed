"""A list of recorded rows: ids, count, follow, cursor. No widgets, no I/O of its own.

The ids of all rows are one `array('q')`, 8 bytes a row; the rows themselves are read in pages when
they are looked at and a few pages are kept. So a screen costs what it shows, never what there is.
A narrowed list has a second array: the ids that a filter lets through, as a `Scan` finds them.
Both are in order of time; a list in another order shows an `Arrangement` of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic

from kiket_console.ui.pages import R

if TYPE_CHECKING:
    from kiket_console.ui.arrangement import Arrangement
    from kiket_console.ui.pages import Pages
    from kiket_console.ui.scan import Haul

PAGE = 64
KEPT_PAGES = 8
FIRST_ROWS = 5_000
"""How many of the newest ids are read before the first frame; the rest come from a thread."""


class Feed(Generic[R]):
    """The rows of one list, and which of them the cursor is on.

    The cursor stays on the same row while others come and go; while `follow` it goes to the newest.
    """

    def __init__(self, pages: Pages[R]) -> None:
        self._pages = pages
        self._all: array[int] = array("q")
        self._matching: array[int] | None = None
        self._arrangement: Arrangement | None = None
        self._hidden_failing: array[int] = array("q")
        self._lingering: int | None = None
        self._kept: OrderedDict[int, list[R | None]] = OrderedDict()
        self._origin = 0  # the position that pages are counted from: older rows move it down
        self._selected: int | None = None
        self._seen_id = 0
        self._change = 0
        self._removals = 0
        self.follow = True
        self.stays = False
        """Whether the cursor ends a range: nothing that comes moves it, on the newest row too."""
        self.stale = False
        """Whether rows have gone from the store, so that the ids should be read anew."""

    @property
    def _ids(self) -> array[int]:
        """The ids of the rows as they are shown."""
        return self.in_time if self._arrangement is None else self._arrangement.ids

    @property
    def in_time(self) -> array[int]:
        """The ids of the rows that are to be shown, ascending: in order of time."""
        return self._all if self._matching is None else self._matching

    @property
    def arrangement(self) -> Arrangement | None:
        """The order in which they are shown, None in order of time."""
        return self._arrangement

    @property
    def count(self) -> int:
        """How many rows are shown."""
        return len(self._ids)

    @property
    def total(self) -> int:
        """How many rows there are, shown or not."""
        return len(self._all)

    @property
    def narrowed(self) -> bool:
        """Whether a filter decides which rows are shown."""
        return self._matching is not None

    @property
    def hidden_failing(self) -> int:
        """How many failing rows a filter is known to hide."""
        return len(self._hidden_failing) if self.narrowed else 0

    @property
    def cursor(self) -> int:
        """The position of the selected row, -1 in an empty list."""
        if self._selected is None or not self._ids:
            return -1
        return min(self.position_of(self._selected), len(self._ids) - 1)

    @property
    def newest_id(self) -> int:
        """The id of the last row there is, shown or not; 0 without any."""
        return self._all[-1] if self._all else 0

    @property
    def selected(self) -> R | None:
        """The selected row."""
        return self.row(self.cursor)

    @property
    def selected_id(self) -> int | None:
        """The id of the selected row."""
        return self._ids[self.cursor] if self._ids else None

    def shows(self, row_id: int) -> bool:
        """Whether a row is in the list as it is shown."""
        arrangement = self._arrangement  # a thread may ask while this is being replaced
        if arrangement is not None:
            return arrangement.position(row_id) is not None
        return _has(self.in_time, row_id)

    def lets(self, row_id: int) -> bool:
        """Whether a row is to be shown, though it may have no place in the order yet."""
        return _has(self.in_time, row_id)

    def ids_from(self, row_id: int, other_id: int, limit: int) -> array[int]:
        """Return the ids shown from one row to another, inclusive; the first *limit* of them."""
        first, end = self._span(row_id, other_id)
        return self._ids[first : min(end, first + limit)]

    def is_between(self, row_id: int, one_id: int, other_id: int) -> bool:
        """Whether a shown row is between two others, or one of them."""
        first, end = self._span(one_id, other_id)
        return first <= self.position_of(row_id) < end

    def _span(self, one_id: int, other_id: int) -> tuple[int, int]:
        """Return the positions from one row to another; of one that is gone, where it would be."""
        if self._arrangement is None:
            low, high = sorted((one_id, other_id))
            return bisect_left(self._ids, low), bisect_left(self._ids, high + 1)
        there = [self._arrangement.position(each) for each in (one_id, other_id)]
        known = [each for each in there if each is not None] or [0]
        return min(known), max(known) + 1

    def position_of(self, row_id: int) -> int:
        """Return where a shown row is; of another, where it would be, in an order the top."""
        if self._arrangement is not None:
            return self._arrangement.position(row_id) or 0
        return bisect_left(self._ids, row_id)

    def id_at(self, position: int) -> int:
        """Return the id of the row at *position*; raises `IndexError`."""
        return self._ids[position]

    @property
    def unseen(self) -> int:
        """How many rows came since the list stopped following, or was put in order."""
        if self.follow:
            return 0
        seen = self._seen_id if self._arrangement is None else self._arrangement.newest
        return len(self.in_time) - bisect_left(self.in_time, seen + 1)

    def arrange(self, arrangement: Arrangement | None) -> None:
        """Show the rows in an order, or in order of time; the cursor stays on its row.

        A list that followed begins at the top: nobody chose the row that it was on. When the row
        is gone, the one that took its place is next.
        """
        at, followed = self.cursor, self.follow
        self._arrangement = arrangement
        self._forget_pages()
        if arrangement is None or not self._ids:
            return
        self._set_follow(False)
        if followed or self._selected is None:
            self._selected = self._ids[0]
        elif not self.shows(self._selected):
            self._selected = self._ids[min(max(0, at), len(self._ids) - 1)]

    def open(self) -> bool:
        """Read the newest ids; return whether there are older ones for `adopt`."""
        self._replace(self._pages.ids(max(0, self._pages.newest() - FIRST_ROWS)))
        return bool(self._ids) and self._ids[0] > 1

    def reread(self, removals: int) -> bool:
        """Read the newest ids again when rows went away or came back, and only then.

        *removals* counts how often that happened. Returns whether it did; then the older ids, if
        there are more than `FIRST_ROWS`, are `stale`. The cursor stays on its row, or goes to the
        one that took its place.
        """
        if removals == self._removals:
            return False
        self._removals = removals
        first = max(0, len(self._all) - FIRST_ROWS)
        before = self._all[first - 1] if first else 0
        there = self._pages.ids(before)
        if self._matching is not None:
            low = bisect_left(self._matching, before + 1)
            known = set(there)
            self._matching[low:] = array("q", [n for n in self._matching[low:] if n in known])
        self._replace(self._all[:first] + there)
        self.stale = first > 0
        return True

    def adopt(self, ids: array[int]) -> None:
        """Take *ids*, all there are, for the list; what came since they were read is kept."""
        newer = self._all[bisect_left(self._all, ids[-1] + 1) :] if ids else self._all
        self._replace(ids + newer)

    def extend(self) -> int:
        """Take in rows that are newer than the last; return how many.

        In a narrowed list they are shown when a scan has found that they match.
        """
        fresh = self._pages.ids(self.newest_id)
        if not fresh:
            return 0
        if not self.narrowed and self._arrangement is None:
            self._forget_page_at(len(self._all))
        self._all.extend(fresh)
        if not self.narrowed:
            self._keep_up()
        return len(fresh)

    def narrow(self) -> None:
        """Show nothing but what `take` brings; the cursor waits for its row."""
        self._matching, self._hidden_failing = array("q"), array("q")
        self._lingering = None
        self._forget_pages()

    def widen(self) -> None:
        """Show all rows again; the cursor stays on its row."""
        if self._matching is not None:
            self._matching, self._hidden_failing = None, array("q")
            self._lingering = None
            self._replace(self._all)

    def take(self, haul: Haul) -> None:
        """Take in which rows match and which failing ones do not, of those that *haul* is about.

        A row that the cursor is on stays, though it matches no longer, until the cursor leaves it.
        """
        if self._matching is None:
            return
        before = len(self._matching)
        is_newer = not self._matching or haul.low > self._matching[-1]
        is_older = not is_newer and haul.high < self._matching[0]
        looked_at = None if self.follow else self._selected
        looked_at = looked_at if looked_at is not None and self.lets(looked_at) else None
        self._hidden_failing = haul.merged(self._hidden_failing, haul.hidden_failing)
        self._matching = haul.merged(self._matching, haul.matching)
        if self._lingering is not None and self._lingering in haul.matching:
            self._lingering = None
        if looked_at is not None and not self.lets(looked_at):
            self._lingering = looked_at
            insort(self._matching, looked_at)
        if self._arrangement is not None:
            return  # they are shown once they are in order
        if is_newer:
            self._forget_page_at(before)
        elif is_older:
            self._forget_page_at(0)
            self._origin += len(self._matching) - before
        else:
            self._forget_pages()
        self._keep_up()

    def refresh(self, change: int, first: int, last: int) -> list[int]:
        """Read again what changed among the rows *first* to *last* (on screen, inclusive).

        *change* is the newest change number. Returns the positions whose rows are new; rows
        elsewhere are forgotten and read when they are looked at.
        """
        if change <= self._change:
            return []
        after, self._change = self._change, change
        shown = range(max(0, first), min(last + 1, self.count))
        pages = {self._page_of(position)[0] for position in shown}
        for number in [number for number in self._kept if number not in pages]:
            del self._kept[number]
        changed = self._pages.changed(after, [self._ids[position] for position in shown])
        if not changed:
            return []
        positions = [self.position_of(row_id) for row_id in changed]
        fresh = {row.id: row for row in self._pages.page(changed)}
        for position, row_id in zip(positions, changed, strict=True):
            number, offset = self._page_of(position)
            kept = self._kept.get(number)
            if kept is not None:
                kept[offset] = fresh.get(row_id)
        return positions

    def row(self, position: int) -> R | None:
        """Return the row at *position*, None when it is gone from the store."""
        if not 0 <= position < len(self._ids):
            return None
        number, offset = self._page_of(position)
        kept = self._kept.get(number)
        if kept is None:
            kept = self._kept[number] = self._read(number)
            if len(self._kept) > KEPT_PAGES:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(number)
        return kept[offset]

    def move(self, position: int) -> None:
        """Put the cursor on *position*; following stops unless that is the newest row."""
        if not self._ids:
            return
        last = len(self._ids) - 1
        position = max(0, min(last, position))
        self._selected = self._ids[position]
        self._set_follow(position == last and self._arrangement is None)
        self._let_go()

    def to_newest(self) -> None:
        """Put the cursor on the newest row and follow, in order of time."""
        if self._arrangement is not None:
            self.arrange(None)
        self._selected = self._ids[-1] if self._ids else None
        self._set_follow(True)
        self._let_go()

    def pause(self) -> None:
        """Stop following; the cursor stays."""
        self._set_follow(False)

    def select(self, row_id: int) -> bool:
        """Put the cursor on row *row_id* and keep it there; False when it is not in the list."""
        if not self.shows(row_id):
            return False
        self.move(self.position_of(row_id))
        self._set_follow(False)
        return True

    def _set_follow(self, follow: bool) -> None:
        if follow or self.follow:
            self._seen_id = self.newest_id
        self.follow = follow and not self.stays

    def _let_go(self) -> None:
        """Drop the row that stayed for the cursor alone, now that it has moved on."""
        lingering = self._lingering
        if lingering is None or lingering == self._selected or self._matching is None:
            return
        self._lingering = None
        if self.lets(lingering):
            del self._matching[bisect_left(self._matching, lingering)]
            self._forget_pages()

    def _replace(self, ids: array[int]) -> None:
        self._all = ids
        self._forget_pages()
        self.stale = False
        self._keep_up()
        if ids and not self.narrowed and self._arrangement is None:
            self._selected = ids[self.cursor]

    def _keep_up(self) -> None:
        """Go to the newest row where the list follows, or where nothing was to select."""
        if self._arrangement is None and (self.follow or self._selected is None):
            self.to_newest()

    def _read(self, number: int) -> list[R | None]:
        start = number * PAGE + self._origin
        wanted = self._ids[max(0, start) : start + PAGE]
        before: list[R | None] = [None] * max(0, -start)  # no rows: the first page begins late
        rows = self._pages.page(wanted)
        if len(rows) == len(wanted):
            return [*before, *rows]
        self.stale = True
        found = {row.id: row for row in rows}
        return [*before, *(found.get(row_id) for row_id in wanted)]

    def _page_of(self, position: int) -> tuple[int, int]:
        """Return the page that has a row, and the row's place in it."""
        return divmod(position - self._origin, PAGE)

    def _forget_page_at(self, position: int) -> None:
        self._kept.pop(self._page_of(position)[0], None)

    def _forget_pages(self) -> None:
        self._kept.clear()
        self._origin = 0


def _has(ids: array[int], row_id: int) -> bool:
    position = bisect_left(ids, row_id)
    return row_id in ids[position : position + 1]
