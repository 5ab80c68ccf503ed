"""The spans that a store has, for tests that look at each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.store.span_reading import SPAN_COLUMNS, spans_of_rows

if TYPE_CHECKING:
    from kiket_console.store.reader import Reader
    from kiket_console.telemetry.nouns import Span


def told_spans(reader: Reader, *, trace_id: str | None = None, of: int | None = None) -> list[Span]:
    """Return the spans of a trace, or of an exchange, else all; in the order they were stored."""
    rows = reader._rows(f"SELECT {SPAN_COLUMNS} FROM span ORDER BY id")  # noqa: S608 (ours)
    return [
        each
        for each in spans_of_rows(rows)
        if trace_id in (None, each.trace_id) and of in (None, each.exchange_id)
    ]
