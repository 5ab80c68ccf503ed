"""Which exchange another one is compared with when nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange

LOOKED_AT: Final = 20_000
"""So many exchanges back are looked at."""
_PAGE: Final = 500


class Pages(Protocol):
    """What reads exchanges by their ids."""

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        """Return those of *ids* that are there, in that order."""


def partner_of(exchange: Exchange, reader: Pages) -> int | None:
    """Return the id of the exchange to compare with: the one that this one repeats.

    Without one, the last before it of the same event and version; None when there is none either
    among the `LOOKED_AT` before it.
    """
    if exchange.replay_of is not None and reader.page([exchange.replay_of]):
        return exchange.replay_of
    wanted = _alike(exchange)
    lowest = max(0, exchange.id - LOOKED_AT)
    for high in range(exchange.id, lowest, -_PAGE):
        for each in reader.page(range(high - 1, max(lowest, high - _PAGE - 1), -1)):
            if _alike(each) == wanted:
                return each.id
    return None


def _alike(exchange: Exchange) -> tuple[object, ...]:
    return exchange.source, exchange.worker, exchange.name, exchange.version
