"""Take secrets to a Kiket platform and from it: those that it keeps for an extension."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, TypeVar

import click

from kiket_console.commands import completing
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.secrets_asking import (
    TOKEN,
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
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire_secrets import PROJECT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.dotenv_secrets import Row
    from kiket_console.paths import ProjectPaths
    from kiket_console.platform_secrets import PlatformSecrets
    from kiket_console.wire import Rotation
    from kiket_console.wire_secrets import SecretsState

T = TypeVar("T")

URL = "KIKET_BASE_URL"

_extension = click.argument(
    "extension", metavar="EXTENSION", shell_complete=completing.worker_names
)
_url_option = click.option(
    "--url", metavar="URL", envvar=URL, help=f"The platform's address; else ${URL} has it."
)
_all_option = click.option(
    "--all", "everything", is_flag=True, help="Take what the extension does not ask for, too."
)


@click.command(
    epilog=f"""\b
Examples:
  kiket-console secrets push com.example.pager --url https://kiket.dev --dry-run
  kiket-console secrets push com.example.pager --only PAGER_API_TOKEN

The workspace token is ${TOKEN}, or the secret of that name."""
)
@_extension
@_url_option
@only_option
@_all_option
@scope_option
@yes_option
@dry_run_option
@directory_option
@json_option
@click.pass_context
def push(
    context: click.Context,
    extension: str,
    url: str | None,
    only: tuple[str, ...],
    everything: bool,
    scope: str | None,
    yes: bool,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Give a Kiket platform the secrets that EXTENSION asks for, once you have seen which.

    A platform keeps secrets of an extension; one that it has by that name is replaced.
    """
    from kiket_console.commands import secrets_plan

    async def look(calls: SecretCalls, platform: PlatformSecrets) -> tuple[Row, ...]:
        state = await calls.state()
        asked_for = {each.name for each in state.entries if extension in each.declared_by}
        kept = await values(calls, state, (each.name for each in state.entries), scope or "")
        kept.pop(TOKEN, None)
        looked_at = {name: kept[name] for name in kept if not only or name in only}
        return _compared(kept, await _there(platform, looked_at), asked_for)

    paths = paths_of(context, directory)
    found = _between(paths, url, extension, look)
    rows, picked = secrets_plan.chosen(found, only, everything=everything)
    asked = f"Send {{}} to {url} for {extension}"
    if not _agreed(rows, picked, asked, yes=yes, dry_run=dry_run, as_json=as_json):
        return _done(rows, [], as_json=as_json, is_fine=dry_run or not picked)
    done: list[str] = []

    async def send(_: SecretCalls, platform: PlatformSecrets) -> None:
        for row in picked:
            await platform.write(row.name, row.value)
            done.append(row.name)

    try:
        _between(paths, url, extension, send)
    finally:
        if done and not as_json:
            click.echo(f"The platform has: {secrets_plan.listing(done)}.", err=True)
    return _done(rows, done, as_json=as_json)


@click.command(
    epilog=f"""\b
Examples:
  kiket-console secrets pull com.example.pager --url https://kiket.dev
  kiket-console secrets pull com.example.pager --scope shared --dry-run

The workspace token is ${TOKEN}, or the secret of that name."""
)
@_extension
@_url_option
@only_option
@scope_option
@yes_option
@dry_run_option
@directory_option
@json_option
@click.pass_context
def pull(
    context: click.Context,
    extension: str,
    url: str | None,
    only: tuple[str, ...],
    scope: str | None,
    yes: bool,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Take the secrets that a Kiket platform keeps for EXTENSION into the vault, once you agree."""
    from kiket_console.commands import secrets_plan

    target = scope or PROJECT

    async def look(
        calls: SecretCalls, platform: PlatformSecrets
    ) -> tuple[SecretsState, tuple[Row, ...]]:
        state = await calls.state()
        wanted = [name for name in await platform.names() if not only or name in only]
        theirs = {name: await platform.read(name) for name in wanted}
        known(theirs)
        return state, _compared(theirs, await values(calls, state, theirs, target), set(theirs))

    paths = paths_of(context, directory)
    state, found = _between(paths, url, extension, look)
    rows, picked = secrets_plan.chosen(found, only, everything=True)
    asked = keeping(paths, state) if picked and not dry_run else ""
    if not _agreed(rows, picked, asked, yes=yes, dry_run=dry_run, as_json=as_json):
        return _done(rows, [], as_json=as_json, is_fine=dry_run or not picked)
    versions = {each.name: each.version for each in state.entries if each.scope == target}

    async def keep(calls: SecretCalls) -> list[Rotation]:
        return await secrets_plan.keep(calls, picked, target, lambda name: versions.get(name, 0))

    kept = ask(paths, keep)
    names = [each.name for each in kept]
    if not as_json:
        click.echo(f"Kept: {secrets_plan.listing(names)}.", err=True)
    return _done(rows, names, as_json=as_json, is_fine=all(each.ok for each in kept))


PLATFORM = (push, pull)


def _between(
    paths: ProjectPaths,
    url: str | None,
    extension: str,
    request: Callable[[SecretCalls, PlatformSecrets], Awaitable[T]],
) -> T:
    """Carry out a request to the engine and to a platform; raises `ConsoleError`."""
    from kiket_console.client import Client, call
    from kiket_console.platform_secrets import PlatformSecrets

    if not url:
        raise ConsoleError(
            "It is not said which platform.",
            hint=f"Add --url https://kiket.dev, or set {URL}.",
            exit_code=ExitCode.USAGE,
        )

    logging.getLogger("stamina").addHandler(logging.NullHandler())  # it says that it tries again

    async def both() -> T:
        async with Client(paths) as client:
            token = os.environ.get(TOKEN) or await _kept_token(client.secrets)
            known({TOKEN: token})
            async with PlatformSecrets(url, token, extension) as platform:
                return await request(client.secrets, platform)

    return call(both())


async def _kept_token(calls: SecretCalls) -> str:
    state: SecretsState = await calls.state()
    found = (await values(calls, state, [TOKEN], "")).get(TOKEN)
    if found is None:
        raise ConsoleError(
            "There is no workspace token to show to the platform.",
            hint=f"Keep one with `kiket-console secrets set {TOKEN}`, or set that variable.",
            exit_code=ExitCode.AUTH,
        )
    return found


async def _there(platform: PlatformSecrets, kept: dict[str, str]) -> dict[str, str]:
    """Return what the platform has of the names of *kept*."""
    found = {name: await platform.read(name) for name in await platform.names() if name in kept}
    known(found)
    return found


def _compared(given: dict[str, str], there: dict[str, str], proposed: set[str]) -> tuple[Row, ...]:
    """Return what would become of *given* where *there* is what is there."""
    from kiket_console.dotenv_secrets import compared
    from kiket_console.text import reading_order

    return tuple(
        compared(name, given[name], there.get(name), proposed=name in proposed)
        for name in sorted(given, key=reading_order)
    )


def _agreed(
    rows: Sequence[Row],
    picked: Sequence[Row],
    what: str,
    *,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> bool:
    from kiket_console.commands import secrets_plan

    if not as_json:
        secrets_plan.tell(rows, picked)
        if not picked:
            click.echo("There is nothing to do.", err=True)
    if dry_run or not picked:
        return False
    return confirmed(secrets_plan.question(picked, what), yes=yes)


def _done(rows: Sequence[Row], done: list[str], *, as_json: bool, is_fine: bool = True) -> int:
    if as_json:
        from kiket_console.commands.documents import document

        names = [{"name": row.name, "is": row.comparison, "reason": row.reason} for row in rows]
        click.echo(document(names=names, done=done))
    return ExitCode.OK if is_fine else ExitCode.FAILURE
