"""The store as the screen reads it: trouble becomes a sentence, and the list stays as it is."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, TypeVar

from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.filters import Filter
    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.model import Detail, Exchange, LogLine
    from kiket_console.order import Order
    from kiket_console.telemetry.nouns import Measure, Reload, Sample
    from kiket_console.tracing.kin import Kin
    from kiket_console.ui.pages import Reader

T = TypeVar("T")


class StoreView:
    """A reader that answers with nothing when the store cannot be read, and says so.

    Once closed it answers with nothing, so that a screen on its way out opens no store again.
    """

    def __init__(self, reader: Reader, trouble: Callable[[ConsoleError], None]) -> None:
        self._reader = reader
        self._trouble = trouble
        self._closed = False

    def newest(self) -> tuple[int, int, int]:
        """Return the newest exchange id, change number and log id."""
        return self._try(self._reader.newest, (0, 0, 0))

    def ids(self, after: int = 0) -> array[int]:
        """Return the ids of exchanges after *after*."""
        return self._try(lambda: self._reader.ids(after), array("q"))

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        """Return the exchanges of *ids*."""
        return self._try(lambda: self._reader.page(ids), [])

    def changed(self, after_change: int, among: Sequence[int]) -> list[int]:
        """Return which of these exchanges changed."""
        return self._try(lambda: self._reader.changed(after_change, among), [])

    def oldest(self) -> int:
        """Return the oldest exchange's id."""
        return self._try(self._reader.oldest, 0)

    def captures(self) -> list[Exchange]:
        """Return the newest delivery of each event that is no replay."""
        return self._try(self._reader.captures, [])

    def matching(self, wanted: Filter, low: int, high: int) -> array[int]:
        """Return which exchanges from *low* to *high* match."""
        return self._try(lambda: self._reader.matching(wanted, low, high), array("q"))

    def matching_among(self, wanted: Filter, ids: Sequence[int]) -> array[int]:
        """Return which of these exchanges match."""
        return self._try(lambda: self._reader.matching_among(wanted, ids), array("q"))

    def ordered(self, order: Order, ids: Sequence[int]) -> array[int]:
        """Return exchanges in an order."""
        return self._try(lambda: self._reader.ordered(order, ids), array("q"))

    def slowest(self, wanted: Filter, limit: int, since_us: int = 0) -> list[int]:
        """Return the ids of the slowest exchanges that match."""
        return self._try(lambda: self._reader.slowest(wanted, limit, since_us), [])

    def measured(self) -> int:
        """Return a number that rises whenever something was measured."""
        return self._try(self._reader.measured, 0)

    def measures(self, step_s: int, since_s: int, until_s: int) -> list[Measure]:
        """Return the measures of steps so long."""
        return self._try(lambda: self._reader.measures(step_s, since_s, until_s), [])

    def calls(self, step_s: int, since_s: int, until_s: int) -> int:
        """Return how many calls these measures have."""
        return self._try(lambda: self._reader.calls(step_s, since_s, until_s), 0)

    def oldest_measure(self) -> int | None:
        """Return when the oldest step that was measured begins."""
        return self._try(self._reader.oldest_measure, None)

    def too_many(self) -> int:
        """Return how many series were too many to count apart."""
        return self._try(self._reader.too_many, 0)

    def reloads(self, since_us: int, until_us: int) -> list[Reload]:
        """Return the reloads within a time."""
        return self._try(lambda: self._reader.reloads(since_us, until_us), [])

    def samples(
        self, step_s: int, since_s: int, until_s: int, worker: str | None = None
    ) -> list[Sample]:
        """Return the samples of steps so long, of one worker if it is named."""
        return self._try(lambda: self._reader.samples(step_s, since_s, until_s, worker), [])

    def values_of(self, field: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Return values of a filter's field that were seen lately, with how often."""
        return self._try(lambda: self._reader.values_of(field, prefix, limit), [])

    def stored_bytes(self, exchange_id: int) -> int:
        """Return how many bytes the stored bodies of an exchange have."""
        return self._try(lambda: self._reader.stored_bytes(exchange_id), 0)

    def detail(self, exchange_id: int, at_most: int = -1) -> Detail | None:
        """Return all that is known of an exchange, with *at_most* so many bytes of each body."""
        return self._try(lambda: self._reader.detail(exchange_id, at_most), None)

    def newest_of(self, worker: str) -> int | None:
        """Return the newest exchange of a worker."""
        return self._try(lambda: self._reader.newest_of(worker), None)

    def kin(self, exchange_id: int, most: int) -> Kin | None:
        """Return what belongs together with an exchange."""
        return self._try(lambda: self._reader.kin(exchange_id, most), None)

    def kin_count(self, exchange_id: int, most: int) -> int:
        """Return how many exchanges are linked by cause to one."""
        return self._try(lambda: self._reader.kin_count(exchange_id, most), 0)

    def log_ids(
        self, after: int = 0, worker: str | None = None, exchange_id: int | None = None
    ) -> array[int]:
        """Return the ids of log lines after *after*."""
        return self._try(lambda: self._reader.log_ids(after, worker, exchange_id), array("q"))

    def log_page(self, ids: Sequence[int]) -> list[LogLine]:
        """Return the log lines of *ids*."""
        return self._try(lambda: self._reader.log_page(ids), [])

    def exchange_logs(self, exchange_id: int, limit: int = 1000) -> list[LogLine]:
        """Return the log lines that belong to an exchange."""
        return self._try(lambda: self._reader.exchange_logs(exchange_id, limit), [])

    def recent_logs(self, worker: str, limit: int) -> list[LogLine]:
        """Return a worker's newest log lines, oldest first."""
        return self._try(lambda: self._reader.recent_logs(worker, limit), [])

    def oldest_log(self) -> int:
        """Return the oldest log line's id."""
        return self._try(self._reader.oldest_log, 0)

    def matching_logs(self, wanted: LogFilter, low: int, high: int) -> array[int]:
        """Return which log lines from *low* to *high* match."""
        return self._try(lambda: self._reader.matching_logs(wanted, low, high), array("q"))

    def next_log(self, wanted: LogFilter, beyond: int, *, newer: bool) -> int | None:
        """Return the next log line that matches."""
        return self._try(lambda: self._reader.next_log(wanted, beyond, newer=newer), None)

    def log_levels(self, wanted: LogFilter | None, low: int, high: int) -> dict[str, int]:
        """Return how many lines that match are at which level."""
        return self._try(lambda: self._reader.log_levels(wanted, low, high), {})

    def log_values(self, field: str, limit: int) -> list[tuple[str, int]]:
        """Return the workers or loggers of newer lines, with how often each wrote one."""
        return self._try(lambda: self._reader.log_values(field, limit), [])

    def close(self) -> None:
        """Give the connection back for good."""
        self._closed = True
        self._reader.close()

    def _try(self, read: Callable[[], T], nothing: T) -> T:
        if self._closed:
            return nothing
        try:
            return read()
        except ConsoleError as error:
            self._trouble(error)
            return nothing
