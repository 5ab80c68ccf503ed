"""Options that several commands share, and the project that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import Number
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings import DURABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.paths import ProjectPaths

F = TypeVar("F", bound="Callable[..., Any]")

directory_option = click.option(
    "-C",
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    shell_complete=completing.folders,
    help="Work on the project in DIR instead of here.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on stdout, for other programs."
)


def engine_options(command: F) -> F:
    """Add what can be said to an engine that is being started."""
    for option in (
        click.option(
            "--session-secrets",
            is_flag=True,
            help="Keep secrets in memory only, for as long as the engine runs.",
        ),
        click.option(
            "--env-file",
            type=click.Path(dir_okay=False, resolve_path=True),
            metavar="FILE",
            help="Take variables from FILE instead of the project's .env.",
        ),
        click.option(
            "--durability",
            type=click.Choice(DURABILITIES),
            help="When an answer is given: once the exchange is on disk (full), or once it would "
            "survive the end of the engine, but not a power cut (process).",
        ),
        click.option(
            "--allow-host",
            multiple=True,
            metavar="NAME",
            help="Accept webhooks under this host name too, as a tunnel sends them.",
        ),
        click.option("--port", type=Number(1, 65535), help="The gateway's port; exactly this one."),
        click.option("--trust", is_flag=True, help="Run this project's code without asking."),
    ):
        command = option(command)
    return command


def engine_arguments(
    *,
    trust: bool = False,
    port: int | None = None,
    allow_host: Sequence[str] = (),
    durability: str | None = None,
    session_secrets: bool = False,
    env_file: str | None = None,
) -> list[str]:
    """Return the options with which an engine is started that is told the same."""
    arguments = ["--trust"] if trust else []
    arguments += [] if port is None else ["--port", str(port)]
    arguments += [part for name in allow_host for part in ("--allow-host", name)]
    arguments += [] if durability is None else ["--durability", durability]
    arguments += ["--session-secrets"] if session_secrets else []
    arguments += [] if env_file is None else ["--env-file", env_file]
    return arguments


def paths_of(context: click.Context, directory: Path | None) -> ProjectPaths:
    """Return the places of the project that the command line names.

    Raises `ConsoleError` when there is no such folder.
    """
    from kiket_console.paths import ProjectPaths

    outer = context.obj if isinstance(context.obj, Path) else Path()
    folder = outer / (directory or Path())
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise ConsoleError(
            f'The folder "{folder}" {what}.',
            hint=f"Name a project's folder, or a command: {nearest_commands(context, folder)}.",
            exit_code=ExitCode.USAGE,
        )
    return ProjectPaths(folder)


def nearest_commands(context: click.Context, word: Path) -> str:
    """Return the command that *word* may have meant, or all of them."""
    from difflib import get_close_matches

    root = context.find_root()
    tree = root.command
    names = tree.list_commands(root) if isinstance(tree, click.Group) else []
    return ", ".join(get_close_matches(word.name, names, n=1) or names)
