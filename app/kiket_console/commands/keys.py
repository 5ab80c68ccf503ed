"""List the commands of the screen, and the keys that a person has for them."""

from __future__ import annotations

import click

from kiket_console.commands.options import json_option


@click.command(
    epilog="""\b
Example:
  kiket-console config keys | grep replay"""
)
@json_option
def keys(as_json: bool) -> None:
    """List every command of the screen: its id, its keys, and what it does.

    A line `"ID" = "KEY, KEY"` in the table [keys] of your config.toml gives it others.
    """
    from kiket_console.paths import config_file
    from kiket_console.text import visible
    from kiket_console.ui import keymap
    from kiket_console.ui.command import shown_key
    from kiket_console.ui.registry import COMMANDS

    given = keymap.load(config_file())
    rows = []
    for command in COMMANDS:
        named = given.get(command.id, command.keys)
        rows.append((command, [each.strip() for each in named.split(",") if each.strip()]))
    if as_json:
        from kiket_console.commands.documents import document

        members = [
            {
                "id": command.id,
                "keys": names,
                "usual_keys": list(command.key_names),
                "names": list(command.all_names) if command.palette else [],
                "where": command.scope.value,
                "help": command.help,
            }
            for command, names in rows
        ]
        click.echo(document(keys=members))
        return
    for command, names in rows:
        shown = " ".join(shown_key(name) for name in names)
        mine = "*" if command.id in given else " "
        click.echo(f"{command.id:<24}{mine}{visible(shown):<18} {command.help}")
