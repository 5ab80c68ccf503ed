"""Commands of Logs."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope
from kiket_console.ui.registry import growing

COMMANDS = (
    *growing.commands(Scope.LOGS),
    Command("logs.cause", "c", "cause", "its exchange",
            "Go to the exchange that the selected line belongs to.",
            Scope.LOGS),
)  # fmt: skip
