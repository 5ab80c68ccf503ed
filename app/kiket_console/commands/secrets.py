"""Keep secrets, and hand new values to what runs; the engine has to run."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands.group import CommandGroup
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.secrets_asking import (
    ask,
    confirmed,
    known,
    name_argument,
    scope_option,
    where,
)
from kiket_console.commands.secrets_changes import CHANGES, delete, notes_of
from kiket_console.commands.secrets_files import FILES
from kiket_console.commands.secrets_platform import PLATFORM

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.wire_secrets import SecretEntry, SecretsState, SecretUse, VaultFacts


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  kiket-console secrets set DATABASE_URL
  pass show db | kiket-console secrets set DATABASE_URL
  kiket-console secrets rotate WEBHOOK_SECRET --generate hex:32
  kiket-console secrets undo WEBHOOK_SECRET
  kiket-console secrets import .env --remove
  kiket-console secrets push com.example.pager --url https://kiket.dev""",
)
def secrets() -> None:
    """Keep secrets in the OS keyring, and hand them to the workers that ask for them."""


@secrets.command("list")
@scope_option
@directory_option
@json_option
@click.pass_context
def list_names(
    context: click.Context, scope: str | None, directory: Path | None, as_json: bool
) -> None:
    """List the secrets that are kept or asked for, by whom, and who was given which; no values."""
    state = ask(paths_of(context, directory), _state)
    found = [each for each in state.entries if scope in (None, each.scope)]
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        for each in found:
            click.echo(document(**msgspec.to_builtins(each)))
        return
    _tell_vault(state.vault)
    if not found:
        click.echo("No secret is kept, and none is asked for.", err=True)
    for line in lines(found, time.time()):
        click.echo(line)


@secrets.command()
@name_argument
@scope_option
@click.option("-y", "--yes", is_flag=True, help="Show it on a terminal without asking.")
@directory_option
@json_option
@click.pass_context
def get(
    context: click.Context,
    name: str,
    scope: str | None,
    yes: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Print a secret's value: as it is into a pipe or file, and on a terminal once you agree."""
    from kiket_console.errors import ExitCode

    paths = paths_of(context, directory)
    to_terminal = sys.stdout.isatty()
    if to_terminal and not confirmed(f"Show the value of {name} on this terminal?", yes=yes):
        return ExitCode.FAILURE

    async def read(calls: SecretCalls) -> str:
        return await calls.reveal(name, scope=scope or "")

    value = ask(paths, read)
    known({name: value})
    if as_json:
        from kiket_console.commands.documents import document

        click.echo(document(name=name, value=value))
    elif to_terminal:
        from kiket_console.text import visible

        shown = "\n".join(map(visible, value.split("\n")))
        click.echo(shown)
        if shown != value:
            click.echo("  Signs that nobody sees are shown by others; a pipe has them.", err=True)
    else:
        sys.stdout.buffer.write(value.encode())
        sys.stdout.flush()
    return ExitCode.OK


@secrets.command(
    epilog="""\b
Examples:
  kiket-console secrets vault
  kiket-console secrets vault --keyring"""
)
@click.option(
    "--keyring",
    "mode",
    flag_value="keyring",
    help="Look for the OS keyring again, and take what is kept in memory into it.",
)
@click.option(
    "--session", "mode", flag_value="session", help="Keep secrets in memory while the engine runs."
)
@directory_option
@json_option
@click.pass_context
def vault(context: click.Context, mode: str | None, directory: Path | None, as_json: bool) -> None:
    """Say where secrets are kept, or choose."""

    async def look(calls: SecretCalls) -> VaultFacts:
        return (await calls.state()).vault if mode is None else await calls.vault(mode)

    found = ask(paths_of(context, directory), look)
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(found)))
        return
    _tell_vault(found)
    if mode == "session":
        click.echo("  What a keyring has stays there, unseen until `--keyring`.", err=True)
    if found.moved:
        click.echo(f"  Taken into it: {', '.join(found.moved)}.", err=True)


for command in (*CHANGES, *FILES, *PLATFORM):
    secrets.add_command(command)
_former = click.Command(
    "remove", callback=delete.callback, params=delete.params, help=delete.help, hidden=True
)
secrets.add_command(_former)


async def _state(calls: SecretCalls) -> SecretsState:
    return await calls.state()


def _tell_vault(facts: VaultFacts) -> None:
    from kiket_console.text import visible

    locked = "; it is locked" if facts.locked else ""
    if facts.state == "looking":
        click.echo("The keyring is being looked for; what needs a value waits for it.", err=True)
    elif facts.state != "none":
        click.echo(f"Secrets are kept {where(facts)}{locked}.", err=True)
    if facts.problem:
        click.echo(visible(facts.problem), err=True)
    if facts.state == "none":
        click.echo(
            "  `kiket-console secrets vault --keyring` looks for a keyring again, --session keeps "
            "them in memory.",
            err=True,
        )


def lines(entries: list[SecretEntry], now_s: float) -> list[str]:
    """Return secrets as aligned lines: name, scope, age, and whose they are."""
    from kiket_console.text import age, cell_width, fit, visible

    width = max((cell_width(visible(each.name)) for each in entries), default=0)
    found = []
    for each in entries:
        sign = "●" if each.present else "✗"
        since = age(now_s - each.updated_us / 1_000_000) if each.updated_us else ""
        gone = "deleted" if each.previous_until_us else "missing"
        told = since if each.present else gone
        name, scope = fit(visible(each.name), width), each.scope or "-"
        found.append(f"{sign} {name}  {scope:<7}  {told:<8}  {_whose(each, now_s)}".rstrip())
        found += [f"    {note}" for note in notes_of(each)]
    return found


def _whose(entry: SecretEntry, now_s: float) -> str:
    from kiket_console.text import visible

    uses = {use.worker: use for use in entry.uses}
    named = [*entry.declared_by, *(name for name in uses if name not in entry.declared_by)]
    return ", ".join(f"{visible(name)}{_given(uses.get(name), now_s)}" for name in named)


def _given(use: SecretUse | None, now_s: float) -> str:
    from kiket_console.text import age

    return "" if use is None else f" ✓ {age(now_s - use.at_us / 1_000_000)} ago"
