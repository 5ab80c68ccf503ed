"""Send an event to an extension: a new one, or a recorded one again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.config import MOST_BODY_MIB

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import Result

DATA_LIMIT = MOST_BODY_MIB * 1024 * 1024


@click.command(
    epilog="""\b
Examples:
  kiket-console trigger issue.created@v1
  kiket-console trigger issue.created --data @issue.json --count 10
  echo '{"issue": {"id": 1}}' | kiket-console trigger issue.created --data -"""
)
@click.argument("event", metavar="EVENT[@VERSION]", shell_complete=completing.events)
@click.option("--version", default="", help="The event's version, if not said behind an @.")
@click.option("--data", metavar="JSON|@FILE|-", help="The event's JSON; without it, a template.")
@click.option(
    "--extension",
    default="",
    metavar="NAME",
    shell_complete=completing.worker_names,
    help="Which one, if there are several.",
)
@click.option("--dialect", default="", help="Sign in this way only: k0, kr, k1 or sw1.")
@click.option("--count", default=1, type=click.IntRange(1, 10_000), help="Send it so many times.")
@directory_option
@json_option
@click.pass_context
def trigger(
    context: click.Context,
    event: str,
    version: str,
    data: str | None,
    extension: str,
    dialect: str,
    count: int,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send a signed EVENT as the platform would, and say how it was answered."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)
    name, _, behind = event.partition("@")
    raw_payload = None if data is None else read_data(data)

    async def send() -> int:
        good = True
        async with Client(paths) as client:
            for _ in range(count):
                result = await client.trigger(
                    name,
                    version=version or behind,
                    extension=extension,
                    raw_payload=raw_payload,
                    dialect=dialect,
                )
                _tell(paths, result, as_json=as_json)
                good = good and result.ok
        return _exit_code(good)

    return call(send())


@click.command()
@click.argument(
    "exchange_id",
    metavar="ID",
    type=click.IntRange(1),
    shell_complete=completing.exchange_ids,
)
@click.option("--exact", is_flag=True, help="The very bytes and headers, old signature included.")
@directory_option
@json_option
@click.pass_context
def replay(
    context: click.Context, exchange_id: int, exact: bool, directory: Path | None, as_json: bool
) -> int:
    """Send recorded delivery ID again, freshly signed, and say how it was answered."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def send() -> int:
        async with Client(paths) as client:
            result = await client.replay(exchange_id, "exact" if exact else "resigned")
        _tell(paths, result, as_json=as_json)
        return _exit_code(result.ok)

    send_once: Coroutine[Any, Any, int] = send()
    return call(send_once)


def read_data(data: str) -> bytes:
    """Return the JSON that `--data` means: itself, a file's (`@name`) or standard input's (`-`).

    Raises `ConsoleError` when it cannot be read, is no JSON, or is larger than `DATA_LIMIT`.
    """
    import json
    from pathlib import Path

    from kiket_console.errors import ConsoleError, ExitCode

    where = "standard input" if data == "-" else data[1:] if data[:1] == "@" else "--data"
    try:
        if data == "-":
            raw = sys.stdin.buffer.read(DATA_LIMIT + 1)
        elif data[:1] == "@":
            with Path(where).open("rb") as file:
                raw = file.read(DATA_LIMIT + 1)
        else:
            raw = data.encode()
    except OSError as error:
        raise ConsoleError(
            f'"{where}" cannot be read: {error.strerror}.', exit_code=ExitCode.USAGE
        ) from error
    if len(raw) > DATA_LIMIT:
        raise ConsoleError(
            f"The data of {where} is larger than {DATA_LIMIT} bytes.", exit_code=ExitCode.USAGE
        )
    try:
        json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ConsoleError(
            f"The data of {where} is no JSON: {error}.",
            hint="Give the event's JSON value, @FILE to read a file, or - for standard input.",
            exit_code=ExitCode.USAGE,
        ) from error
    return raw


def _exit_code(good: bool) -> int:
    from kiket_console.errors import ExitCode

    return ExitCode.OK if good else ExitCode.CONTRACT


def _tell(paths: ProjectPaths, result: Result, *, as_json: bool) -> None:
    """Print how a delivery ended: one line, or one JSON document in a line."""
    from kiket_console.commands.documents import document
    from kiket_console.store.reader import Reader
    from kiket_console.text import duration, visible

    if as_json:
        members = {name: getattr(result, name) for name in type(result).__slots__}
        click.echo(document(**members))
        return
    with Reader(paths.store) as reader:
        exchange = reader.exchange(result.exchange_id)
    name = "" if exchange is None else f"{exchange.name} {exchange.version}".strip()
    took = "" if result.duration_us is None else f"  {duration(result.duration_us)}"
    ending = result.state if result.status is None else str(result.status)
    sign = "" if result.ok else " ✗"
    click.echo(f"#{result.exchange_id}  {visible(name)}  {ending}{sign}{took}")
    if not result.ok:
        said = (
            result.error or f"`kiket-console traffic show {result.exchange_id}` shows the answer."
        )
        click.echo(f"  {visible(said)}", err=True)
