"""What rows of the table of spans tell of."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SPAN_COLUMNS: Final = (
    "id, trace_id, span_id, parent_span_id, exchange_id, worker, kind, name, started_us,"
    " duration_us, status, message, attributes, guessed"
)
"""What `spans_of_rows` makes spans of."""
_SpanRow = tuple[int, str, str, str, int | None, str, str, str, int, int, str, str, str, int]


def spans_of_rows(found: Iterable[Sequence[Any]]) -> list[Span]:
    """Return the spans that rows of `SPAN_COLUMNS` tell of; damaged ones are left out."""
    import msgspec

    spans = []
    for row in found:
        with suppress(msgspec.ValidationError):
            sound: tuple[Any, ...] = msgspec.convert(row, _SpanRow)
            *facts, attributes, guessed = sound
            spans.append(Span(*(*facts, _attributes(attributes), guessed != 0)))
    return spans


def _attributes(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple((str(name), str(value)) for name, value in json.loads(text))
    except (ValueError, TypeError):  # damaged
        return ()
