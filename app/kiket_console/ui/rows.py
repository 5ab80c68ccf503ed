"""The rows of the three lists: feeds and workers as a list view wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from kiket_console.model import Exchange, LogLine
from kiket_console.ui import moment
from kiket_console.ui.feed import R
from kiket_console.ui.paint import logs, processes, teach, traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kiket_console.model import EngineStatus, Worker
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.paint.line import Line


class _FeedRows(Generic[R]):
    """What the rows of every feed have in common."""

    def __init__(self, feed: Feed[R]) -> None:
        self._feed = feed

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._feed.count

    @property
    def cursor(self) -> int:
        """The selected row's position."""
        return self._feed.cursor

    def move(self, position: int) -> None:
        """Select a row."""
        self._feed.move(position)


class TrafficRows(_FeedRows[Exchange]):
    """Exchanges as rows."""

    def __init__(self, feed: Feed[Exchange], status: Callable[[], EngineStatus | None]) -> None:
        super().__init__(feed)
        self._status = status

    def key(self, position: int) -> Hashable | None:
        """Return what a row depends on: a pending one on the clock, so it is not kept."""
        exchange = self._feed.row(position)
        if exchange is None:
            return ("gone",)
        if traffic.pending(exchange):
            return None
        below_cause = self._below_cause(exchange, position)
        return (exchange.id, exchange.change, below_cause, self._workers)

    def line(self, position: int, width: int) -> Line:
        """Return an exchange's row."""
        exchange = self._feed.row(position)
        if exchange is None:
            return [("   deleted", "faint")]
        return traffic.row(
            exchange,
            self._columns(width),
            below_cause=self._below_cause(exchange, position),
            now_us=moment.now_us(),
            workers=self._workers,
        )

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return traffic.header(self._columns(width)) if self._feed.count else []

    def teach(self, width: int) -> list[Line]:
        """Return how to get a first exchange."""
        return teach.empty_traffic(self._status(), width)

    def pending(self, first: int, last: int) -> list[int]:
        """Return the positions between *first* and *last* whose answer is still to come."""
        rows = ((position, self._feed.row(position)) for position in range(first, last + 1))
        return [position for position, row in rows if row is not None and traffic.pending(row)]

    def _columns(self, width: int) -> traffic.Columns:
        return traffic.columns(width, self._feed.newest_id, several=len(self._workers) > 1)

    @property
    def _workers(self) -> tuple[str, ...]:
        return _names(self._status())

    def _below_cause(self, exchange: Exchange, position: int) -> bool:
        if exchange.parent_id is None:
            return False
        return traffic.neighbour(exchange, self._feed.row(position - 1))


class LogRows(_FeedRows[LogLine]):
    """Log lines as rows."""

    def __init__(self, feed: Feed[LogLine], status: Callable[[], EngineStatus | None]) -> None:
        super().__init__(feed)
        self._status = status

    def key(self, position: int) -> Hashable | None:
        """Return what a row depends on: its line, which never changes, and who else there is."""
        line = self._feed.row(position)
        return ("gone",) if line is None else (line.id, _names(self._status()))

    def line(self, position: int, width: int) -> Line:
        """Return a log line's row."""
        line = self._feed.row(position)
        if line is None:
            return [("   deleted", "faint")]
        return logs.row(line, width, _names(self._status()))

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return logs.header(width) if self._feed.count else []

    def teach(self, width: int) -> list[Line]:  # noqa: ARG002 - short lines fit any width
        """Return what would be here."""
        return teach.empty_logs()


class ProcessRows:
    """Workers as rows; the cursor stays on the same worker."""

    def __init__(self, status: Callable[[], EngineStatus | None]) -> None:
        self._status = status
        self._name = ""

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The workers, as the engine lists them."""
        status = self._status()
        return status.workers if status is not None else ()

    @property
    def count(self) -> int:
        """How many workers there are."""
        return len(self.workers)

    @property
    def cursor(self) -> int:
        """The selected worker's position."""
        names = [worker.name for worker in self.workers]
        if not names:
            return -1
        return names.index(self._name) if self._name in names else 0

    @property
    def selected(self) -> Worker | None:
        """The selected worker."""
        return self.workers[self.cursor] if self.workers else None

    def move(self, position: int) -> None:
        """Select a worker."""
        if 0 <= position < self.count:
            self._name = self.workers[position].name

    def key(self, position: int) -> Hashable | None:  # noqa: ARG002 - the same for each row
        """Return nothing: a worker's row tells the time."""
        return None

    def line(self, position: int, width: int) -> Line:
        """Return a worker's row."""
        return processes.row(self.workers[position], width, moment.now_us())

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return processes.header(width)

    def teach(self, width: int) -> list[Line]:  # noqa: ARG002 - short lines fit any width
        """Return what a project needs to run."""
        return teach.empty_processes(self._status())


def _names(status: EngineStatus | None) -> tuple[str, ...]:
    return tuple(worker.name for worker in status.workers) if status is not None else ()
