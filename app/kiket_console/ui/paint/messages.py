"""A module's message as a row of the traffic list.

ipc →    billing  service_request          ok        1.1 ms    310 b  stdio
ipc ←    billing  GET /invoices            200       4.0 ms    190 b  http
ipc →    search   stray output             invalid ✗                  stdio

The arrow is the developer's: `→` goes out from their code, `←` comes to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.ipc import Direction, Kind
from kiket_console.model import Source
from kiket_console.text import visible

if TYPE_CHECKING:
    from kiket_console.model import Exchange

_ARROWS: Final = {Direction.OUT.value: "→", Direction.IN.value: "←"}
_MODULE: Final = 12
"""A module's longer name is cut, so that its message is seen too."""
_ROOMY: Final = 24
"""In a narrower column one blank parts a module's name from its message."""
_BOTH: Final = 40
"""In a narrower column, less its modules' names, a request stands in its op's place."""
_ENDINGS: Final = {
    Kind.NOTIFICATION.value: ("notify", "muted"),
    Kind.INVALID.value: ("invalid ✗", "error"),
}


def source(exchange: Exchange) -> str:
    """Return where an exchange was seen; of a module's message also which way it went."""
    arrow = _ARROWS.get(exchange.direction) if exchange.source is Source.IPC else None
    return f"{exchange.source.value} {arrow}" if arrow else exchange.source.value


def name(exchange: Exchange, column: int, *, with_module: bool) -> str:
    """Return what a row calls an exchange; *with_module*: whose message it is.

    What HTTP a message carries, or where to, stands behind its op; HTTP stands alone where the
    column, so many cells wide, has no room for both. That depends on no row, so that they are like.
    """
    op = visible(exchange.name)
    if exchange.source is not Source.IPC:
        return op
    gap = "  " if column >= _ROOMY else " "
    whose = _module(exchange) + gap if with_module and exchange.worker else ""
    what = " ".join(visible(each) for each in (exchange.method, exchange.path) if each)
    least = _BOTH + (_MODULE + len(gap) if with_module else 0)
    if exchange.method and column < least:
        return f"{whose}{what}"
    return f"{whose}{op} {what}".rstrip()


def ending(exchange: Exchange) -> tuple[str, str] | None:
    """Return the word for a message that waits for nothing, and its role; None for any other."""
    return _ENDINGS.get(exchange.kind)


def _module(exchange: Exchange) -> str:
    name = visible(exchange.worker)
    return name if len(name) <= _MODULE else name[: _MODULE - 1] + "…"
