"""What belongs together with one exchange, as it was recorded; frozen, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from kiket_console.model import Attempt, Exchange, LogLine
    from kiket_console.telemetry.nouns import Span

MOST: Final = 10_000
"""So many exchanges are read at most; as many spans, and as many log lines."""


class Call(Struct, frozen=True):
    """An exchange, and where it stands in its trace."""

    exchange: Exchange
    span_id: str
    """16 hex digits that the code which handled it was told to go on with; may be empty."""
    caller_span_id: str
    """Those of the span that it says it was made in (`traceparent`); empty where it says none."""
    tried_us: int
    """When its last attempt began; 0 before any."""


class Kin(Struct, frozen=True):
    """An exchange with what caused it and what it caused, in the order of their numbers."""

    asked: int
    """The number of the exchange that was asked for."""
    root: int
    """That of what caused it, or caused that, as far up as is recorded; else its own."""
    calls: tuple[Call, ...]
    attempts: tuple[Attempt, ...]
    """Of what was tried more than once, or in vain; without answers."""
    spans: tuple[Span, ...]
    logs: tuple[LogLine, ...]
    """Their texts may be cut."""
    more: bool = False
    """Whether there are more of any than were read."""
    strangers: int = 0
    """How many exchanges of the same trace, without a link to these, were left out."""
