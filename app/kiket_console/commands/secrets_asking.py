"""What the commands of secrets share: the name, the scope, values, and questions to the engine."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import click

from kiket_console.commands import completing
from kiket_console.wire_secrets import SCOPES, SECRET_NAME

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire_secrets import SecretsState, VaultFacts

T = TypeVar("T")

TOKEN = "KIKET_WORKSPACE_TOKEN"  # noqa: S105 - a variable's name
VALUE_CHARACTERS = 64 * 1024
"""What the vault takes of one value."""
_UTF8_BYTES = 4
"""So many a character takes at most."""
_VALUE_HINT = "Run it in a terminal to be asked for the value, or pipe the value in."


def _names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    return completing.secret_names(context, incomplete)


name_argument = click.argument("name", metavar="NAME", shell_complete=_names)
scope_option = click.option(
    "--scope",
    type=click.Choice(SCOPES),
    help="This project's own secret, or the one that all your projects share.",
)
only_option = click.option(
    "--only",
    metavar="NAME",
    multiple=True,
    shell_complete=_names,
    help="Take NAME alone; can be given several times.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, no more.")

TAKES_NO_VALUE = {"allow_extra_args": True}
"""Settings of a command that would be given a value as an argument by habit; see `check`."""
_KEEPABLE = re.compile(SECRET_NAME)


def check(context: click.Context, name: str) -> None:
    """Refuse a name that no secret can have, and, without repeating it, a value as an argument.

    Raises `ConsoleError`.
    """
    from kiket_console.errors import ConsoleError, ExitCode

    if context.args or "=" in name:
        raise ConsoleError(
            "A secret's value is not taken from the command line: your shell's history and the "
            "list of processes would have it, and have it now.",
            hint=f"{_VALUE_HINT} If that was a real one, make another.",
            exit_code=ExitCode.USAGE,
        )
    if not _KEEPABLE.fullmatch(name):
        raise ConsoleError(
            f"A secret cannot be called {name[:80]!r}.",
            hint="Use letters, digits, '_', '.' and '-', at most 128.",
            exit_code=ExitCode.USAGE,
        )


def ask(paths: ProjectPaths, request: Callable[[SecretCalls], Awaitable[T]]) -> T:
    """Carry out a request to the engine's vault; raises `ConsoleError`."""
    from kiket_console.client import Client, call

    async def carry_out() -> T:
        async with Client(paths) as client:
            return await request(client.secrets)

    return call(carry_out())


async def values(
    calls: SecretCalls, state: SecretsState, names: Iterable[str], scope: str
) -> dict[str, str]:
    """Return the values that *names* have in *scope*; empty: those that the project sees."""
    wanted = set(names)
    kept = {
        each.name
        for each in state.entries
        if each.present and each.name in wanted and scope in ("", each.scope)
    }
    found = {name: await calls.reveal(name, scope=scope) for name in sorted(kept)}
    known(found)
    return found


def known(found: Mapping[str, str]) -> None:
    """Keep values out of what this command says when it fails, as far as there is room for them."""
    from kiket_core.secret import RedactorFullError, redactor

    with suppress(RedactorFullError):
        for name, value in found.items():
            redactor.add(name, value)


def typed_or_piped(name: str) -> str:
    """Return a value that a person types unseen, or that comes on standard input.

    One line end behind it is not part of it. Raises `ConsoleError`.
    """
    value = _typed(name) if sys.stdin.isatty() else _piped()
    known({name: value})
    return value


def _typed(name: str) -> str:
    typed: str = click.prompt(f"Value of {name}", hide_input=True, err=True)
    if typed.startswith("-----BEGIN ") and "-----END " not in typed:
        raise _unusable("That is the first of several lines.", "Pipe them in: … < FILE.")
    return typed


def _piped() -> str:
    limit_bytes = _UTF8_BYTES * VALUE_CHARACTERS
    raw = sys.stdin.buffer.read(limit_bytes + 1)
    if len(raw) > limit_bytes:
        raise _unusable(
            f"More than {VALUE_CHARACTERS // 1024} KiB came on standard input.",
            "Keep the name of a file as the secret instead.",
        )
    try:
        value = raw.decode()
    except UnicodeDecodeError:  # the error would have the value
        value = None
    if value is None:
        raise _unusable("The value on standard input is not UTF-8.", "Encode it, as base64 does.")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise _unusable("No value came on standard input.", _VALUE_HINT)
    return value


def _unusable(message: str, hint: str) -> Exception:
    from kiket_console.errors import ConsoleError, ExitCode

    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)


def confirmed(question: str, *, yes: bool) -> bool:
    """Return whether a person agrees, or has said so with `--yes`.

    Raises `ConsoleError` where nobody can be asked.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise _unusable("There is no terminal to ask on.", "Say so beforehand with --yes.")
    agreed = click.confirm(question, err=True)
    if not agreed:
        click.echo("Nothing is changed.", err=True)
    return agreed


def keeping(paths: ProjectPaths, state: SecretsState) -> str:
    """Return the question whether secrets, for whose number there is a `{}`, are to be kept.

    Where no keyring was found one is looked for again; raises `ConsoleError` when there is none.
    """
    vault = state.vault
    if vault.state in ("none", "looking"):
        vault = ask(paths, lambda calls: calls.vault("keyring"))
    return f"Keep {{}} {where(vault)}"


def where(vault: VaultFacts) -> str:
    """Say where secrets are kept, as the end of a sentence."""
    if vault.state == "keyring":
        return f"in the OS keyring ({vault.name})"
    if vault.state == "session":
        return "in memory, for as long as the engine runs"
    return "nowhere yet"
