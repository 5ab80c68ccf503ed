"""Screens that close by themselves when what they were for is done, not at a key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.screen import Screen

LOOK_EVERY_S = 0.1


def close(screen: Screen[None]) -> None:
    """Dismiss *screen*, as soon as it is in front: dismissing takes away whatever is.

    A person may have a question or another place before them when the work ends.
    """
    if screen.is_active:
        screen.dismiss(None)
    elif screen.is_attached:
        screen.set_timer(LOOK_EVERY_S, partial(close, screen))
