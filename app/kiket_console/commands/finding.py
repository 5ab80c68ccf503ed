"""Filters on the command line: `--filter`, and what to say when one cannot be read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.filters.error import FilterError
from kiket_console.text import cell_width, visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.filters import Filter

ROOM: Final = 60
"""So many characters are shown on each side of a mistake."""

filter_option = click.option(
    "--filter",
    "filter_text",
    metavar="TEXT",
    shell_complete=completing.saved_filters,
    help="Those that match a filter, as 'event:issue.* status:>=500' or @NAME.",
)

chosen_argument = click.argument(
    "exchange_ids",
    metavar="[ID]...",
    nargs=-1,
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
)
"""Exchanges by number, for a command that takes `chosen_filter_option` too."""
chosen_filter_option = click.option(
    "--filter",
    "wanted",
    metavar="TEXT",
    shell_complete=completing.saved_filters,
    help="Those that a filter lets through, too.",
)


def filter_of(text: str, folder: Path) -> Filter:
    """Return the filter that *text* is for the project in *folder*.

    Says on stderr how it was read where that may surprise. Raises `FilterError`, when it has shown
    the place, or `ConsoleError` for saved filters that cannot be read.
    """
    from kiket_console import filters, saved_filters

    saved = saved_filters.load(folder) if "@" in text else None
    with pointing(text):
        found = filters.parse(text, saved=saved)
    if found.reading:
        click.echo(f"Read as: {visible(found.reading)}", err=True)
    return found


@contextmanager
def pointing(text: str) -> Iterator[None]:
    """Show on stderr where in *text* is what a `FilterError` is about, and let it go on."""
    try:
        yield
    except FilterError as error:
        before, rest = text[: error.column], text[error.column :][:ROOM]
        shown = visible(before[-ROOM:])
        click.echo(f"  {shown}{visible(rest)}", err=True)
        pointer = "^" * max(1, min(error.length, len(rest)))
        click.echo(f"  {' ' * cell_width(shown)}{pointer}", err=True)
        raise
