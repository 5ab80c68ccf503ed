"""Commands that have commands: how they are listed in `--help`."""

from __future__ import annotations

import click

_LONGEST = 1000
"""Characters after which a command's first sentence would be cut; none has so many."""


class CommandGroup(click.Group):
    """A group whose help has the first sentence of each command, on as many lines as it needs."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands below each other."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, command.get_short_help_str(_LONGEST))
            for name, command in found
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
