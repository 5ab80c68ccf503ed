"""Open the console: find or start the engine first, import the screen meanwhile."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.options import (
    directory_option,
    engine_arguments,
    engine_options,
    paths_of,
)
from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from subprocess import Popen
    from typing import Any

    from kiket_console.env_file import EnvFile
    from kiket_console.paths import ProjectPaths
    from kiket_console.project import Project

ESCAPE_MS = "50"
"""How long the screen waits whether more than `esc` was pressed; the person's own choice counts."""


@click.command()
@click.argument("folder", required=False, type=str, shell_complete=completing.folders)
@engine_options
@directory_option
@click.pass_context
def console(
    context: click.Context,
    folder: str | None,
    directory: Path | None,
    trust: bool,
    port: int | None,
    allow_host: tuple[str, ...],
    durability: str | None,
    session_secrets: bool,
    env_file: str | None,
) -> int:
    """Open the console for the project in FOLDER, or here."""
    from pathlib import Path

    paths = paths_of(context, Path(directory or "", folder or ""))
    need_terminal()
    arguments = engine_arguments(
        trust=trust,
        port=port,
        allow_host=allow_host,
        durability=durability,
        session_secrets=session_secrets,
        env_file=env_file,
    )
    if is_running(paths):
        need_same_start(paths, arguments)
        return show(paths, None, _trusted_variables(paths))
    from kiket_console import config, project
    from kiket_console import env_file as env_files
    from kiket_console.paths import config_file
    from kiket_console.ui import keymap

    flags = {"port": port, "allow_hosts": allow_host, "durability": durability}
    config.load(paths.folder, flags)  # what is wrong is said before anything starts
    keymap.load(config_file())
    found = project.find(paths.folder)
    need_trust(found, trust=trust)
    variables = env_files.find(paths.folder, Path(env_file) if env_file else None)
    config.load(paths.folder, flags, variables)
    from kiket_console.engine_process import start_engine

    return show(paths, start_engine(paths, arguments), variables, arguments=arguments)


@click.command()
@directory_option
@click.pass_context
def attach(context: click.Context, directory: Path | None) -> int:
    """Open the console for an engine that runs already."""
    from kiket_console.client import EngineGone

    paths = paths_of(context, directory)
    need_terminal()
    if not is_running(paths):
        raise EngineGone(paths.folder)
    return show(paths, None, _trusted_variables(paths))


def show(
    paths: ProjectPaths,
    engine: Popen[bytes] | None,
    variables: EnvFile | None = None,
    *,
    demo: bool = False,
    arguments: Sequence[str] = (),
) -> int:
    """Run the screen to its end. *engine* was just started; it starts while the screen is loaded.

    *variables* may hold settings, too; *arguments* are those of the engine.

    Raises `ConsoleError` with the engine's own sentence when it could not start.
    """
    from kiket_console import interrupting

    if engine is not None:  # nobody has seen it yet
        interrupting.before_the_end.append(engine.terminate)
    os.environ.setdefault("ESCDELAY", ESCAPE_MS)
    gc.disable()  # until the first frame: collecting while modules are loaded takes a sixth of it
    try:
        return _show(paths, engine, variables, None if demo else arguments)
    except ConsoleError:  # the screen was never there
        if engine is not None:
            engine.terminate()
        raise
    finally:
        gc.enable()


def _show(
    paths: ProjectPaths,
    engine: Popen[bytes] | None,
    variables: EnvFile | None,
    arguments: Sequence[str] | None,
) -> int:
    from kiket_console import config
    from kiket_console.engine_process import start_failure
    from kiket_console.paths import config_file
    from kiket_console.ui import keymap
    from kiket_console.ui.program import run_console

    if engine is not None and engine.poll() and not is_running(paths):
        raise start_failure(paths, engine.returncode)
    settings, own = config.load(paths.folder, env_file=variables), config_file()
    source = settings.sources.get("theme", "")
    return run_console(
        paths,
        engine=engine,
        demo=arguments is None,
        arguments=arguments,
        theme=settings.theme,
        keys=keymap.load(own),
        settings=own,
        theme_fixed_by="" if source.startswith(str(own)) else source,
    )


def _trusted_variables(paths: ProjectPaths) -> EnvFile | None:
    """Return the project's `.env` if the person has said yes to the project."""
    from kiket_console import env_file
    from kiket_console.trust import Trust

    return env_file.find(paths.folder) if Trust().is_trusted(paths.folder) else None


def is_running(paths: ProjectPaths) -> bool:
    """Whether an engine has this project, be it serving, starting or stopping."""
    from kiket_console.engine_process import lock_holder

    return lock_holder(paths) is not None


def need_same_start(paths: ProjectPaths, arguments: Sequence[str]) -> None:
    """Raise `ConsoleError` when the engine that runs was started without one of *arguments*."""
    wanted = set(arguments) - {"--trust"}  # whoever attaches has nothing to say yes to
    if not wanted:
        return
    import shlex

    from kiket_console.client import Client, EngineGone, call

    async def options() -> Sequence[str]:
        async with Client(paths) as client:
            return (await client.status()).options

    try:
        had = call(options())
    except EngineGone:  # on its way up, or down: the screen says which
        return
    if not wanted <= set(had):
        shown = f"with {shlex.join(had)}" if had else "without options"
        raise ConsoleError(
            f"An engine runs here already; it was started {shown}.",
            hint="Leave the options out to open it, or `kiket-console stop` it first.",
            exit_code=ExitCode.USAGE,
        )


def need_terminal() -> None:
    """Raise `ConsoleError` unless there is a terminal to draw on and to read keys from."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConsoleError(
            "The console needs a terminal on standard input and output.",
            hint="Without one, use `kiket-console run --headless`.",
            exit_code=ExitCode.USAGE,
        )
    if not sys.stderr.isatty():
        raise ConsoleError(
            "The console draws on standard error, which is no terminal here.",
            hint="Leave it alone, or use `kiket-console run --headless`.",
            exit_code=ExitCode.USAGE,
        )
    if os.environ.get("TERM") == "dumb":
        raise ConsoleError(
            'The console cannot draw on this terminal: TERM is "dumb".',
            hint="Use `kiket-console run --plain`, or `run --headless` without a terminal.",
            exit_code=ExitCode.USAGE,
        )


def need_trust(project: Project, *, trust: bool, ask: Callable[..., Any] | None = None) -> None:
    """Make sure that the person said yes to running *project*'s code; remember a new yes.

    Raises `ConsoleError` when they say no, or when there is no terminal to ask on. With *trust*
    given nobody is asked, and nothing is remembered.
    """
    from kiket_console.text import visible
    from kiket_console.trust import Trust

    known = Trust()
    if trust or known.is_trusted(project.folder):
        return
    if not sys.stdin.isatty():
        raise ConsoleError(
            f"You have not said yet that the code in {project.folder} may run.",
            hint="Say so with --trust, or run `kiket-console` there once and answer its question.",
            exit_code=ExitCode.AUTH,
        )
    click.echo(
        f"This folder has not been run here before: {visible(str(project.folder))}", err=True
    )
    for worker in project.workers:
        what = worker.runs or "no entry found"
        click.echo(f"  {worker.kind:<9}  {visible(worker.name)} ({visible(what)})", err=True)
        if worker.folder != project.folder:
            click.echo(f"  in         {visible(str(worker.folder))}", err=True)
        if worker.run_by:
            click.echo(f"  run by     {visible(worker.run_by)}", err=True)
        if worker.problem is not None:
            click.echo(f"  problem    {visible(worker.problem.sentence)}", err=True)
        if worker.guessed:
            click.echo(f"  guessed    {visible(worker.guessed)}", err=True)
        if worker.kind == "module" and worker.declared.secrets:
            asked = ", ".join(worker.declared.secrets)
            click.echo(f"  may ask    {visible(asked)}", err=True)
    click.echo("Its code will run as you, again on each save.", err=True)
    if not (ask or click.confirm)("Run it?", default=False, err=True):
        raise ConsoleError(
            f"Nothing was run: you did not say yes to {project.folder}.", exit_code=ExitCode.AUTH
        )
    known.trust(project.folder)
