"""Choose in which order a list is: `o` and the letter of a column; `o` again reverses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from kiket_console.order import Column, Order
from kiket_console.ui.screens.menu import Item, Menu, Taken

if TYPE_CHECKING:
    from kiket_console.ui.screens.ordering import OrderingScreen

_KEYS: Final = {
    Column.TIME: "t", Column.DURATION: "d", Column.SIZE: "z", Column.STATUS: "s",
    Column.EVENT: "e", Column.WORKER: "w", Column.SOURCE: "c",
}  # fmt: skip
_REVERSE: Final = "o"


def ask_for_order(place: OrderingScreen[Any, Any]) -> None:
    """Let a person choose a column for the list of a *place*."""
    now = place.order

    def make(_: bool) -> list[Item]:
        reverse = Order(now.column, not now.is_reversed)
        items: list[Item] = []
        for column, key in _KEYS.items():
            chosen = now.chosen(column)
            is_now = column is now.column
            words = f"{now.words}; again: {chosen.words}" if is_now else chosen.words
            items.append(Item(key, column.value, "now" if is_now else "", words, chosen))
        return [*items, Item(_REVERSE, "reverse", "", reverse.words, reverse)]

    def take(taken: Taken | None) -> None:
        if taken is not None:
            place.use_order(cast("Order", taken.value))

    place.console.push_screen(Menu("Order by", make, verb="order", can_reveal=False), take)
