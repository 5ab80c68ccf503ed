"""Which two exchanges a person means when they ask for the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Exchange
    from kiket_console.ui.app import ConsoleApp


def show_difference(console: ConsoleApp, chosen: Sequence[Exchange]) -> None:
    """Show how two selected exchanges differ, or one from what it is compared with by default."""
    from kiket_console.ui.screens.diff import DiffScreen

    if len(chosen) > 2:
        console.say(f"Select two exchanges to compare; {len(chosen):,} are selected.")
    elif chosen:
        before = min(chosen, key=lambda each: each.id).id if len(chosen) == 2 else None
        after = max(chosen, key=lambda each: each.id).id
        console.push_screen(DiffScreen(console, before, after))
