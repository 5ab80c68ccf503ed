"""Make a report of measures and saves; pure, so that screen and command say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.telemetry.changes import Saves, Tally, changes
from kiket_console.telemetry.curve import SHARES, Curve, no_points
from kiket_console.telemetry.nouns import STEPS
from kiket_console.telemetry.report import Line, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kiket_console.telemetry.nouns import Measure, Reload, Series
    from kiket_console.telemetry.report import Point
    from kiket_console.telemetry.windows import Window

Key = tuple[str, str, str, str, str]
"""Source, worker, name, version, outcome; empty those that the group does not tell apart."""

KEYS: Final[dict[str, Callable[[Series], Key]]] = {
    "handler": lambda each: (each.source, each.worker, each.name, each.version, ""),
    "worker": lambda each: ("", each.worker, "", "", ""),
    "source": lambda each: (each.source, "", "", "", ""),
    "outcome": lambda each: ("", "", "", "", each.outcome),
}


def build(
    measures: Iterable[Measure],
    reloads: Iterable[Reload],
    window: Window,
    *,
    group: str = "handler",
    now_s: float,
    oldest_s: float | None = None,
    since: Reload | None = None,
    keep: Callable[[Series], bool] | None = None,
    uncounted: int = 0,
) -> Report:
    """Return the report of *window*, in rows of *group* (a word of `GROUPS`).

    *measures* are of steps of `window.read_s`; others than those within the window are left out.
    *oldest_s* is when measuring began, as the reader knows it: where that is within the window,
    rates are of the time since then. With *since* only what came after that save is counted and
    drawn; what it changed is still told against what was before. *keep* says which series are
    meant; *uncounted* is passed on.
    Raises `KeyError` for another group.
    """
    sums = Sums(window, reloads, group=group, since=since, keep=keep)
    sums.add(measures)
    return sums.report(now_s=now_s, oldest_s=oldest_s, uncounted=uncounted)


class Sums:
    """What measures of a window add up to: in all, and of each row."""

    def __init__(
        self,
        window: Window,
        reloads: Iterable[Reload],
        *,
        group: str = "handler",
        since: Reload | None = None,
        keep: Callable[[Series], bool] | None = None,
    ) -> None:
        """Begin with nothing; see `build` for what these are."""
        within = (each for each in reloads if window.since_s <= each.at_us / 1e6 < window.until_s)
        self._window = window
        self._reloads = tuple(sorted(within, key=lambda each: each.at_us))
        self._group = group
        self._key = KEYS[group]
        self._since = since
        self._keep = keep
        self._saves = {
            worker: Saves(each for each in self._reloads if each.worker == worker)
            for worker in {each.worker for each in self._reloads}
        }
        self._first_s = window.until_s
        self._whole = Curve()
        self._rows: dict[Key, _Row] = {}
        self._row_of: dict[Series, _Row | None] = {}

    def add(self, measures: Iterable[Measure]) -> None:
        """Add measures; of steps of the chart that are not closed."""
        window, since = self._window, self._since
        for measure in measures:
            if not window.since_s <= measure.at_s < window.until_s:
                continue
            self._first_s = min(self._first_s, measure.at_s)
            series = measure.series
            row = self._row_of[series] if series in self._row_of else self._row(series)
            if row is None:
                continue
            row.add_to_era(measure, window.read_s)
            if since is None or _comes_after(measure, window.read_s, since):
                step = (measure.at_s - window.since_s) // window.step_s
                durations = measure.durations
                row.curve.add(step, durations, durations.count if series.failing else 0)

    def close(self) -> None:
        """Close the steps that were added: no more is added to them."""
        for row in self._rows.values():
            for step, durations, errors in row.curve.close(self._window):
                self._whole.add(step, durations, errors)
        for _ in self._whole.close(self._window):
            pass

    def copy(self) -> Sums:
        """Return other sums with the same closed steps, to add to."""
        made = Sums(
            self._window, self._reloads, group=self._group, since=self._since, keep=self._keep
        )
        made._first_s = self._first_s
        made._whole = self._whole.copy()
        made._rows = {key: row.copy() for key, row in self._rows.items()}
        made._row_of = {
            series: None if row is None else made._rows[row.key]
            for series, row in self._row_of.items()
        }
        return made

    def report(self, *, now_s: float, oldest_s: float | None, uncounted: int = 0) -> Report:
        """Close the steps and return the report; see `build` for what these are."""
        self.close()
        window, whole = self._window, self._whole
        covered_s = self._covered_s(now_s, oldest_s)
        empty = no_points(window)
        rows = [row for row in self._rows.values() if row.curve.total.count]
        lines = [(row.line(covered_s, empty), row.curve.total.total_us) for row in rows]
        lines.sort(key=lambda each: (each[0].culprit is None, -each[1]))
        p50, p95, p99 = whole.total.percentiles(SHARES)
        return Report(
            window=window.name,
            group=self._group,
            since_s=window.since_s,
            until_s=window.until_s,
            step_s=window.step_s,
            count=whole.total.count,
            errors=whole.errors,
            rate_per_s=whole.total.count / covered_s,
            p50_us=p50,
            p95_us=p95,
            p99_us=p99,
            points=whole.points(empty),
            lines=tuple(line for line, _ in lines),
            reloads=self._reloads,
            distribution=whole.distribution(),
            uncounted=uncounted,
            after=self._since,
        )

    def _covered_s(self, now_s: float, oldest_s: float | None) -> float:
        """Return for how long it was counted what this tells of."""
        window = self._window
        counted_before = oldest_s is not None and oldest_s + max(STEPS) <= window.since_s
        began_s: float = window.since_s if counted_before else self._first_s
        if oldest_s is not None:
            began_s = max(began_s, oldest_s)  # a first step is longer than was counted within it
        if self._since is not None:
            began_s = max(began_s, self._since.at_us / 1e6)
        return max(min(now_s, window.until_s) - began_s, 1.0)

    def _row(self, series: Series) -> _Row | None:
        """Return the row that a series belongs to; None for one that is not meant."""
        row: _Row | None = None
        if self._keep is None or self._keep(series):
            key = self._key(series)
            row = self._rows.get(key)
            if row is None:
                row = self._rows[key] = _Row(key, series.worker, self._saves.get(series.worker))
            if row.worker != series.worker:
                row.saves = None  # those of several workers: no save is before or after all of it
        self._row_of[series] = row
        return row


class _Row:
    """What is added up of one row."""

    def __init__(self, key: Key, worker: str, saves: Saves | None) -> None:
        self.key = key
        self.worker = worker
        self.saves = saves
        self.curve = Curve()
        self._eras: dict[int, Tally] = {}
        self._shared: set[int] = set()
        """Eras that are another row's, too: they are copied before they are added to."""

    def add_to_era(self, measure: Measure, step_s: int) -> None:
        """Add to what was done by the code that handled it, where that can be told."""
        era = None if self.saves is None else self.saves.era(measure, step_s)
        if era is None:
            return
        tally = self._eras.get(era)
        if tally is None or era in self._shared:
            tally = self._eras[era] = Tally() if tally is None else tally.copy()
            self._shared.discard(era)
        tally.add(measure.durations, failing=measure.series.failing)

    def copy(self) -> _Row:
        """Return another row with the same closed steps."""
        made = _Row(self.key, self.worker, self.saves)
        made.curve = self.curve.copy()
        made._eras = dict(self._eras)
        made._shared, self._shared = set(self._eras), set(self._eras)
        return made

    def line(self, covered_s: float, empty: tuple[Point, ...]) -> Line:
        """Return its line of the table, of closed steps."""
        curve = self.curve
        p50, p95, p99 = curve.total.percentiles(SHARES)
        change, culprit = (None, None) if self.saves is None else changes(self.saves, self._eras)
        return Line(
            *self.key,
            count=curve.total.count,
            errors=curve.errors,
            rate_per_s=curve.total.count / covered_s,
            p50_us=p50,
            p95_us=p95,
            p99_us=p99,
            slowest_us=curve.total.longest_us,
            change=change,
            culprit=culprit,
            points=curve.points(empty),
            distribution=curve.distribution(),
        )


def _comes_after(measure: Measure, step_s: int, save: Reload) -> bool:
    """Whether a measure is of the code since *save*; of other workers, by its time."""
    if measure.code_us and measure.series.worker == save.worker:
        return measure.code_us >= save.at_us
    return (measure.at_s + step_s) * 1_000_000 > save.at_us
