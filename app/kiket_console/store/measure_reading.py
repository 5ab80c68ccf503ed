"""Read what was measured: durations by series and step of time, reloads, samples of workers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from kiket_console.store.reading import Reading
from kiket_console.store.rows import ATTEMPTS
from kiket_console.telemetry.histogram import Histogram
from kiket_console.telemetry.nouns import Measure, Reload, Sample, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MEASURES = (
    "SELECT at_s, series_id, code_us, count, total_us, shortest_us, longest_us, buckets"
    " FROM measure WHERE step_s = ? AND at_s >= ? AND at_s < ? ORDER BY at_s"
)
_OLDEST = """
    WITH oldest AS (SELECT min(at_s) AS at_s FROM measure WHERE step_s = 900)
    SELECT CASE WHEN minute.at_s < oldest.at_s + 900 THEN minute.at_s ELSE oldest.at_s END
    FROM oldest, (SELECT min(at_s) AS at_s FROM measure WHERE step_s = 60) AS minute
"""
_CALLS = "SELECT sum(count) FROM measure WHERE step_s = ? AND at_s >= ? AND at_s < ?"
_SERIES = "SELECT id, source, worker, name, version, outcome FROM series"
_RELOADS = (
    "SELECT at_us, worker, label, file, took_us, problem FROM reload"
    " WHERE at_us >= ? AND at_us < ? ORDER BY at_us, id"
)
_SAMPLES = (
    "SELECT at_s, worker, name, count, total / max(count, 1), lowest, highest, last FROM sample"
    " WHERE step_s = ? AND at_s >= ? AND at_s < ?"
)
_ENDED = (  # attempts are looked at where the newest one may have ended late enough
    "SELECT source, worker, name, version, attempt.state, attempt.status, attempt.duration_us,"  # noqa: S608 (our constant)
    " attempt.target, attempt.started_us + attempt.duration_us AS ended"
    " FROM exchange CROSS JOIN attempt ON attempt.id"
    f" BETWEEN exchange.id * {ATTEMPTS} AND exchange.id * {ATTEMPTS} + {ATTEMPTS - 1}"
    " WHERE exchange.id > ? AND exchange.id <= ?"
    " AND max(exchange.started_us, tried_us) + ifnull(exchange.duration_us, 0) >= ?"
    " AND typeof(attempt.duration_us) = 'integer' AND typeof(ended) = 'integer'"
    " AND typeof(name) = 'text' AND ended >= ? AND ended < ?"
    " AND (source <> 'webhook' OR attempt.state <> 'failed' OR attempt.status IS NOT NULL)"
)

_MeasureRow = tuple[int, int, int, int, int, int, int, bytes]
_ReloadRow = tuple[int, str, str, str, int, str]


class Ended(NamedTuple):
    """What is counted of an attempt at an exchange that has ended."""

    source: str
    worker: str
    name: str
    version: str
    state: str
    status: int | None
    duration_us: int
    target: str
    ended_us: int


class MeasureReading(Reading):
    """What a reader reads of measures; rows that are damaged are left out."""

    def measured(self) -> int:
        """Return a number that rises whenever measures, samples, spans or reloads were written."""
        found = self._rows("SELECT measured FROM counters")
        return int(found[0][0]) if found else 0

    def counted(self) -> tuple[int, int]:
        """Return until when all that ended is counted (Unix µs), and which exchanges are not.

        The latter as the newest one that came before there were measures; 0 when all are counted.
        """
        found = self._rows("SELECT measured_us, uncounted FROM counters")
        return (found[0][0], found[0][1]) if found else (0, 0)

    def too_many(self) -> int:
        """Return how many series the newest engine did not tell apart: there were too many."""
        found = self._rows("SELECT too_many FROM counters")
        return int(found[0][0]) if found else 0

    def endings(self, above: int, up_to: int, since_us: int, until_us: int) -> list[Ended]:
        """Return what ended in [since, until) (Unix µs) of the exchanges above one, up to another.

        A message that nobody answers has no end, nor has what was under way when an engine was
        killed; a try that no code took is followed by another one.
        """
        values = (above, up_to, since_us, since_us, until_us)
        return [Ended(*row) for row in self._rows(_ENDED, values)]

    def measures(self, step_s: int, since_s: int, until_s: int) -> list[Measure]:
        """Return the measures whose steps of *step_s* begin in [since, until), by that moment.

        *step_s* is one of `telemetry.nouns.STEPS`; moments are Unix seconds.
        """
        found = self._rows(_MEASURES, (step_s, since_s, until_s))
        if not found:
            return []
        return list(_measures(found, self._series()))

    def series(self) -> list[Series]:
        """Return all that was ever counted apart."""
        return list(self._series().values())

    def calls(self, step_s: int, since_s: int, until_s: int) -> int:
        """Return how many calls the measures have that `measures` would return."""
        found = self._rows(_CALLS, (step_s, since_s, until_s))
        return found[0][0] or 0 if found else 0

    def oldest_measure(self) -> int | None:
        """Return when measuring began (Unix s); None: never.

        To the minute where minutes are kept for as long, else to a quarter of an hour.
        """
        found = self._rows(_OLDEST)
        return found[0][0] if found else None

    def reloads(self, since_us: int, until_us: int) -> list[Reload]:
        """Return the reloads in [since, until) (Unix microseconds), the oldest first."""
        import msgspec

        reloads = []
        for row in self._rows(_RELOADS, (since_us, until_us)):
            with suppress(msgspec.ValidationError):
                reloads.append(Reload(*msgspec.convert(row, _ReloadRow)))
        return reloads

    def samples(
        self, step_s: int, since_s: int, until_s: int, worker: str | None = None
    ) -> list[Sample]:
        """Return the samples whose steps begin in [since, until), by that moment; of one worker.

        *step_s* is 10, 60 or 900; moments are Unix seconds.
        """
        where = ""
        values: list[int | str] = [step_s, since_s, until_s]
        if worker is not None:
            where = " AND worker = ?"
            values.append(worker)
        found = self._rows(f"{_SAMPLES}{where} ORDER BY at_s, worker, name", values)
        return [Sample(*row) for row in found]

    def _series(self) -> dict[int, Series]:
        return {row[0]: Series(*row[1:]) for row in self._rows(_SERIES)}


def _measures(found: Sequence[Sequence[Any]], series: Mapping[int, Series]) -> Iterator[Measure]:
    import msgspec

    for row in found:
        with suppress(msgspec.MsgspecError, ValueError, TypeError, KeyError):
            sound = msgspec.convert(row, _MeasureRow)
            at_s, series_id, code_us, count, total_us, shortest_us, longest_us, buckets = sound
            durations = Histogram.decoded(
                buckets,
                count=count,
                total_us=total_us,
                shortest_us=shortest_us,
                longest_us=longest_us,
            )
            yield Measure(at_s, series[series_id], code_us, durations)
