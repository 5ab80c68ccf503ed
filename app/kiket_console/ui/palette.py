"""The palette: every command of the registry by its name, with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.screens.chooser import Choice, Chooser

if TYPE_CHECKING:
    from kiket_console.ui.actions import Command, Registry, Scope


def palette_dialog(registry: Registry, place: Scope) -> Chooser[Command]:
    """Return the dialog to find a command that can be run in *place*."""
    choices = [
        Choice(command.label, command.help, registry.key(command.id), command)
        for command in registry.runnable(place)
    ]
    return Chooser("Commands", choices, verb="run", empty="No command has this name.")
