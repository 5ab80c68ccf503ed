"""Change what the stand-in for the platform keeps, and how it behaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import Number
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from kiket_console.client_platform import PlatformCalls
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import PlatformCollection, PlatformSettings

T = TypeVar("T")
MOST_BYTES = 5 << 20
"""So much is read from standard input."""
VALUES = "[NAME=VALUE | JSON | -]..."

collection_argument = click.argument(
    "collection", metavar="COLLECTION", shell_complete=completing.collections
)
row_argument = click.argument("row_id", metavar="ID")
values_argument = click.argument("values", nargs=-1, required=True, metavar=VALUES)


@click.command()
@collection_argument
@values_argument
@directory_option
@json_option
@click.pass_context
def add(
    context: click.Context,
    collection: str,
    values: Sequence[str],
    directory: Path | None,
    as_json: bool,
) -> None:
    """Add a row to COLLECTION.

    Its values are words NAME=VALUE, where VALUE is JSON or a text, or JSON objects; a - reads one
    from standard input.
    """
    row = row_of(values)

    async def change(calls: PlatformCalls) -> tuple[str, dict[str, Any]]:
        found = await named(calls, collection)
        return found.name, await calls.add(found.name, row)

    _tell(*ask(paths_of(context, directory), change), "Added", as_json=as_json)


@click.command("set")
@collection_argument
@row_argument
@values_argument
@directory_option
@json_option
@click.pass_context
def set_(
    context: click.Context,
    collection: str,
    row_id: str,
    values: Sequence[str],
    directory: Path | None,
    as_json: bool,
) -> None:
    """Change values of the row ID of COLLECTION; the others stay.

    They are written as for `add`.
    """
    changes = row_of(values)

    async def change(calls: PlatformCalls) -> tuple[str, dict[str, Any]]:
        found = await named(calls, collection)
        return found.name, await calls.change(found.name, row_id, changes)

    _tell(*ask(paths_of(context, directory), change), "Changed", as_json=as_json)


@click.command()
@collection_argument
@row_argument
@directory_option
@json_option
@click.pass_context
def remove(
    context: click.Context, collection: str, row_id: str, directory: Path | None, as_json: bool
) -> None:
    """Remove the row ID of COLLECTION; `restore` brings it back."""

    async def change(calls: PlatformCalls) -> tuple[str, dict[str, Any]]:
        found = await named(calls, collection)
        row = await calls.row(found.name, row_id)
        await calls.remove(found.name, row_id)
        return found.name, row

    _tell(*ask(paths_of(context, directory), change), "Removed", as_json=as_json)


@click.command()
@collection_argument
@row_argument
@directory_option
@json_option
@click.pass_context
def restore(
    context: click.Context, collection: str, row_id: str, directory: Path | None, as_json: bool
) -> None:
    """Bring the removed row ID of COLLECTION back."""

    async def change(calls: PlatformCalls) -> tuple[str, dict[str, Any]]:
        found = await named(calls, collection)
        return found.name, await calls.restore(found.name, row_id)

    _tell(*ask(paths_of(context, directory), change), "Restored", as_json=as_json)


@click.command()
@click.option(
    "--rate-limit",
    type=Number(0, 1_000_000),
    metavar="N",
    help="Calls that each extension has in a minute; 0 for no limit.",
)
@click.option(
    "--scopes",
    metavar="A,B",
    help="What the token of a delivery allows, comma-separated; * for everything.",
)
@click.option(
    "--open-tables/--no-open-tables",
    default=None,
    help="Take custom data of any table, without a check; or of the modules' schemas alone.",
)
@directory_option
@json_option
@click.pass_context
def settings(
    context: click.Context,
    rate_limit: int | None,
    scopes: str | None,
    open_tables: bool | None,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Show how the platform behaves, or change it."""

    async def change(calls: PlatformCalls) -> PlatformSettings:
        if rate_limit is None and scopes is None and open_tables is None:
            return (await calls.state()).settings
        granted = None if scopes is None else [*filter(None, map(str.strip, scopes.split(",")))]
        return await calls.set(
            rate_limit_per_minute=rate_limit, granted_scopes=granted, open_tables=open_tables
        )

    _tell_settings(ask(paths_of(context, directory), change), as_json=as_json)


@click.command(
    epilog="""\b
Examples:
  kiket-console platform fail 'POST extensions/notifications'
  kiket-console platform fail 'GET custom_data/* 429 3x'
  kiket-console platform fail '* * 0 2s'
  kiket-console platform fail --none"""
)
@click.argument("calls", nargs=-1, metavar="[CALLS [STATUS] [COUNT] [DELAY]]")
@click.option("--none", "nothing", is_flag=True, help="Answer all calls as usual again.")
@directory_option
@json_option
@click.pass_context
def fail(
    context: click.Context,
    calls: Sequence[str],
    nothing: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Let some calls fail, or take longer.

    They are named by a method and a path as in the list of traffic, each part of which may be *;
    503 without a STATUS, and 0 is the usual answer; until `--none` without a COUNT, as 3x.
    """
    from kiket_console import forced_failures

    if nothing == bool(calls):
        raise click.UsageError("Name calls, or write --none.", context)
    failure = None if nothing else forced_failures.read(" ".join(calls))

    async def change(asked: PlatformCalls) -> PlatformSettings:
        now = (await asked.state()).settings.failures
        wanted = () if failure is None else forced_failures.added(now, failure)
        return await asked.set(failures=wanted)

    _tell_settings(ask(paths_of(context, directory), change), as_json=as_json)


COMMANDS = (add, set_, remove, restore, settings, fail)


def ask(paths: ProjectPaths, request: Callable[[PlatformCalls], Awaitable[T]]) -> T:
    """Carry out a request to the engine's platform; raises `ConsoleError`."""
    from kiket_console.client import Client, call

    async def carry_out() -> T:
        async with Client(paths) as client:
            return await request(client.platform)

    return call(carry_out())


async def named(calls: PlatformCalls, name: str) -> PlatformCollection:
    """Return a collection by its name, or by what stands behind its last dot.

    Raises `ConsoleError` when there is none, or several.
    """
    from kiket_console.errors import ConsoleError, ExitCode

    known = (await calls.state()).collections
    found = [each for each in known if each.name == name] or [
        each for each in known if each.name.rpartition(".")[2] == name
    ]
    if len(found) == 1:
        return found[0]
    said = "There are several collections" if found else "There is no collection"
    hint = ", ".join(each.name for each in found or known)
    raise ConsoleError(f'{said} "{name}".', hint=f"Known: {hint}.", exit_code=ExitCode.USAGE)


def row_of(values: Sequence[str]) -> dict[str, Any]:
    """Return the members that the words of a command line say; raises `ConsoleError`."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.sending import payload

    row: dict[str, Any] = {}
    for word in values:
        name, equals, value = word.partition("=")
        if word == "-" or word.lstrip().startswith("{"):
            text = _from_stdin() if word == "-" else word
            if (fault := payload.fault(text)) is not None:
                raise ConsoleError(f"That is no JSON. {fault}", exit_code=ExitCode.USAGE)
            members = payload.parse(text)
            if not isinstance(members, dict):
                raise ConsoleError("A row is a JSON object.", exit_code=ExitCode.USAGE)
            row |= members
        elif equals and name:
            row[name] = _value(value)
        else:
            hint = "Write NAME=VALUE, or a JSON object."
            raise ConsoleError(f'"{word}" is no value.', hint=hint, exit_code=ExitCode.USAGE)
    return row


def _value(text: str) -> Any:
    """Return the JSON that a word is, or else the word."""
    from kiket_console.sending import payload

    try:
        return payload.parse(text)
    except (ValueError, RecursionError):
        return text


def _from_stdin() -> str:
    import sys

    from kiket_console.errors import ConsoleError, ExitCode

    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        limit = f"{MOST_BYTES >> 20} MiB"
        raise ConsoleError(f"A row has {limit} at most.", exit_code=ExitCode.USAGE)
    return raw.decode("utf-8", "replace")


def _tell(collection: str, row: dict[str, Any], did: str, *, as_json: bool) -> None:
    from kiket_console.commands.documents import document
    from kiket_console.text import visible

    if as_json:
        click.echo(document(collection=collection, row=row))
    else:
        click.echo(json.dumps(row, ensure_ascii=True))
        name = f"{visible(collection)} {visible(str(row.get('id', '')))}"
        click.echo(f"{did} {name.rstrip()}.", err=True)


def _tell_settings(found: PlatformSettings, *, as_json: bool) -> None:
    import msgspec

    from kiket_console.commands.documents import document

    if as_json:
        click.echo(document(**msgspec.to_builtins(found)))
        return
    from kiket_console.ui.paint.platform import behaviour

    for line in behaviour(found, 200):
        click.echo("".join(text for text, _ in line).rstrip()[2:])
