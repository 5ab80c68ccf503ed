"""Where `esc` leads from the details of an exchange: back to the row that a person came from."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Stop(Struct, frozen=True):
    """A row in the details of an exchange."""

    exchange_id: int
    tab: str
    """One of `screens.exchange_details.TABS`."""
    at: str = ""
    """What the row is called (`LineSource.name`); empty: where the tab begins."""
    attempt: int = 0
    """Which attempt's answer is shown; 0 for the last."""


Back: TypeAlias = "Stop | str"
"""A stop, or the name of another place."""
