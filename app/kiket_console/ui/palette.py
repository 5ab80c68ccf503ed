"""The palette: every command of the registry by its name, with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.screens.chooser import Choice, Chooser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.ui.actions import Command, Registry, Scope


def palette_dialog(
    registry: Registry, place: Scope, recent: Sequence[str] = ()
) -> Chooser[Command]:
    """Return the dialog to find a command that can be run in *place*, the *recent* ones first."""
    order = {id_: position for position, id_ in enumerate(recent)}
    commands = sorted(
        registry.runnable(place), key=lambda command: order.get(command.id, len(order))
    )
    choices = [
        Choice(
            command.label + (" …" if command.needs_argument else ""),
            command.help,
            registry.key(command.id),
            command,
        )
        for command in commands
    ]
    return Chooser("Commands", choices, verb="run", empty="No command has this name.")
