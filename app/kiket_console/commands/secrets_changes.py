"""Give secrets values, take them back, and say what each module makes of a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.secrets_asking import (
    TAKES_NO_VALUE,
    ask,
    check,
    name_argument,
    scope_option,
    typed_or_piped,
    where,
)
from kiket_console.wire import ROTATION_LIMIT_S, ROTATION_WAIT_S
from kiket_console.wire_secrets import FORMS, LEAST_BYTES, MOST_BYTES, PREVIOUS_S, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.wire import Rotation
    from kiket_console.wire_secrets import Generate, SecretEntry, SecretsState

_HOURS = PREVIOUS_S // 3600


def _forms(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [form for form in FORMS if form.startswith(incomplete)]


@click.command("set", context_settings=TAKES_NO_VALUE)
@name_argument
@scope_option
@directory_option
@json_option
@click.pass_context
def set_value(
    context: click.Context, name: str, scope: str | None, directory: Path | None, as_json: bool
) -> int:
    """Keep a value, asked for or read from standard input.

    It is this project's, unless --scope shared says that all your projects have it. Modules that
    run are handed it, extensions are started anew. The value before can be brought back for 24
    hours.
    """
    check(context, name)
    paths = paths_of(context, directory)
    value = typed_or_piped(name)

    async def keep(calls: SecretCalls) -> tuple[Rotation, SecretsState]:
        rotation = await calls.set(name, value, scope=scope or PROJECT)
        return rotation, await calls.state()

    rotation, state = ask(paths, keep)
    return _told(rotation, state, scope or PROJECT, as_json=as_json)


@click.command(
    context_settings=TAKES_NO_VALUE,
    epilog="""\b
Examples:
  kiket-console secrets rotate API_KEY --timeout 10
  kiket-console secrets rotate WEBHOOK_SECRET --generate hex:32
  kiket-console secrets rotate API_KEY --same""",
)
@name_argument
@click.option(
    "--generate",
    metavar="FORM[:SIZE]",
    shell_complete=_forms,
    help=f"Make a random value: {', '.join(FORMS)}; SIZE in bytes, 32 without it.",
)
@click.option("--same", is_flag=True, help="Hand the value that is kept out again.")
@click.option(
    "--timeout",
    "timeout_s",
    default=ROTATION_WAIT_S,
    show_default=True,
    type=click.FloatRange(0, ROTATION_LIMIT_S, min_open=True),
    help="How many seconds a module has to confirm it.",
)
@scope_option
@directory_option
@json_option
@click.pass_context
def rotate(
    context: click.Context,
    name: str,
    generate: str | None,
    same: bool,
    timeout_s: float,
    scope: str | None,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Give a secret a new value, and say what each module that has the old one made of it.

    The value is asked for, or read from standard input, unless --generate makes one; `get` shows
    it. `undo` takes the change back.
    """
    check(context, name)
    if same and generate is not None:
        raise click.UsageError("Write --generate or --same, not both.", context)
    made = None if generate is None else generated(generate)
    paths = paths_of(context, directory)
    value = None if same or made else typed_or_piped(name)

    async def hand_over(calls: SecretCalls) -> tuple[Rotation, SecretsState]:
        rotation = await calls.rotate(
            name, value, generate=made, scope=scope or "", timeout_s=timeout_s
        )
        return rotation, await calls.state()

    rotation, state = ask(paths, hand_over)
    return _told(rotation, state, scope or "", as_json=as_json)


@click.command()
@name_argument
@scope_option
@directory_option
@json_option
@click.pass_context
def delete(
    context: click.Context, name: str, scope: str | None, directory: Path | None, as_json: bool
) -> None:
    """Forget a secret's value; `undo` brings it back for 24 hours."""
    paths = paths_of(context, directory)

    async def forget(calls: SecretCalls) -> SecretEntry:
        return await calls.delete(name, scope=scope or "")

    entry = ask(paths, forget)
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(entry)))
        return
    click.echo(f"{name} is forgotten.", err=True)
    if entry.previous_until_us:
        click.echo(
            f"  `kiket-console secrets undo {name}` brings it back for {_HOURS} hours.", err=True
        )
    if entry.present:
        click.echo(f"  The {entry.scope} secret of this name is seen now.", err=True)


@click.command()
@name_argument
@scope_option
@directory_option
@json_option
@click.pass_context
def undo(
    context: click.Context, name: str, scope: str | None, directory: Path | None, as_json: bool
) -> int:
    """Bring back the value before the last change, or before the secret was deleted.

    It is handed to what runs, as by `set`; another `undo` takes that back in its turn.
    """
    paths = paths_of(context, directory)

    async def bring_back(calls: SecretCalls) -> tuple[Rotation, SecretsState]:
        rotation = await calls.restore(name, scope=scope or "")
        return rotation, await calls.state()

    rotation, state = ask(paths, bring_back)
    return _told(rotation, state, scope or "", as_json=as_json)


CHANGES = (set_value, rotate, delete, undo)


def generated(said: str) -> Generate:
    """Return what `FORM[:SIZE]` asks for; raises `ConsoleError`."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.wire_secrets import Generate

    form, colon, size = said.partition(":")
    given = int(size) if size.isascii() and size.isdecimal() else 0
    if form in FORMS and not (colon and form == "uuid"):
        if not colon:
            return Generate(form)
        if LEAST_BYTES <= given <= MOST_BYTES:
            return Generate(form, given)
    raise ConsoleError(
        f'No value can be made as "{said[:40]}".',
        hint=f"Write hex or base64url, with a size of {LEAST_BYTES} to {MOST_BYTES} bytes as in "
        "hex:32, or uuid.",
        exit_code=ExitCode.USAGE,
    )


def _told(rotation: Rotation, state: SecretsState, scope: str, *, as_json: bool) -> int:
    """Say what became of a new value; return the exit status."""
    from kiket_console.commands import outcome

    entry = next(
        (
            each
            for each in state.entries
            if each.name == rotation.name and each.present and scope in ("", each.scope)
        ),
        None,
    )
    notes = [] if entry is None else notes_of(entry)
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        whose = entry.scope if entry else scope
        click.echo(document(**msgspec.to_builtins(rotation), scope=whose, notes=notes))
        return outcome.exit_code(rotation.ok)
    tell_acks(rotation)
    whose = "for all your projects, " if entry and entry.scope != PROJECT else ""
    click.echo(f"{rotation.name} is kept {whose}{where(state.vault)}.", err=True)
    if not rotation.acks and not rotation.restarted:
        click.echo("  Nothing that runs has asked for it.", err=True)
    for note in notes:
        click.echo(f"  {note}", err=True)
    return outcome.exit_code(rotation.ok)


def notes_of(entry: SecretEntry) -> list[str]:
    """Return what a person should know of a secret that is kept, in sentences."""
    from kiket_console.text import visible
    from kiket_console.wire_secrets import SHORT_CHARACTERS

    notes = []
    if entry.short:
        notes.append(
            f"It has fewer than {SHORT_CHARACTERS} characters, too few to be cut out of logs and "
            "recorded bodies."
        )
    if entry.env_file:
        notes.append(
            "The project's .env gives a variable of this name to every worker, too; "
            "`kiket-console secrets import --remove` takes it out of there."
        )
    if entry.hides_shared:
        notes.append("It hides the shared secret of this name from this project.")
    environments = sorted({use.worker for use in entry.uses if use.how == "environment"})
    if environments:
        named = ", ".join(map(visible, environments))
        notes.append(f"{named} is given it by environment, which other programs of yours can read.")
    return notes


def tell_acks(rotation: Rotation) -> None:
    """Print what each module said to a new value, and what is started anew with it."""
    from kiket_console.text import duration, visible

    width = max((len(ack.module) for ack in rotation.acks), default=0)
    for ack in rotation.acks:
        sign = "●" if ack.status == "success" else "✗"
        took = "" if ack.duration_us is None else f"  {duration(ack.duration_us)}"
        said = f"  {visible(ack.message)}" if ack.message else ""
        click.echo(f"{sign} {visible(ack.module):<{width}}  {visible(ack.status)}{took}{said}")
    for name in rotation.restarted:
        if name in rotation.failed:
            click.echo(f"✗ {visible(name)}  does not serve with it yet; what served before goes on")
        else:
            click.echo(f"↻ {visible(name)}  is started anew with it")
