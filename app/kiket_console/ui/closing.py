"""Screens that close, and work that ends when its screen may be gone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.screen import Screen

LOOK_EVERY_S = 0.1


def is_open(screen: Screen[Any]) -> bool:
    """Tell whether work that ends now has a screen to show it on.

    One that was left is attached for a moment still, while its widgets are taken away one by one;
    when the console ends, so are those of all screens, which stay where they are.
    """
    return screen.app.is_running and screen in screen.app.screen_stack


def close(screen: Screen[None]) -> None:
    """Dismiss *screen*, as soon as it is in front: dismissing takes away whatever is.

    A person may have a question or another place before them when the work ends.
    """
    if screen.is_active:
        screen.dismiss(None)
    elif is_open(screen):
        screen.set_timer(LOOK_EVERY_S, partial(close, screen))
