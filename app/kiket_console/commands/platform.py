"""Look at what the stand-in for the platform keeps; the engine has to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.group import CommandGroup
from kiket_console.commands.numbers import Number
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.platform_changes import COMMANDS, collection_argument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from kiket_console.client_platform import PlatformCalls
    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import PlatformCollection, PlatformState

_WIDTH = 120
_MARGIN = 2
"""Cells that stand for the cursor on screen."""


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog="""\b
Examples:
  kiket-console platform
  kiket-console platform rows contacts --find example.com
  kiket-console platform add contacts email=ada@example.com score=4
  kiket-console platform set contacts 3 name='Ada Lovelace' profile='{"vip": true}'
  kiket-console platform settings --rate-limit 5
  kiket-console platform fail 'GET custom_data/* 503 3x 2s'""",
)
@directory_option
@json_option
@click.pass_context
def platform(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """Show and change what the platform keeps: tables, forms, notifications, settings."""
    if context.invoked_subcommand is None:
        show(context, directory, as_json=as_json)


@platform.command()
@directory_option
@json_option
@click.pass_context
def collections(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """List the collections and how many rows each has, then the settings."""
    show(context, directory, as_json=as_json)


@platform.command()
@collection_argument
@click.option("--limit", default=50, type=Number(1, 100_000), help="The newest so many.")
@click.option("--find", default="", metavar="TEXT", help="Those that have TEXT somewhere.")
@click.option(
    "--columns", is_flag=True, help="Say instead what a row can be given, and what it has to be."
)
@directory_option
@json_option
@click.pass_context
def rows(
    context: click.Context,
    collection: str,
    limit: int,
    find: str,
    columns: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Print the newest rows of COLLECTION; what stands behind its name's last dot will do."""
    from kiket_console.commands.documents import document
    from kiket_console.commands.platform_changes import ask, named

    async def read(calls: PlatformCalls) -> tuple[PlatformCollection, list[dict[str, Any]]]:
        found = await named(calls, collection)
        return found, [] if columns else await _newest(calls, found.name, limit, find)

    found, read_rows = ask(paths_of(context, directory), read)
    if columns:
        _print_columns(found, as_json=as_json)
        return
    if as_json:
        for row in read_rows:
            click.echo(document(collection=found.name, row=row))
        return
    if not read_rows:
        why = "matches" if find else "is there yet"
        click.echo(f"No row of {found.name} {why}.", err=True)
        if found.writable and not find:
            name = found.name.rpartition(".")[2]
            click.echo(
                f"  `kiket-console platform add {name} …` adds one; "
                f"`kiket-console platform rows {name} --columns` says what it takes.",
                err=True,
            )
        return
    from kiket_console.ui.paint.table import Table

    table = Table(read_rows, [each.name for each in found.columns])
    width = _terminal_width() + _MARGIN
    _print([table.header(width), *(table.line(row, width) for row in read_rows)])


def show(context: click.Context, directory: Path | None, *, as_json: bool) -> None:
    """Print the collections and the settings."""
    from kiket_console.commands.platform_changes import ask

    async def read(calls: PlatformCalls) -> PlatformState:
        return await calls.state()

    found = ask(paths_of(context, directory), read)
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(found)))
        return
    from kiket_console.ui.paint import platform as paint

    width = _terminal_width() + _MARGIN
    lines = [paint.header(width)]
    lines += [paint.collection_row(each, width) for each in found.collections]
    lines += [[], *paint.behaviour(found.settings, width), *paint.addresses(found, None, width)]
    _print(lines)


async def _newest(
    calls: PlatformCalls, collection: str, limit: int, find: str
) -> list[dict[str, Any]]:
    from kiket_console.wire import PLATFORM_ROWS_LIMIT

    found: list[dict[str, Any]] = []
    more = True
    while more and len(found) < limit:
        after = found[-1]["id"] if found else ""
        wanted = min(PLATFORM_ROWS_LIMIT, limit - len(found))
        page = await calls.rows(collection, limit=wanted, after=after, find=find)
        found += page.rows
        more = page.more and bool(page.rows)
    return found


def _print_columns(collection: PlatformCollection, *, as_json: bool) -> None:
    """Print what a row can be given: one column a line, or one document."""
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        given = [each for each in collection.columns if not each.managed]
        click.echo(document(collection=collection.name, columns=msgspec.to_builtins(given)))
        return
    from kiket_console.ui.paint.platform import columns_lines

    _print(columns_lines(collection, _terminal_width() + _MARGIN))


def _print(lines: Sequence[Line]) -> None:
    """Print lines as they stand on screen, without the margin of the cursor."""
    for line in lines:
        click.echo("".join(text for text, _ in line).rstrip()[_MARGIN:])


def _terminal_width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size((_WIDTH, 24)).columns


for command in COMMANDS:
    platform.add_command(command)
