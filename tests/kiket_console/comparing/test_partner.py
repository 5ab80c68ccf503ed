"""Which exchange another one is compared with when nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from tests.kiket_console.exporting.conftest import EXCHANGE

from kiket_console.comparing import partner
from kiket_console.comparing.partner import partner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from kiket_console.model import Exchange


class Store:
    """Exchanges by their ids."""

    def __init__(self, *exchanges: Exchange) -> None:
        self._known = {each.id: each for each in exchanges}

    def page(self, ids: Sequence[int]) -> list[Exchange]:
        return [self._known[each] for each in ids if each in self._known]


def exchange(number: int, **more: object) -> Exchange:
    more = {"replay_of": None, **more}
    return msgspec.structs.replace(EXCHANGE, id=number, **more)


def test_it_is_the_one_that_is_repeated_while_that_is_there() -> None:
    repeated = exchange(9000, replay_of=3)
    assert partner_of(repeated, Store(exchange(3), exchange(8999), repeated)) == 3
    assert partner_of(repeated, Store(exchange(8999), repeated)) == 8999


def test_it_is_the_last_one_before_of_the_same_event_version_and_worker() -> None:
    others = [
        exchange(1),
        exchange(1001, version="v9"),
        exchange(1002, name="other"),
        exchange(1003, worker="other"),
        exchange(1010),
    ]
    assert partner_of(exchange(1005), Store(*others)) == 1


def test_only_so_many_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partner, "LOOKED_AT", 600)
    assert partner_of(exchange(1005), Store(exchange(404))) is None
    assert partner_of(exchange(1005), Store(exchange(406))) == 406
    assert partner_of(exchange(1), Store()) is None
