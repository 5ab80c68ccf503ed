"""Log lines as rows of a list: a record of several lines is one row until it is unfolded.

    ▸ issue.transitioned failed  ⏎ KeyError: 'reporter'  +6
    ▾ issue.transitioned failed
        Traceback (most recent call last):
          File "/srv/marketing/app.py", line 41 …

The lines of an unfolded one are rows too, and the cursor walks through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import LogLine
from kiket_console.ui.paint import logs, teach
from kiket_console.ui.rows import FeedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kiket_console.model import EngineStatus
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.paint.line import Line

MOST_UNFOLDED = 50
"""When more are unfolded, the one that has been so for longest is folded."""


class LogRows(FeedRows[LogLine]):
    """The rows of the log, and where the cursor is in an unfolded record."""

    NOUN = "line"

    def __init__(self, feed: Feed[LogLine], status: Callable[[], EngineStatus | None]) -> None:
        super().__init__(feed)
        self._status = status
        self._unfolded: dict[int, int] = {}
        """By id of the record, how many rows it has below its first."""
        self._inside: tuple[int | None, int] = (None, 0)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._feed.count + sum(below for _, below in self._spans())

    @property
    def cursor(self) -> int:
        """The selected row's position."""
        position = self._feed.cursor
        return -1 if position < 0 else self._row_of(position) + self.part

    @property
    def part(self) -> int:
        """Which line of the selected record the cursor is on, 0 for its first."""
        selected = self._feed.selected_id
        record, part = self._inside
        return min(part, self._unfolded.get(record, 0)) if record == selected and record else 0

    def move(self, position: int) -> None:
        """Select a row."""
        record, part = self._locate(position)
        self._feed.move(record)
        self._inside = (self._feed.selected_id, part)

    @property
    def foldable(self) -> bool:
        """Whether the selected record has several lines."""
        line = self._feed.selected
        return line is not None and len(logs.lines_of(line)) > 1

    def toggle(self) -> None:
        """Unfold the selected record, or fold it."""
        line = self._feed.selected
        if line is None:
            return
        self._inside = (None, 0)
        if self._unfolded.pop(line.id, None) is None:
            self._unfolded[line.id] = len(logs.lines_of(line)) - 1
            if len(self._unfolded) > MOST_UNFOLDED:
                del self._unfolded[next(iter(self._unfolded))]

    def key(self, position: int) -> Hashable | None:
        """Return what a row depends on: its line, which never changes, and who else there is."""
        record, part = self._locate(position)
        line = self._feed.row(record)
        if line is None:
            return ("gone",)
        picked = line.id in self.picks
        return (line.id, part, line.id in self._unfolded, picked, self._workers, self._folder)

    def line(self, position: int, width: int) -> Line:
        """Return a log line's row, or one of those below an unfolded one."""
        record, part = self._locate(position)
        line = self._feed.row(record)
        if line is None:
            return [("   deleted", "faint")]
        if part:
            return logs.row_below(line, part, width, self._folder)
        unfolded = line.id in self._unfolded
        picked = line.id in self.picks
        return logs.row(line, width, self._workers, unfolded=unfolded, picked=picked)

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return logs.header(width) if self._feed.count else []

    def teach_empty(self, width: int) -> list[Line]:  # noqa: ARG002 - short lines fit any width
        """Return what would be here."""
        return teach.empty_logs(self.key_of)

    @property
    def _workers(self) -> tuple[str, ...]:
        status = self._status()
        return tuple(worker.name for worker in status.workers) if status is not None else ()

    @property
    def _folder(self) -> str:
        status = self._status()
        return status.folder if status is not None else ""

    def _spans(self) -> list[tuple[int, int]]:
        """Return the positions of unfolded records in the feed, ascending, and the rows below."""
        if not self._unfolded:
            return []
        feed = self._feed
        return sorted(
            (feed.position_of(record), below)
            for record, below in self._unfolded.items()
            if feed.shows(record)
        )

    def _row_of(self, position: int) -> int:
        return position + sum(below for at, below in self._spans() if at < position)

    def _locate(self, row: int) -> tuple[int, int]:
        """Return which record of the feed a row belongs to, and which of its lines it is."""
        shift = 0
        for at, below in self._spans():
            if row <= at + shift:
                break
            if row <= at + shift + below:
                return at, row - at - shift
            shift += below
        return row - shift, 0
