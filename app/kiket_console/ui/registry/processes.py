"""Commands of Processes."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope

COMMANDS = (
    Command("processes.restart", "r,ctrl+r", "restart", "restart",
            "Start the selected worker anew, or start it when it is stopped.",
            Scope.PROCESSES),
    Command("processes.stop", "K", "stop", "stop",
            "Stop the selected worker; requests to it are then refused.",
            Scope.PROCESSES),
)  # fmt: skip
