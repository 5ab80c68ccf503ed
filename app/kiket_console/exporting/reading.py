"""Read what is handed out together: all that is known of some exchanges, within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.exporting.files import Recorded
from kiket_console.text import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Detail, LogLine

MOST: Final = 10_000
"""So many exchanges are handed out at a time."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""So long their bodies may be together: what is handed out is made in memory."""


class Reader(Protocol):
    """What is read from: the store's reader, or a view of it."""

    def stored_bytes(self, exchange_id: int) -> int:
        """Return how many bytes the stored bodies of an exchange have."""
        ...

    def detail(self, exchange_id: int) -> Detail | None:
        """Return all that is known of one exchange, or None."""
        ...

    def exchange_logs(self, exchange_id: int) -> list[LogLine]:
        """Return the log lines that belong to an exchange."""
        ...


def recorded(reader: Reader, ids: Sequence[int]) -> list[Recorded]:
    """Return exchanges with their log lines; those that are not there any more are left out.

    Raises `ConsoleError` when they are too many, or their bodies too long together.
    """
    if len(ids) > MOST:
        raise ConsoleError(
            f"{len(ids):,} exchanges are too many for one file; {MOST:,} are the most.",
            exit_code=ExitCode.USAGE,
        )
    stored_bytes = sum(map(reader.stored_bytes, ids))
    if stored_bytes > MOST_BYTES:
        raise ConsoleError(
            f"Bodies of {size(stored_bytes)} are too much for one file; {size(MOST_BYTES)} is the "
            "most.",
            hint="Choose fewer exchanges at a time.",
            exit_code=ExitCode.USAGE,
        )
    details = (reader.detail(each) for each in ids)
    return [
        Recorded(each, tuple(reader.exchange_logs(each.exchange.id)))
        for each in details
        if each is not None
    ]
