"""List what runs, and start, stop, restart or kill one worker; the engine has to run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kiket_console.client import Client
    from kiket_console.model import Worker, WorkerState
    from kiket_console.paths import ProjectPaths

WAIT_S = 60.0
"""How long a command waits for what it asked for; starting code may take its time."""
LOOK_EVERY_S = 0.05
_WIDTH = 120

worker_argument = click.argument("name", metavar="NAME", shell_complete=completing.worker_names)


@click.command()
@directory_option
@json_option
@click.pass_context
def workers(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """List the workers, how each is, and what is wrong with it."""
    import msgspec

    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def ask() -> tuple[Worker, ...]:
        async with Client(paths) as client:
            return (await client.status()).workers

    found = call(ask())
    if as_json:
        from kiket_console.commands.documents import document

        for worker in found:
            click.echo(document(**msgspec.to_builtins(worker)))
    else:
        click.echo("\n".join(_table(found)))


def _table(found: tuple[Worker, ...]) -> list[str]:
    from shutil import get_terminal_size

    from kiket_console.ui.paint import processes

    width = get_terminal_size((_WIDTH, 24)).columns
    now_us = time.time_ns() // 1000
    rows = [processes.header(width)]
    for worker in found:
        rows += [processes.row(worker, width, now_us), processes.problem_row(worker, width)]
    return ["".join(text for text, _ in row).rstrip()[1:] for row in rows if row]


def _command(verb: str, sentence: str) -> click.Command:
    """Return a command that asks a worker to do *verb*."""

    def run(context: click.Context, name: str, directory: Path | None, as_json: bool) -> None:
        command_worker(paths_of(context, directory), name, verb, as_json=as_json)

    made = worker_argument(directory_option(json_option(click.pass_context(run))))
    return click.command(verb, help=sentence)(made)


def command_worker(paths: ProjectPaths, name: str, verb: str, *, as_json: bool) -> None:
    """Ask worker *name* to do *verb*, wait until it has, and say how it is then.

    Raises `ConsoleError` when it fails to start, or takes longer than `WAIT_S`.
    """
    from kiket_console.client import Client, call

    async def ask() -> Worker:
        async with Client(paths) as client:
            before = await _named(client, name)
            await client.worker(before.name, verb)
            return await _until(client, before.name, _over(verb, before))

    worker = call(ask())
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(worker)))
    _check(worker, verb)
    if not as_json:
        click.echo(_told(worker), err=True)


async def _named(client: Client, name: str) -> Worker:
    """Return the worker of that name, or whose name ends with it behind a dot."""
    from kiket_console.errors import ConsoleError, ExitCode

    found = (await client.status()).workers
    worker = next((each for each in found if each.name == name), None)
    short = [each for each in found if each.name.endswith(f".{name}")]
    if worker is None and len(short) == 1:
        return short[0]
    if worker is None:
        raise ConsoleError(
            f'There is no worker "{name}".',
            hint=f"Known: {', '.join(each.name for each in found)}.",
            exit_code=ExitCode.USAGE,
        )
    return worker


def _over(verb: str, before: Worker) -> Callable[[Worker], bool]:
    """Return what tells that a worker has done what it was asked to."""
    from kiket_console.model import WorkerState

    if verb in ("stop", "kill"):
        return lambda worker: worker.state is WorkerState.STOPPED
    if verb == "start" and before.serving:
        return lambda _: True
    asked_us = time.time_ns() // 1000

    def is_over(worker: Worker) -> bool:
        """Tell whether it serves anew, or has failed since: it need not have been launched."""
        failed = worker.state in _failed() and worker.evidence_us > asked_us
        return failed or (worker.state is WorkerState.SERVING and worker.starts > before.starts)

    return is_over


async def _until(client: Client, name: str, over: Callable[[Worker], bool]) -> Worker:
    import asyncio

    from kiket_console.errors import ConsoleError

    deadline_s = time.monotonic() + WAIT_S
    while True:
        worker = await _named(client, name)
        if over(worker):
            return worker
        if time.monotonic() > deadline_s:
            raise ConsoleError(
                f"The worker {name!r} is {worker.state.value} after {WAIT_S:g} s.",
                hint="`kiket-console workers` says how it is, `kiket-console logs` what it says.",
            )
        await asyncio.sleep(LOOK_EVERY_S)


def _check(worker: Worker, verb: str) -> None:
    """Raise `ConsoleError` when code that was to be started is not what serves."""
    from kiket_console.errors import ConsoleError

    if verb in ("stop", "kill") or worker.state not in _failed():
        return
    problem = worker.problem
    said = problem.told if problem is not None else "It did not start."
    serves = "The code before it serves." if worker.serving else "Nothing serves."
    raise ConsoleError(f"{worker.name}: {said}", hint=serves)


def _failed() -> tuple[WorkerState, ...]:
    from kiket_console.model import WorkerState

    return WorkerState.BROKEN, WorkerState.BACKOFF, WorkerState.FATAL


def _told(worker: Worker) -> str:
    from kiket_console.text import visible

    pid = f", pid {worker.pid}" if worker.pid else ""
    state = "serves" if worker.serving else f"is {worker.state.value}"
    return f"{visible(worker.name)} {state}{pid}."


restart = _command("restart", "Start a worker anew; what serves goes on until the new one does.")
start = _command("start", "Start a worker that was stopped, or given up.")
kill = _command("kill", "Kill a worker and all that it started, without time to finish.")
