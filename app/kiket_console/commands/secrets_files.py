"""Take secrets out of a `.env` into the vault, and write them into one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.secrets_asking import (
    ask,
    confirmed,
    dry_run_option,
    keeping,
    known,
    only_option,
    scope_option,
    values,
    yes_option,
)
from kiket_console.errors import ExitCode
from kiket_console.wire_secrets import OF_EXTENSIONS, PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.dotenv_secrets import Row
    from kiket_console.env_file import EnvFile
    from kiket_console.wire import Rotation
    from kiket_console.wire_secrets import SecretsState


@click.command(
    "import",
    epilog="""\b
Examples:
  kiket-console secrets import
  kiket-console secrets import --only STRIPE_KEY --remove
  kiket-console secrets import ../old/.env --all --scope shared""",
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@only_option
@click.option("--all", "everything", is_flag=True, help="Take what looks like no secret, too.")
@click.option(
    "--remove", is_flag=True, help="Take the lines of what is kept out of FILE; comments stay."
)
@scope_option
@yes_option
@dry_run_option
@directory_option
@json_option
@click.pass_context
def import_file(
    context: click.Context,
    file: Path | None,
    only: tuple[str, ...],
    everything: bool,
    remove: bool,
    scope: str | None,
    yes: bool,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Take the secrets of FILE, the project's .env without it, into the vault.

    Those are taken that look like secrets, or that a worker asks for; you see which, and are asked
    before anything is kept.
    """
    from kiket_console import dotenv_secrets, env_file
    from kiket_console.commands import secrets_plan
    from kiket_console.dotenv_secrets import Comparison
    from kiket_console.errors import ConsoleError

    paths = paths_of(context, directory)
    path = paths.folder / env_file.FILE_NAME if file is None else file
    found = dotenv_secrets.read(path)
    if found is None:
        raise ConsoleError(
            f"There is no file {path}.", hint="Name another.", exit_code=ExitCode.CONFIG
        )
    known(found.variables)
    target = scope or PROJECT
    state, planned = ask(paths, lambda calls: _plan(calls, found, target))
    rows, picked = secrets_plan.chosen(planned, only, everything=everything)
    same = [row for row in rows if remove and row.comparison is Comparison.SAME]
    if not as_json:
        secrets_plan.tell(rows, picked)
    if dry_run or not (picked or same):
        if not picked and not as_json:
            click.echo("There is nothing to take.", err=True)
        return _done(path, rows, [], (), as_json=as_json, dry_run=dry_run)
    if picked and not confirmed(secrets_plan.question(picked, keeping(paths, state)), yes=yes):
        return ExitCode.FAILURE
    versions = {each.name: each.version for each in state.entries if each.scope == target}

    async def keep(calls: SecretCalls) -> list[Rotation]:
        return await secrets_plan.keep(calls, picked, target, lambda name: versions.get(name, 0))

    rotations = ask(paths, keep) if picked else []
    if rotations and not as_json:
        kept = secrets_plan.listing([each.name for each in rotations])
        click.echo(f"Kept: {kept}.", err=True)
    gone: tuple[str, ...] = ()
    if remove:
        gone = _taken_out(path, [*picked, *same], state, yes=yes)
    elif not as_json:
        click.echo(f"  {path} still has them; --remove takes them out of it.", err=True)
    return _done(path, rows, rotations, gone, as_json=as_json, dry_run=False)


def _taken_out(
    path: Path, rows: Sequence[Row], state: SecretsState, *, yes: bool
) -> tuple[str, ...]:
    """Take rows out of the file if a person agrees; return the names that are gone from it."""
    from kiket_console import dotenv_secrets
    from kiket_console.commands import secrets_plan

    declared = OF_EXTENSIONS | {each.name for each in state.entries if each.declared_by}
    names = [row.name for row in rows]
    if undeclared := [name for name in names if name not in declared]:
        listed = secrets_plan.listing(undeclared)
        click.echo(
            f"  No worker declares {listed}: without these lines none is given that.", err=True
        )
    if not confirmed(f"Take {secrets_plan.listing(names)} out of {path}?", yes=yes):
        return ()
    return dotenv_secrets.take_out(path, rows)


async def _plan(
    calls: SecretCalls, file: EnvFile, scope: str
) -> tuple[SecretsState, tuple[Row, ...]]:
    from kiket_console import dotenv_secrets

    state = await calls.state()
    wanted = {each.name for each in state.entries if each.declared_by}
    called = dotenv_secrets.names(file, wanted)
    kept = await values(calls, state, called.values(), scope)
    return state, dotenv_secrets.to_import(file, kept, wanted)


def _done(
    path: Path,
    rows: Sequence[Row],
    rotations: list[Rotation],
    gone: tuple[str, ...],
    *,
    as_json: bool,
    dry_run: bool,
) -> int:
    """Say what has been done; return the exit status."""
    from kiket_console.commands import outcome, secrets_plan

    if as_json:
        from kiket_console.commands.documents import document

        click.echo(
            document(
                file=str(path.absolute()),
                names=_said(rows),
                kept=[each.name for each in rotations],
                removed=list(gone),
                dry_run=dry_run,
            )
        )
    elif gone:
        click.echo(f"Taken out of {path}: {secrets_plan.listing(gone)}.", err=True)
    return outcome.exit_code(all(each.ok for each in rotations))


def _said(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows of a plan for other programs, without values."""
    return [
        {"name": row.name, "is": row.comparison, "reason": row.reason, "line": row.line}
        for row in rows
    ]


@click.command(
    "export",
    epilog="""\b
Examples:
  kiket-console secrets export .env
  kiket-console secrets export - --only DATABASE_URL""",
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@only_option
@scope_option
@yes_option
@dry_run_option
@directory_option
@json_option
@click.pass_context
def export_file(
    context: click.Context,
    file: Path,
    only: tuple[str, ...],
    scope: str | None,
    yes: bool,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Write secrets into FILE, or as - to standard output, in the form of a .env.

    Other lines of FILE stay. It is readable by you alone, but it is a plain file: whatever you run
    can read it, and so can whoever gets a copy of the folder.
    """
    from kiket_console import dotenv_secrets
    from kiket_console.commands import secrets_plan

    paths = paths_of(context, directory)
    to_stdout = str(file) == "-"
    found = None if to_stdout else dotenv_secrets.read(file)

    async def read(calls: SecretCalls) -> dict[str, str]:
        state = await calls.state()
        return await values(calls, state, (each.name for each in state.entries), scope or "")

    planned = dotenv_secrets.to_export(ask(paths, read), found)
    rows, picked = secrets_plan.chosen(planned, only, everything=True)
    if not as_json:
        secrets_plan.tell(rows, picked)
    if dry_run or not picked:
        if not picked and not as_json:
            click.echo("There is nothing to write.", err=True)
        return _written(file, rows, [], as_json=as_json, dry_run=dry_run)
    if to_stdout:
        if sys.stdout.isatty() and not confirmed(
            secrets_plan.question(picked, "Show the values of {} on this terminal"), yes=yes
        ):
            return ExitCode.FAILURE
        click.echo(
            dotenv_secrets.with_values("", {row.in_file: row.value for row in picked}), nl=False
        )
        return ExitCode.OK
    for row in picked:
        if row.is_filled_in:
            click.echo(
                f"  {row.name} has ${{…}}, which some readers of the file fill in.", err=True
            )
    if dotenv_secrets.seen_by_git(file):
        click.echo(f"  Git does not ignore {file}: it would be committed.", err=True)
    asked = secrets_plan.question(picked, f"Write {{}} into {file}, readable as they are")
    if not confirmed(asked, yes=yes):
        return ExitCode.FAILURE
    dotenv_secrets.export(file, picked)
    return _written(file, rows, picked, as_json=as_json, dry_run=False)


def _written(
    path: Path, rows: Sequence[Row], written: list[Row], *, as_json: bool, dry_run: bool
) -> int:
    if as_json:
        from kiket_console.commands.documents import document

        names = [row.name for row in written]
        click.echo(
            document(file=str(path.absolute()), names=_said(rows), written=names, dry_run=dry_run)
        )
    elif written:
        click.echo(f"{path.absolute()} is written: {len(written)} of {len(rows)}.", err=True)
    return ExitCode.OK


FILES = (import_file, export_file)
