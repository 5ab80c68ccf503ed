"""The one table of commands; keys, palette, `:` line, footer and help are all made from it."""

from __future__ import annotations

from kiket_console.ui.registry import (
    dialogs,
    diff,
    everywhere,
    logs,
    metrics,
    panes,
    platform,
    processes,
    producer,
    secrets,
    sending,
    traffic,
)

COMMANDS = (
    *traffic.COMMANDS,
    *processes.COMMANDS,
    *logs.COMMANDS,
    *metrics.COMMANDS,
    *secrets.COMMANDS,
    *producer.COMMANDS,
    *platform.COMMANDS,
    *diff.COMMANDS,
    *everywhere.COMMANDS,
    *panes.COMMANDS,
    *sending.COMMANDS,
    *dialogs.COMMANDS,
)


def usual_key(id_: str) -> str:
    """Return the key that a command has as it comes, as a person reads it."""
    return next(command.key for command in COMMANDS if command.id == id_)
