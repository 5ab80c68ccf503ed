"""How many of the shown log lines are how grave; counted once, then only what comes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from kiket_console.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.ui.pages import Reader
    from kiket_console.ui.paint.line import Part

STEP: Final = 50_000
"""So many lines are counted at a time."""
_ROLES: Final = (
    (3, "error", ("ERROR", "CRITICAL"), "error"),
    (4, "warning", ("WARNING",), "warning"),
    (7, "info", ("INFO",), "muted"),
    (8, "debug", ("DEBUG",), "muted"),
)


class LevelCounts:
    """Counts the lines that *wanted* lets through, all of them without it."""

    def __init__(self, wanted: LogFilter | None = None) -> None:
        self.wanted = wanted
        self._counts: Counter[str] = Counter()
        self.newest = 0
        """Up to which line it has counted."""

    def count(self, reader: Reader) -> Iterator[None]:
        """Count what has come, a step at a time; for a thread."""
        newest = reader.newest()[2]
        low = max(self.newest + 1, reader.oldest_log())
        while low <= newest:
            high = min(newest, low + STEP - 1)
            found = reader.log_levels(self.wanted, low, high)
            self._counts = self._counts + Counter(found)  # another one: this one may be looked at
            self.newest = high
            low = high + 1
            yield

    def said(self) -> list[Part]:
        """Return the counts that are not 0, each with its rank (see `paint.line.fitting`)."""
        counts = self._counts
        parts: list[Part] = []
        for rank, noun, names, role in _ROLES:
            if count := sum(counts[name] for name in names):
                said = f"{count:,} {noun}" if role == "muted" else plural(count, noun)
                parts.append((rank, [(said, role)]))
        return parts
