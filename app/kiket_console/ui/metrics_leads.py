"""From figures to what they are of: the filter of a row's exchanges, and the slowest of them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from kiket_console.telemetry.nouns import OTHER
from kiket_console.telemetry.report import ALL

if TYPE_CHECKING:
    from kiket_console.filters import Filter
    from kiket_console.model import Exchange
    from kiket_console.telemetry.report import Line as Row
    from kiket_console.telemetry.report import Report
    from kiket_console.ui.pages import Reader

SLOWEST: Final = 5
"""How many of the slowest are looked for."""
_LONG_US: Final = 500_000
"""What takes longer began well before the step of time that it ended in."""
_OUTCOMES: Final = {"ok": "ok", "error": "error", "failed": "error"}


def filter_of(row: Row | None, report: Report, point: int | None, only: str = "") -> str:
    """Return the filter of the exchanges that a row counts, within a point or the whole window.

    *only*: the words that the report is narrowed to; without a row they say which are meant. What
    is counted has ended then, and a filter asks when it began: so long ones are looked for from
    earlier on.
    """
    parts = _of_row(row) if row is not None else [only] if only else []
    slowest_us = row.slowest_us if row is not None else report.p99_us or 0
    early_s = -(-slowest_us // 1_000_000) if slowest_us > _LONG_US else 0
    if point is not None:
        at_s = report.since_s + point * report.step_s
        last_s = at_s + report.step_s - 1
        parts.append(f"at:{_moment(at_s - early_s)}..{_moment(last_s)}")
    elif report.after is not None:
        parts.append(f"since:{_moment(report.after.at_us // 1_000_000)}")
    elif report.window != ALL:
        parts.append(f"since:{_moment(report.since_s - early_s)}")
    return " ".join(parts)


def since_us(report: Report, point: int | None, slowest_us: int) -> int:
    """Return before which no exchange can be among those of a window, or of a point of it."""
    begin_s = report.since_s + (point or 0) * report.step_s
    return begin_s * 1_000_000 - slowest_us


def slowest(reader: Reader, text: str, began_us: int) -> list[Exchange]:
    """Return the slowest exchanges that a filter lets through; belongs in a thread.

    Raises `ConsoleError`.
    """
    return reader.page(reader.slowest(_parsed(text), SLOWEST, began_us))


def _parsed(text: str) -> Filter:
    from kiket_console import filters

    return filters.parse(text)


def _of_row(row: Row) -> list[str]:
    from kiket_console.filters.log_lines import quoted

    parts: list[str] = []
    if row.source:
        parts.append(f"src:{row.source}")
    if row.worker and row.worker != OTHER:
        named = quoted(row.worker)
        fields = {"webhook": "ext", "api": "ext", "ipc": "mod"}
        if row.source in fields:
            parts.append(f"{fields[row.source]}:{named}")
        elif not row.source:
            parts.append(f"(ext:{named} OR mod:{named})")
    if row.name and row.name != OTHER:
        parts.append(f"event:{quoted(row.name)}")
    if row.version:
        parts.append(f"v:{quoted(row.version)}")
    if row.outcome:
        parts.append(f"status:{_OUTCOMES.get(row.outcome, row.outcome)}")
    return parts


def _moment(at_s: int) -> str:
    """Write a moment as a filter takes it, with the day where it is not today's."""
    at = datetime.datetime.fromtimestamp(at_s)  # noqa: DTZ006 (the person's clock)
    is_today = at.date() == datetime.datetime.now().date()  # noqa: DTZ005 (as filters read it)
    return at.strftime("%H:%M:%S" if is_today else "%Y-%m-%dT%H:%M:%S")
