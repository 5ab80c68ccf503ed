"""Filters on the command line: `--filter`, and what to say when one cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.filters import Filter

filter_option = click.option(
    "--filter",
    "filter_text",
    metavar="TEXT",
    shell_complete=completing.saved_filters,
    help="Those that match a filter, as 'event:issue.* status:>=500' or @NAME.",
)


def filter_of(text: str, folder: Path) -> Filter:
    """Return the filter that *text* is for the project in *folder*.

    Says on stderr how it was read where that may surprise. Raises `FilterError`, when it has shown
    the place, or `ConsoleError` for saved filters that cannot be read.
    """
    from kiket_console import filters, saved_filters
    from kiket_console.text import cell_width, visible

    saved = saved_filters.load(folder) if "@" in text else None
    try:
        found = filters.parse(text, saved=saved)
    except filters.FilterError as error:
        before, rest = text[: error.column], text[error.column :]
        room = 60
        shown = visible(before[-room:])
        click.echo(f"  {shown}{visible(rest[:room])}", err=True)
        pointer = "^" * max(1, min(error.length, len(rest[:room])))
        click.echo(f"  {' ' * cell_width(shown)}{pointer}", err=True)
        raise
    if found.reading:
        click.echo(f"Read as: {visible(found.reading)}", err=True)
    return found
