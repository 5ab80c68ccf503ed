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
from kiket_console.text import cell_width, visible

if TYPE_CHECKING:
    from kiket_console.model import Exchange

_ARROWS: Final = {Direction.OUT.value: "→", Direction.IN.value: "←"}
_MODULE: Final = 12
"""A module's longer name is cut, so that its message is seen too."""
_ROOMY: Final = 24
"""In less room one blank parts a module's name from its message."""
_ENDINGS: Final = {
    Kind.NOTIFICATION.value: ("notify", "muted"),
    Kind.INVALID.value: ("invalid ✗", "error"),
}


def source(exchange: Exchange) -> str:
    """Return where an exchange was seen; of a module's message also which way it went."""
    arrow = _ARROWS.get(exchange.direction) if exchange.source is Source.IPC else None
    return f"{exchange.source.value} {arrow}" if arrow else exchange.source.value


def name(exchange: Exchange, room: int, *, with_module: bool) -> str:
    """Return what a row calls an exchange in *room* cells; *with_module*: whose message it is.

    What HTTP a message carries, or where to, stands behind its op, or in its place.
    """
    op = visible(exchange.name)
    if exchange.source is not Source.IPC:
        return op
    gap = "  " if room >= _ROOMY else " "
    whose = _module(exchange) + gap if with_module and exchange.worker else ""
    what = " ".join(visible(each) for each in (exchange.method, exchange.path) if each)
    full = f"{whose}{op} {what}".rstrip()
    if not exchange.method or cell_width(full) <= room:
        return full
    return f"{whose}{what}"


def ending(exchange: Exchange) -> tuple[str, str] | None:
    """Return the word for a message that waits for nothing, and its role; None for any other."""
    return _ENDINGS.get(exchange.kind)


def _module(exchange: Exchange) -> str:
    name = visible(exchange.worker)
    return name if len(name) <= _MODULE else name[: _MODULE - 1] + "…"
