"""What a widget lets a person jump to: itself, or parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Spot(Struct, frozen=True):
    """Where a letter begins, counted in cells from the widget's own corner, and where it leads.

    It takes three cells where there is room, so it stands in front of what it leads to.
    """

    x: int
    y: int
    go: Callable[[], object]
    rank: int = 0
    """What leads from pane to pane or field to field comes first: 0; then tabs: 1; links: 2."""
    key: str = ""
    """The letter to press, where a person knows one already; else the next that is free."""


@runtime_checkable
class Jumpable(Protocol):
    """A widget with parts that can be jumped to; any other that can have the focus is one spot."""

    def spots(self) -> Iterable[Spot]:
        """Return what of it is in sight."""
