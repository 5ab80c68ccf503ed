"""What is counted apart: so many series at most, whatever names come."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from kiket_console.model import State
from kiket_console.telemetry.nouns import OTHER, Series

SERIES: Final = 1000
"""So many are told apart; of what comes beyond, the name is not any more."""
OTHERS: Final = 200
"""So many are told apart by source, worker and outcome beyond that; then the worker is not."""
NAME: Final = 200
"""Longer names of events, calls and workers are cut."""
TOO_MANY: Final = 10_000
"""So many that are too many are counted."""


class Apart:
    """Give each exchange the series that it is counted in."""

    def __init__(self) -> None:
        self._series: dict[Series, Series] = {}
        self._too_many: set[int] = set()

    @property
    def uncounted(self) -> int:
        """How many series were too many to tell apart; `TOO_MANY` means at least so many."""
        return len(self._too_many)

    def series(self, source: str, worker: str, name: str, version: str, outcome: str) -> Series:
        """Return the series of these words: another one when there are too many."""
        wanted = Series(str(source), _short(worker), _short(name), _short(version), outcome)
        known = self._series.get(wanted)
        if known is not None:
            return known
        if len(self._series) < SERIES:
            self._series[wanted] = wanted
            return wanted
        if len(self._too_many) < TOO_MANY:
            self._too_many.add(hash(wanted))
        other = replace(wanted, name=OTHER, version="")
        if other not in self._series and len(self._series) >= SERIES + OTHERS:
            other = replace(other, worker=OTHER)
        return self._series.setdefault(other, other)


def outcome(state: State, status: int | None) -> str:
    """Return how an exchange that ended is counted: see `Series.outcome`."""
    if state is State.FORWARDED:
        return "ok" if status is None else _status_class(status)
    if state is State.REJECTED and status is not None:
        return _status_class(status)
    return "failed"


def _status_class(status: int) -> str:
    return f"{status // 100}xx" if 100 <= status <= 599 else "error"


def _short(text: str) -> str:
    return text if len(text) <= NAME else text[: NAME - 1] + "…"
