"""The palette: every command of the registry by its name, with its key."""

from __future__ import annotations

from kiket_console.ui.actions import Command, Scope, palette
from kiket_console.ui.screens.chooser import Choice, Chooser


def palette_dialog(place: Scope) -> Chooser[Command]:
    """Return the dialog to find a command that can be run in *place*."""
    choices = [
        Choice(command.label, command.help, command.key, command) for command in palette(place)
    ]
    return Chooser("Commands", choices, verb="run", empty="No command has this name.")
