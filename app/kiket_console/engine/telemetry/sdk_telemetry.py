"""What the SDK posts of each handler that has ended, in the form of any of its releases.

See "Kiket and Kindo specification" §3.9. The first releases post the timestamp as Unix seconds and
an error's `message` within `metadata`; later ones the timestamp in ISO 8601, with `error_message`
and `error_class` beside the metadata, or within.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.engine.telemetry.otel_span import AHEAD_US, NAME, VALUE, cut
from kiket_console.telemetry.nouns import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND: Final = "handler"
"""Of the spans that are made of it."""
METADATA: Final = 32
"""Members of the metadata that are kept."""
LONGEST_US: Final = 86_400 * 1_000_000
"""A handler that says it took longer than a day says nothing."""
_EVENT: Final = 200
_OLDEST_S: Final = 946_684_800.0  # the year 2000: an earlier moment is no moment of a handler
_STATUSES: Final = frozenset({"ok", "error"})


class Handled(Struct, frozen=True):
    """How a handler ended: its span, of no worker, trace and exchange yet, and whose it was."""

    span: Span
    event: str
    version: str
    extension_id: str


def handled(fields: Mapping[str, Any], now_us: int) -> Handled | None:
    """Return what was posted, None where it says not which event or how long it took.

    *now_us* (Unix µs) stands in for a timestamp that is none.
    """
    event, took_ms = fields.get("event"), _finite(fields.get("duration_ms"))
    if not isinstance(event, str) or not event.strip() or took_ms is None:
        return None
    took_us = round(took_ms * 1000)
    if not 0 <= took_us <= LONGEST_US:
        return None
    ended_us = _moment_us(fields.get("timestamp"), now_us)
    version = _text(fields.get("version"))
    metadata = fields.get("metadata")
    more = dict(metadata) if isinstance(metadata, dict) else {}
    told, kind = _error(fields, more)
    status = fields.get("status")
    extension_id = _text(fields.get("extension_id"))
    attributes = [
        ("error.message", told),
        ("extension_id", extension_id),
        ("extension_version", _text(fields.get("extension_version"))),
        *((cut(str(name), NAME), _text(more[name])) for name in list(more)[:METADATA]),
    ]
    return Handled(
        Span(
            id=0,
            trace_id="",
            span_id="",
            parent_span_id="",
            exchange_id=None,
            worker="",
            kind=KIND,
            name=cut(f"{event}@{version}" if version else event, _EVENT),
            started_us=ended_us - took_us,
            duration_us=took_us,
            status=status if isinstance(status, str) and status in _STATUSES else "",
            message=kind or told,
            attributes=tuple(pair for pair in attributes if pair[1]),
        ),
        event,
        version,
        extension_id,
    )


def _error(fields: Mapping[str, Any], metadata: dict[str, Any]) -> tuple[str, str]:
    """Return an error's text and its class, and take both out of *metadata*."""
    kept = [metadata.pop(name, None) for name in ("error_message", "message", "error_class")]
    told = _text(fields.get("error_message")) or _text(kept[0]) or _text(kept[1])
    return told, _text(fields.get("error_class")) or _text(kept[2])


def _moment_us(said: Any, now_us: int) -> int:
    """Return when a record was made (Unix µs); *now_us* where it says no moment that can be."""
    seconds = _finite(said)
    if seconds is None and isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said.strip())
            seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        except (ValueError, OverflowError):
            return now_us
    if seconds is None or not _OLDEST_S < seconds < (now_us + AHEAD_US) / 1_000_000:
        return now_us
    return round(seconds * 1_000_000)


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return cut(value or "", VALUE)
    try:
        return cut(json.dumps(value, ensure_ascii=False), VALUE)
    except RecursionError:  # it is nested nearly as deep as what reads it allows
        return "…"
