"""Keep secrets, and hand new values to what runs; the engine has to run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.group import CommandGroup
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.wire import ROTATION_LIMIT_S, ROTATION_WAIT_S

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem

    from kiket_console.wire import Rotation, SecretName

_VALUE_BYTES = 64 * 1024
"""What the vault takes of one value."""


def _names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    return completing.secret_names(context, incomplete)


name_argument = click.argument("name", metavar="NAME", shell_complete=_names)


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  kiket-console secrets set DATABASE_URL
  pass show db | kiket-console secrets set DATABASE_URL
  kiket-console secrets rotate API_KEY --timeout 10
  kiket-console secrets rotate API_KEY --same""",
)
def secrets() -> None:
    """List, set, remove and rotate secrets; values are never shown."""


@secrets.command("list")
@directory_option
@json_option
@click.pass_context
def list_names(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """List the secrets that are kept or asked for, and by whom."""
    from kiket_console.client import Client, call
    from kiket_console.text import fit, visible

    paths = paths_of(context, directory)

    async def ask() -> tuple[SecretName, ...]:
        async with Client(paths) as client:
            return await client.secrets()

    found = call(ask())
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        for each in found:
            click.echo(document(**msgspec.to_builtins(each)))
        return
    if not found:
        click.echo("No secret is kept, and none is asked for.", err=True)
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        sign = "●" if each.present else "✗"
        told = "has a value" if each.present else "has no value"
        whose = f"  {', '.join(visible(one) for one in each.declared_by)}"
        click.echo(f"{sign} {fit(visible(each.name), width)}  {told:<12}{whose}".rstrip())


@secrets.command("set")
@name_argument
@directory_option
@json_option
@click.pass_context
def set_value(context: click.Context, name: str, directory: Path | None, as_json: bool) -> None:
    """Keep a value, asked for or read from standard input.

    Modules that run are handed it, extensions are started anew.
    """
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)
    value = _value(name)

    async def keep() -> None:
        async with Client(paths) as client:
            await client.set_secret(name, value)

    call(keep())
    _told(name, f"{name} is kept.", as_json=as_json, present=True)


@secrets.command()
@name_argument
@directory_option
@json_option
@click.pass_context
def remove(context: click.Context, name: str, directory: Path | None, as_json: bool) -> None:
    """Forget a secret's value."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def forget() -> None:
        async with Client(paths) as client:
            await client.delete_secret(name)

    call(forget())
    _told(name, f"{name} is forgotten.", as_json=as_json, present=False)


@secrets.command()
@name_argument
@click.option("--same", is_flag=True, help="Hand the value that is kept out again.")
@click.option(
    "--timeout",
    "timeout_s",
    default=ROTATION_WAIT_S,
    show_default=True,
    type=click.FloatRange(0, ROTATION_LIMIT_S, min_open=True),
    help="How many seconds a module has to confirm it.",
)
@directory_option
@json_option
@click.pass_context
def rotate(
    context: click.Context,
    name: str,
    same: bool,
    timeout_s: float,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Give a secret a new value, and say what each module that has the old one made of it.

    The value is asked for, or read from standard input.
    """
    from kiket_console.client import Client, call
    from kiket_console.commands import outcome

    paths = paths_of(context, directory)
    value = None if same else _value(name)

    async def hand_over() -> Rotation:
        async with Client(paths) as client:
            return await client.modules.rotate(name, value, timeout_s)

    rotation = call(hand_over())
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(rotation)))
    else:
        _tell(rotation)
    return outcome.exit_code(rotation.ok)


def _told(name: str, sentence: str, *, as_json: bool, present: bool) -> None:
    if as_json:
        from kiket_console.commands.documents import document

        click.echo(document(name=name, present=present))
    else:
        click.echo(sentence, err=True)


def _tell(rotation: Rotation) -> None:
    from kiket_console.text import duration, visible

    width = max((len(ack.module) for ack in rotation.acks), default=0)
    for ack in rotation.acks:
        sign = "●" if ack.status == "success" else "✗"
        took = "" if ack.duration_us is None else f"  {duration(ack.duration_us)}"
        said = f"  {visible(ack.message)}" if ack.message else ""
        click.echo(f"{sign} {visible(ack.module):<{width}}  {visible(ack.status)}{took}{said}")
    for name in rotation.restarted:
        click.echo(f"↻ {visible(name)}  is started anew with it")
    if not rotation.acks and not rotation.restarted:
        click.echo(f"{rotation.name} is kept; nothing that runs has asked for it.", err=True)


def _value(name: str) -> str:
    """Return a value that a person types unseen, or that comes on standard input."""
    from kiket_console.errors import ConsoleError, ExitCode

    if sys.stdin.isatty():
        typed: str = click.prompt(f"Value of {name}", hide_input=True, err=True)
        return typed
    raw = sys.stdin.buffer.read(_VALUE_BYTES + 2)
    try:
        value = raw.decode()
    except UnicodeDecodeError as error:
        raise ConsoleError(
            "The value on standard input is not UTF-8.", exit_code=ExitCode.USAGE
        ) from error
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ConsoleError(
            "No value came on standard input.",
            hint="Pipe it in, or run the command in a terminal to be asked for it.",
            exit_code=ExitCode.USAGE,
        )
    return value
