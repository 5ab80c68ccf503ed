"""Where lists read their rows: the store, and what a feed wants of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from kiket_console.filters import Filter
    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.model import Detail, Exchange, LogLine
    from kiket_console.order import Order
    from kiket_console.telemetry.nouns import Measure, Reload, Sample
    from kiket_console.tracing.kin import Kin


class Reader(Protocol):
    """What the screen reads from: the store, read-only (`kiket_console.store.reader.Reader`)."""

    def newest(self) -> tuple[int, int, int]:
        """Return the newest exchange id, change number and log id."""

    def ids(self, after: int = 0) -> array[int]:
        """Return the ids of exchanges after *after*, ascending."""

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        """Return the exchanges of *ids* in that order, without the missing ones."""

    def changed(self, after_change: int, among: Sequence[int]) -> list[int]:
        """Return which ids *among* these changed after a change number."""

    def oldest(self) -> int:
        """Return the oldest exchange's id, 0 when there is none."""

    def matching(self, wanted: Filter, low: int, high: int) -> array[int]:
        """Return which exchanges from *low* to *high* match a filter, ascending."""

    def matching_among(self, wanted: Filter, ids: Sequence[int]) -> array[int]:
        """Return which of these exchanges match a filter, ascending."""

    def ordered(self, order: Order, ids: Sequence[int]) -> array[int]:
        """Return *ids* (ascending) in an order, without those that are gone."""

    def slowest(self, wanted: Filter, limit: int, since_us: int = 0) -> list[int]:
        """Return the ids of the slowest exchanges that match, the slowest first."""

    def measured(self) -> int:
        """Return a number that rises whenever something was measured."""

    def measures(self, step_s: int, since_s: int, until_s: int) -> list[Measure]:
        """Return the measures of steps so long that begin in [since, until)."""

    def calls(self, step_s: int, since_s: int, until_s: int) -> int:
        """Return how many calls these measures have."""

    def oldest_measure(self) -> int | None:
        """Return when the oldest step that was measured begins (Unix s); None: never."""

    def too_many(self) -> int:
        """Return how many series were too many to count apart."""

    def reloads(self, since_us: int, until_us: int) -> list[Reload]:
        """Return the reloads in [since, until) (Unix microseconds), the oldest first."""

    def samples(
        self, step_s: int, since_s: int, until_s: int, worker: str | None = None
    ) -> list[Sample]:
        """Return the samples whose steps begin in [since, until), of one worker if it is named."""

    def values_of(self, field: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Return values of a filter's field that were seen lately, with how often."""

    def stored_bytes(self, exchange_id: int) -> int:
        """Return how many bytes the stored bodies of an exchange have."""

    def detail(self, exchange_id: int, at_most: int = -1) -> Detail | None:
        """Return all that is known of an exchange, with *at_most* so many bytes of each body."""

    def newest_of(self, worker: str) -> int | None:
        """Return the newest exchange of a worker; None where there is none among newer ones."""

    def kin(self, exchange_id: int, most: int) -> Kin | None:
        """Return what belongs together with an exchange, *most* of each sort."""

    def kin_count(self, exchange_id: int, most: int) -> int:
        """Return how many exchanges are linked by cause to one, itself included; *most* at most."""

    def captures(self) -> list[Exchange]:
        """Return the newest delivery of each event that is no replay, newest first."""

    def log_ids(
        self, after: int = 0, worker: str | None = None, exchange_id: int | None = None
    ) -> array[int]:
        """Return the ids of log lines after *after*, ascending."""

    def log_page(self, ids: Sequence[int]) -> list[LogLine]:
        """Return the log lines of *ids* in that order, without the missing ones."""

    def exchange_logs(self, exchange_id: int, limit: int = 1000) -> list[LogLine]:
        """Return the log lines that belong to an exchange."""

    def recent_logs(self, worker: str, limit: int) -> list[LogLine]:
        """Return a worker's newest *limit* log lines, oldest first."""

    def oldest_log(self) -> int:
        """Return the oldest log line's id, 0 when there is none."""

    def matching_logs(self, wanted: LogFilter, low: int, high: int) -> array[int]:
        """Return the ids of matching log lines from *low* to *high*, inclusive, ascending."""

    def next_log(self, wanted: LogFilter, beyond: int, *, newer: bool) -> int | None:
        """Return the id of the next log line that matches, newer or older than *beyond*."""

    def log_levels(self, wanted: LogFilter | None, low: int, high: int) -> dict[str, int]:
        """Return how many lines that match, from *low* to *high*, are at which level."""

    def log_values(self, field: str, limit: int) -> list[tuple[str, int]]:
        """Return values of `worker` or `logger` of newer lines, with how often each was seen."""

    def close(self) -> None:
        """Give the connection back; reading again takes another."""


class Row(Protocol):
    """A row knows its id."""

    @property
    def id(self) -> int:
        """What the store calls it; later rows have larger ones."""


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


class Pages(Protocol[R_co]):
    """Where a feed's rows come from."""

    def newest(self) -> int:
        """Return the newest id, 0 when there is none."""

    def ids(self, after: int) -> array[int]:
        """Return the ids after *after*, ascending."""

    def page(self, ids: Sequence[int]) -> Sequence[R_co]:
        """Return the rows of *ids* in that order, without the missing ones."""

    def changed(self, after_change: int, among: Sequence[int]) -> Sequence[int]:
        """Return which ids *among* these changed after a change number."""


class TrafficPages:
    """Exchanges of a store, as a feed's pages."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def newest(self) -> int:
        """Return the newest exchange's id."""
        return self._reader.newest()[0]

    def ids(self, after: int) -> array[int]:
        """Return the ids of exchanges after *after*."""
        return self._reader.ids(after)

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        """Return the exchanges of *ids*."""
        return self._reader.page(ids)

    def changed(self, after_change: int, among: Sequence[int]) -> list[int]:
        """Return which of these exchanges changed."""
        return self._reader.changed(after_change, among)


class LogPages:
    """Log lines of a store, as a feed's pages; a log line never changes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def newest(self) -> int:
        """Return the newest log line's id."""
        return self._reader.newest()[2]

    def ids(self, after: int) -> array[int]:
        """Return the ids of log lines after *after*."""
        return self._reader.log_ids(after)

    def page(self, ids: Sequence[int]) -> list[LogLine]:
        """Return the log lines of *ids*."""
        return self._reader.log_page(ids)

    def changed(self, after_change: int, among: Sequence[int]) -> list[int]:  # noqa: ARG002 - lines are written once
        """Return nothing: what was logged stays as it is."""
        return []
