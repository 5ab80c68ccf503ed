"""Log lines as rows of a list: a record of several lines is one row until it is unfolded.

    ▸ issue.transitioned failed  ⏎ KeyError: 'reporter'  +6
    ▾ issue.transitioned failed
        Traceback (most recent call last):
          File "/srv/marketing/app.py", line 41 …

The lines of an unfolded one are rows too, and the cursor walks through them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kiket_console.model import LogLine
from kiket_console.text import visible
from kiket_console.ui.log_folds import LogFolds
from kiket_console.ui.paint import logs, teach, tracebacks
from kiket_console.ui.paint.line import marked
from kiket_console.ui.rows import FeedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.paint.line import Line

MOST_UNFOLDED = 200
"""When more are unfolded, the one that has been so for longest is folded."""


class LogRows(FeedRows[LogLine]):
    """The rows of the log, and where the cursor is in an unfolded record."""

    NOUN = "line"

    def __init__(self, feed: Feed[LogLine], status: Callable[[], EngineStatus | None]) -> None:
        super().__init__(feed, status)
        self._unfolded: dict[int, int] = {}
        """By id of the record, how many rows it has below its first."""
        self._wrapped: dict[int, int] | None = None
        """The same of records of one line that are too long, while long lines are wrapped."""
        self._width = 0
        self._newest = 0
        self._folds = LogFolds(feed, self._below)
        self._inside: tuple[int | None, int] = (None, 0)
        self._sought: re.Pattern[str] | None = None

    def seek(self, texts: Sequence[str]) -> None:
        """Mark some texts wherever they stand."""
        found = [re.escape(visible(each)) for each in texts if each.strip()]
        self._sought = re.compile("|".join(found), re.IGNORECASE) if found else None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._folds.count(self._several)

    @property
    def cursor(self) -> int:
        """The selected row's position."""
        position = self._feed.cursor
        return -1 if position < 0 else self._folds.row_of(position, self._several) + self.part

    @property
    def part(self) -> int:
        """Which line of the selected record the cursor is on, 0 for its first."""
        selected = self._feed.selected_id
        record, part = self._inside
        return min(part, self._below(record)) if record == selected and record else 0

    def move(self, position: int) -> None:
        """Select a row."""
        record, part = self._folds.locate(position, self._several)
        self._feed.move(record)
        self._inside = (self._feed.selected_id, part)

    @property
    def text_row(self) -> int:
        """Which line of the selected record's text the cursor is on, or is below."""
        line = self._feed.selected
        if line is None or line.id not in self._unfolded:
            return self.part
        known = tracebacks.parts(line, self._folder)
        return known[min(self.part, len(known) - 1)].row

    @property
    def foldable(self) -> bool:
        """Whether the selected record has several lines."""
        line = self._feed.selected
        return line is not None and len(tracebacks.lines_of(line)) > 1

    def toggle(self) -> None:
        """Unfold the selected record, or fold it."""
        line = self._feed.selected
        if line is None:
            return
        self._inside = (None, 0)
        if self._unfolded.pop(line.id, None) is None:
            self._unfolded[line.id] = len(tracebacks.parts(line, self._folder)) - 1
            if len(self._unfolded) > MOST_UNFOLDED:
                del self._unfolded[next(iter(self._unfolded))]
        self._folds.forget()

    @property
    def wraps(self) -> bool:
        """Whether long lines are wrapped."""
        return self._wrapped is not None

    def wrap(self, below: dict[int, int] | None, width: int = 0, newest: int = 0) -> None:
        """Wrap long lines for a list of *width* cells, or no longer (None).

        *below* says of each record up to *newest* that is one line and too long, how many rows
        more it takes; later ones are looked at when they come.
        """
        self._wrapped, self._width, self._newest = below, width, newest
        self._inside = (None, 0)
        self._folds.forget()

    def key(self, position: int) -> Hashable | None:
        """Return what a row depends on: its line, which never changes, and who else there is."""
        record, part = self._folds.locate(position, self._several)
        line = self._feed.row(record)
        if line is None:
            return ("gone",)
        how = line.id in self._unfolded, line.id in self.picks, self.wraps
        return (line.id, part, how, self.workers, self._folder, self._sought)

    def line(self, position: int, width: int) -> Line:
        """Return a log line's row, or one of those below an unfolded or wrapped one."""
        record, part = self._folds.locate(position, self._several)
        line = self._feed.row(record)
        if line is None:
            return [("   deleted", "muted")]
        unfolded = line.id in self._unfolded
        if part and unfolded:
            return self._marked(tracebacks.row(line, part, width, self._folder))
        picked = line.id in self.picks
        if self.wraps and not unfolded:
            row = logs.wrapped_row(line, part, width, self.workers, picked=picked)
        else:
            row = logs.row(line, width, self.workers, unfolded=unfolded, picked=picked)
        return self._marked(row, 0 if part else logs.BEFORE_TEXT)

    def _marked(self, row: Line, before: int = 0) -> Line:
        """Return a row with what is sought marked, but for so many pieces of it."""
        if self._sought is None:
            return row
        begin = sum(len(text) for text, _ in row[:before])
        for found in self._sought.finditer("".join(text for text, _ in row), begin):
            row = marked(row, *found.span(), "match")
        return row

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return logs.header(width) if self._feed.count else []

    def teach_empty(self, width: int) -> list[Line]:  # noqa: ARG002 - short lines fit any width
        """Return what would be here."""
        return teach.empty_logs(self.key_of)

    @property
    def _folder(self) -> str:
        status = self._status()
        return status.folder if status is not None else ""

    def _below(self, record: int) -> int:
        """Return how many rows a record takes beyond its first."""
        below = self._unfolded.get(record)
        if below is None and self._wrapped is not None:
            below = self._wrapped.get(record)
            if below is None and record > self._newest:  # it has come since
                line = self._feed.row(self._feed.position_of(record))
                below = logs.rows_below(line, self._width) if line is not None else 0
                self._wrapped[record] = below
        return below or 0

    def _several(self) -> list[int]:
        """Return the records that may take several rows: those that do, and what came since."""
        if self._wrapped is None:
            return list(self._unfolded)
        feed = self._feed
        fresh = range(feed.position_of(self._newest + 1), feed.count)
        return list({*self._wrapped, *self._unfolded, *map(feed.id_at, fresh)})
