"""Run the engine in the foreground, for scripts, CI and the console."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import (
    directory_option,
    engine_arguments,
    engine_options,
    json_option,
    paths_of,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Examples:
  kiket-console run --plain
  kiket-console run --headless --json --trust --ready-file ready.json"""
)
@click.option("--headless", is_flag=True, help="Without a screen, for scripts and services.")
@click.option(
    "--plain", is_flag=True, help="Without a screen, as coloured lines that scroll in a terminal."
)
@click.option(
    "--quiet", is_flag=True, help="Print nothing of exchanges and log lines; the store has them."
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the engine's addresses to FILE, as JSON, when it serves.",
)
@engine_options
@directory_option
@json_option
@click.pass_context
def run(
    context: click.Context,
    headless: bool,
    plain: bool,
    quiet: bool,
    ready_file: str | None,
    directory: Path | None,
    as_json: bool,
    trust: bool,
    port: int | None,
    allow_host: tuple[str, ...],
    durability: str | None,
    session_secrets: bool,
    env_file: str | None,
) -> int:
    """Run this project's engine until it is interrupted."""
    from pathlib import Path

    from kiket_console import config, project
    from kiket_console import env_file as env_files
    from kiket_console.commands.console import need_trust
    from kiket_console.errors import ConsoleError, ExitCode

    if not (headless or plain):
        raise ConsoleError(
            "`run` has no screen of its own.",
            hint="Use `kiket-console` for the console, or `run --headless`, or `run --plain`.",
            exit_code=ExitCode.USAGE,
        )
    if plain and as_json:
        raise ConsoleError(
            "--plain is for people and --json for programs.",
            hint="Say one of them.",
            exit_code=ExitCode.USAGE,
        )
    paths = paths_of(context, directory)
    flags = {"port": port, "allow_hosts": allow_host, "durability": durability}
    config.load(paths.folder, flags)  # what is wrong is said before anything is asked
    found = project.find(paths.folder)
    need_trust(found, trust=trust)
    gc.disable()  # until it serves: collecting while modules are loaded takes a seventh of a start
    from kiket_console.commands.headless import Wanted, serve

    named = Path(env_file) if env_file else None
    wanted = Wanted(
        config.load(paths.folder, flags, env_files.find(paths.folder, named)),
        session_secrets=session_secrets,
        env_file=named,
        as_json=as_json,
        as_lines=plain,
        is_quiet=quiet,
        ready_file=Path(ready_file) if ready_file else None,
        options=engine_arguments(
            trust=trust,
            port=port,
            allow_host=allow_host,
            durability=durability,
            session_secrets=session_secrets,
            env_file=env_file,
        ),
    )
    return serve(paths, found, wanted)
