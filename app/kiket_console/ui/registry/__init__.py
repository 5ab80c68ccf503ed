"""The one table of commands; keys, palette, `:` line, footer and help are all made from it."""

from __future__ import annotations

from kiket_console.ui.registry import (
    dialogs,
    diff,
    everywhere,
    logs,
    panes,
    processes,
    sending,
    traffic,
)

COMMANDS = (
    *traffic.COMMANDS,
    *processes.COMMANDS,
    *logs.COMMANDS,
    *diff.COMMANDS,
    *everywhere.COMMANDS,
    *panes.COMMANDS,
    *sending.COMMANDS,
    *dialogs.COMMANDS,
)
