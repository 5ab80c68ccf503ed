"""The rows of the three lists: feeds and workers as a list view wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from kiket_console.model import Exchange
from kiket_console.ui import moment
from kiket_console.ui.pages import R
from kiket_console.ui.paint import fate, processes, teach, traffic
from kiket_console.ui.picks import Picks
from kiket_console.ui.registry import usual_key

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.ui.feed import Feed
    from kiket_console.ui.paint.line import Line


class FeedRows(Generic[R]):
    """What the rows of every feed have in common."""

    NOUN = "row"

    def __init__(self, feed: Feed[R], status: Callable[[], EngineStatus | None]) -> None:
        self._feed = feed
        self._status = status
        self.picks = Picks(feed)
        self.looked_at = 1.0
        """How much a scan for what matches has looked at, from 0 to 1."""
        self.is_typed = False
        """Whether a filter is being typed: what is offered then stands where a list teaches."""
        self.key_of: teach.KeyOf = usual_key
        """Names the key of a command."""

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._feed.count

    @property
    def cursor(self) -> int:
        """The selected row's position."""
        return self._feed.cursor

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of the workers that there are, on which rows' looks depend."""
        status = self._status()
        return tuple(worker.name for worker in status.workers) if status is not None else ()

    def move(self, position: int) -> None:
        """Select a row."""
        self._feed.move(position)

    def teach(self, width: int) -> list[Line]:
        """Return what an empty list says, or one whose rows a filter hides."""
        if self._feed.total and self._feed.narrowed and self.is_typed:
            return []
        if self._feed.total and self._feed.narrowed:
            total, noun = self._feed.total, self.NOUN
            return teach.nothing_matches(width, total, noun, self.looked_at, self.key_of)
        return self.teach_empty(width)

    def key(self, position: int) -> Hashable | None:
        """Return what the drawing of a row depends on; None when it must not be kept."""
        raise NotImplementedError

    def line(self, position: int, width: int) -> Line:
        """Return a row."""
        raise NotImplementedError

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        raise NotImplementedError

    def teach_empty(self, width: int) -> list[Line]:
        """Return what an empty list says."""
        raise NotImplementedError


class TrafficRows(FeedRows[Exchange]):
    """Exchanges as rows."""

    NOUN = "exchange"

    def key(self, position: int) -> Hashable | None:
        """Return what a row depends on: one that waits on the clock, so it is not kept."""
        exchange = self._feed.row(position)
        if exchange is None:
            return ("gone",)
        if traffic.pending(exchange) or fate.waits(exchange):
            return None
        below_cause = self._below_cause(exchange, position)
        picked = exchange.id in self.picks
        return (exchange.id, exchange.change, below_cause, picked, self.workers)

    def line(self, position: int, width: int) -> Line:
        """Return an exchange's row."""
        exchange = self._feed.row(position)
        if exchange is None:
            return [("   deleted", "muted")]
        return traffic.row(
            exchange,
            self._columns(width),
            below_cause=self._below_cause(exchange, position),
            now_us=moment.now_us(),
            workers=self.workers,
            picked=exchange.id in self.picks,
        )

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return traffic.header(self._columns(width)) if self._feed.count else []

    def teach_empty(self, width: int) -> list[Line]:
        """Return how to get a first exchange."""
        return teach.empty_traffic(self._status(), width, self.key_of)

    def pending(self, first: int, last: int) -> list[int]:
        """Return the positions between *first* and *last* whose answer, or turn, is to come."""
        rows = ((position, self._feed.row(position)) for position in range(first, last + 1))
        return [
            position
            for position, row in rows
            if row is not None and (traffic.pending(row) or fate.waits(row))
        ]

    def _columns(self, width: int) -> traffic.Columns:
        return traffic.columns(width, self._feed.newest_id, several=len(self.workers) > 1)

    def _below_cause(self, exchange: Exchange, position: int) -> bool:
        if exchange.parent_id is None:
            return False
        return traffic.neighbour(exchange, self._feed.row(position - 1))


class ProcessRows:
    """Workers as rows, and below each what is wrong with it; the cursor stays on the same one."""

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
        """How many rows there are."""
        return len(self._rows)

    @property
    def cursor(self) -> int:
        """The selected worker's position."""
        rows = self._rows
        names = [worker.name for worker, is_problem in rows if not is_problem]
        name = self._name if self._name in names else names[0] if names else ""
        found = (at for at, (worker, is_problem) in enumerate(rows) if worker.name == name)
        return next(found, -1)

    @property
    def selected(self) -> Worker | None:
        """The selected worker."""
        return self._rows[self.cursor][0] if self.workers else None

    def move(self, position: int) -> None:
        """Select a worker; one step down from it leads past what is wrong with it."""
        rows = self._rows
        if not 0 <= position < len(rows):
            return
        worker, is_problem = rows[position]
        if is_problem and position == self.cursor + 1 and position + 1 < len(rows):
            worker, _ = rows[position + 1]
        self._name = worker.name

    def select(self, name: str) -> None:
        """Select a worker by its name."""
        self._name = name

    def key(self, position: int) -> Hashable | None:  # noqa: ARG002 - the same for each row
        """Return nothing: a worker's row tells the time."""
        return None

    def line(self, position: int, width: int) -> Line:
        """Return a worker's row, or what is wrong with it."""
        worker, is_problem = self._rows[position]
        if is_problem:
            return processes.problem_row(worker, width)
        return processes.row(worker, width, moment.now_us())

    def header(self, width: int) -> Line:
        """Return the names of the columns."""
        return processes.header(width)

    def teach(self, width: int) -> list[Line]:  # noqa: ARG002 - short lines fit any width
        """Return what a project needs to run."""
        return teach.empty_processes(self._status())

    @property
    def _rows(self) -> list[tuple[Worker, bool]]:
        """Each worker, and once more when something is wrong with it."""
        return [
            row
            for worker in self.workers
            for row in ((worker, False), (worker, True))
            if not row[1] or worker.problem is not None
        ]
