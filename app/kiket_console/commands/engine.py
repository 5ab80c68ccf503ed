"""Ask a running engine how it is, and tell it to stop."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.paths import ProjectPaths

STOP_TIMEOUT_S = 12.0


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=completing.worker_names)
@directory_option
@json_option
@click.pass_context
def stop(context: click.Context, name: str | None, directory: Path | None, as_json: bool) -> None:
    """Stop the worker NAME; without a name, this project's engine and all its workers."""
    from kiket_console.client import Client, EngineGone, call
    from kiket_console.engine_process import lock_holder
    from kiket_console.engine_status import what_stopped
    from kiket_console.errors import ConsoleError, ExitCode

    paths = paths_of(context, directory)
    if name is not None:
        from kiket_console.commands.workers import command_worker

        if not name:  # an empty variable of a script must not stop everything
            raise ConsoleError("The worker's name is empty.", exit_code=ExitCode.USAGE)
        command_worker(paths, name, "stop", as_json=as_json)
        return

    last: list[EngineStatus] = []

    async def ask() -> None:
        async with Client(paths) as client:
            with suppress(ConsoleError):  # asked for what is said at the end alone
                last.append(await client.status())
            await client.stop()

    pid = lock_holder(paths)
    if pid is None:
        _tell_stopped(None, "No engine runs here.", as_json=as_json)
        return
    try:
        call(ask())
    except EngineGone:  # it holds the lock: it is on its way up, or down
        if not _ended(paths, 2.0):
            raise
    if not _ended(paths, STOP_TIMEOUT_S):
        raise ConsoleError(
            f"The engine (pid {pid}) was asked to end {STOP_TIMEOUT_S:g} s ago and is still there.",
            hint=f"Its log is {paths.engine_log}.",
        )
    said = what_stopped(paths.folder.name, last[0] if last else None)
    _tell_stopped(pid, said, as_json=as_json)


def _tell_stopped(pid: int | None, said: str, *, as_json: bool) -> None:
    if as_json:
        from kiket_console.commands.documents import document

        click.echo(document(stopped=pid is not None, pid=pid))
    else:
        click.echo(said, err=True)


def _ended(paths: ProjectPaths, timeout_s: float) -> bool:
    """Wait until no engine holds the project's lock; tell whether that came true in time."""
    from kiket_console.engine_process import lock_holder

    deadline = time.monotonic() + timeout_s
    while lock_holder(paths) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@click.command()
@directory_option
@json_option
@click.pass_context
def status(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """Say what runs, how sure that is, and since when."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def ask() -> EngineStatus:
        async with Client(paths) as client:
            return await client.status()

    found = call(ask())
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        click.echo(document(**msgspec.to_builtins(found)))
    else:
        click.echo("\n".join(status_lines(found)))


def status_lines(found: EngineStatus) -> list[str]:
    """Return what `status` says to a person."""
    from kiket_console.text import age, duration, plural, visible

    p95 = "no answers yet" if found.p95_us is None else f"p95 {duration(found.p95_us)}"
    up = age(time.time() - found.started_us / 1_000_000)
    traffic = (
        f"{found.exchanges:,} recorded, {found.rate_per_s:.1f}/s, {p95}, "
        f"{found.error_share:.1%} errors"
    )
    lines = [
        f"{visible(found.project)}   engine pid {found.pid}, up {up}",
        f"  gateway    {found.gateway_url}",
        f"  platform   {found.platform_url}",
        f"  traffic    {traffic}",
        f"  recording  {visible(found.recording)}{_since(found)} ({found.durability})",
        f"  secrets    {visible(found.vault)}{_answered(found)}",
    ]
    lines += [
        f"  {each.part:<10} {visible(each.sentence)}{_since_then(each.since_us)}"
        for each in found.degraded
        if each.part != "recording"
    ]
    if found.env_file:
        lines.append(f"  variables  {visible(found.env_file)}")
    told = {each.part for each in found.degraded}
    if found.dropped_logs and "logs" not in told:
        lost = plural(found.dropped_logs, "log line")
        lines.append(f"  logs       {lost} dropped: more came than is kept.")
    if found.dropped_frames and "messages" not in told:
        lost = plural(found.dropped_frames, "message")
        lines.append(f"  modules    {lost} not recorded: more came than is kept.")
    if found.interrupted:
        lines.append(
            f"  cut off    {plural(found.interrupted, 'exchange')}, as an earlier run ended"
        )
    if found.refused:
        lines.append(f"  refused    {plural(found.refused, 'request')} unread")
    for worker in found.workers:
        lines += _worker_lines(worker)
    return [*lines, *(f"  note       {visible(note)}" for note in found.notes)]


def _answered(found: EngineStatus) -> str:
    from kiket_console.text import age

    return f", answered {age(time.time() - found.vault_us / 1e6)} ago" if found.vault_us else ""


def _since(found: EngineStatus) -> str:
    from kiket_console.text import age

    if found.recording_since_us:
        return _since_then(found.recording_since_us)
    if not found.written_us:
        return ""
    return f", last written {age(time.time() - found.written_us / 1e6)} ago"


def _since_then(since_us: int) -> str:
    from kiket_console.text import age

    return f" It has been so for {age(time.time() - since_us / 1e6)}."


def _worker_lines(worker: Worker) -> list[str]:
    from kiket_console.text import age, visible

    state = worker.state if worker.serving else f"{worker.state}, serving nothing"
    pid = f"pid {worker.pid}" if worker.pid else ""
    handlers = " ".join(visible(f"{each.event}@{each.version}") for each in worker.handlers)
    how = visible(worker.evidence)
    if not worker.is_silent:  # that says by itself for how long
        how += f" {age(time.time() - worker.evidence_us / 1e6)} ago"
    head = f"  worker     {visible(worker.name)}  {state}, {how}  {pid}".rstrip()
    said = " · ".join(visible(each) for each in (worker.entry, worker.note) if each)
    lines = [head, *(f"             {each}" for each in (said, handlers) if each)]
    lines += [f"             {visible(each.label)} drains" for each in worker.draining]
    if worker.problem is not None:
        lines.append(f"           ✗ {visible(worker.problem.told)}")
    return lines
