"""List the modules and what each has said of itself; the engine has to run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker

_WIDTH = 120
_MARGIN = 2
"""Cells that stand for the cursor on screen."""


@click.command(
    epilog="""\b
Examples:
  kiket-console modules
  kiket-console modules billing
  kiket-console modules --json"""
)
@click.argument("name", default="", metavar="[NAME]", shell_complete=completing.worker_names)
@directory_option
@json_option
@click.pass_context
def modules(context: click.Context, name: str, directory: Path | None, as_json: bool) -> None:
    """List the modules: handshake, channels, routes, services, secrets asked for.

    With NAME, everything about that one.
    """
    from kiket_console.client import Client, call
    from kiket_console.errors import ConsoleError, ExitCode

    paths = paths_of(context, directory)

    async def ask() -> EngineStatus:
        async with Client(paths) as client:
            return await client.status()

    status = call(ask())
    found = [worker for worker in status.workers if worker.kind == "module"]
    chosen = [worker for worker in found if worker.name == name] if name else found
    if name and not chosen:
        known = ", ".join(worker.name for worker in found)
        raise ConsoleError(
            f'There is no module "{name}".',
            hint=f"Known: {known or 'none'}.",
            exit_code=ExitCode.USAGE,
        )
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        for worker in chosen:
            click.echo(document(**msgspec.to_builtins(worker)))
    elif not chosen:
        click.echo("This project has no module; docs/modules.md says how it gets one.", err=True)
    else:
        click.echo("\n".join(_lines(chosen, status, in_full=bool(name))))


def _lines(chosen: list[Worker], status: EngineStatus, *, in_full: bool) -> list[str]:
    from shutil import get_terminal_size

    from kiket_console.ui.paint import processes
    from kiket_console.ui.paint.module import module_lines

    width = get_terminal_size((_WIDTH, 24)).columns + _MARGIN
    now_us = time.time_ns() // 1000
    lines = [] if in_full else [processes.header(width)]
    for worker in chosen:
        lines += [processes.row(worker, width, now_us), processes.problem_row(worker, width)]
        if in_full and worker.module is not None:
            lines += module_lines(worker, worker.module, status, width, now_us)
    return ["".join(text for text, _ in line).rstrip()[1:] for line in lines if line]
