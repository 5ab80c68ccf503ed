"""Send a new event to an extension, made from a sample, a capture or a person's own JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from kiket_console.commands import completing
from kiket_console.commands.numbers import Number
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.settings import MOST_BODY_MIB
from kiket_console.wire import ERAS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    from kiket_console.client import Client
    from kiket_console.sending.overrides import Override
    from kiket_console.sending.templates import Recipe
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Event

DATA_LIMIT = MOST_BODY_MIB * 1024 * 1024
LAST = "last"
"""What `--from` calls the newest capture of an event."""

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help="Put a value at a JSON path that is there, as in $.issue.priority=high; ${uuid}, "
    "${now+5m}, ${n}, ${env.NAME} and ${last.$.path} are worked out. May be repeated.",
)
retry_option = click.option(
    "--retry/--no-retry",
    default=None,
    help="Whether it is tried again when it fails, as the platform does; else as the setting "
    "`retry` says.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be sent; send nothing."
)


@click.command(
    epilog="""\b
Examples:
  kiket-console trigger issue.created@v1
  kiket-console trigger issue.created --set $.issue.priority=high --set '$.issue.id=${n}'
  kiket-console trigger issue.created --from last --dry-run
  kiket-console trigger issue.created --era newest --retry
  kiket-console trigger issue.created --data @issue.json --count 10
  echo '{"issue": {"id": 1}}' | kiket-console trigger issue.created --data -"""
)
@click.argument("event", metavar="EVENT[@VERSION]", shell_complete=completing.events)
@click.option("--version", default="", help="The event's version, if not said behind an @.")
@click.option("--data", metavar="JSON|@FILE|-", help="The event's JSON; without it, a template.")
@click.option(
    "--from",
    "base",
    metavar="ID|last",
    help="Make it from a recorded delivery: one by its number, or the newest of this event.",
)
@set_option
@click.option(
    "--extension",
    default="",
    metavar="NAME",
    shell_complete=completing.worker_names,
    help="Which one, if there are several.",
)
@click.option("--dialect", default="", help="Sign in this way only: k0, kr, k1, sw1 or es256.")
@click.option(
    "--era",
    type=click.Choice(tuple(ERAS)),
    default=None,
    help="Make it as the platform of one SDK release did; without it, as kiket.toml says.",
)
@retry_option
@click.option("--count", default=1, type=Number(1, 10_000), help="Send it so many times.")
@dry_run_option
@directory_option
@json_option
@click.pass_context
def trigger(
    context: click.Context,
    event: str,
    version: str,
    data: str | None,
    base: str | None,
    changes: tuple[str, ...],
    extension: str,
    dialect: str,
    era: str | None,
    retry: bool | None,
    count: int,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send a signed EVENT as the platform would, and say how it was answered."""
    from kiket_console.client import Client, call
    from kiket_console.commands import outcome
    from kiket_console.sending import overrides
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Event

    paths = paths_of(context, directory)
    if data is not None and base is not None:
        raise click.UsageError("--data and --from both say what to send; give one.", context)
    said = [overrides.read_one(each) for each in changes]
    name, _, behind = event.partition("@")
    raw_payload = None if data is None else read_data(data)
    asked = Event(
        name,
        version or behind,
        extension,
        raw_payload,
        dialect=dialect,
        era=era or "",
        retry=retry,
    )

    async def send() -> int:
        good = True
        with Reader(paths.store) as reader:
            async with Client(paths) as client:
                events = await _events(client, reader, asked, base, said)
                if dry_run:
                    preview = await client.preview_event(next(events))
                    outcome.tell_preview(preview, as_json=as_json)
                    return outcome.exit_code(True)
                for _ in range(count):
                    result = await client.send_event(next(events))
                    outcome.tell(reader, result, as_json=as_json)
                    good = good and result.ok
        return outcome.exit_code(good)

    return call(send())


async def _events(
    client: Client, reader: Reader, asked: Event, base: str | None, said: Sequence[Override]
) -> Iterator[Event]:
    """Return the events to send, one after the other without an end, each with its own values."""
    import os
    from itertools import repeat

    from kiket_console.sending.values import Values

    if base is None and not said:
        return repeat(asked)
    recipe = await _recipe(client, reader, asked, base)
    values = Values(environ=os.environ, last=_last(reader, asked, said))

    def made(values: Values) -> Iterator[Event]:
        while True:
            yield recipe.event(said, values)
            values = values.next()

    return made(values)


async def _recipe(client: Client, reader: Reader, asked: Event, base: str | None) -> Recipe:
    """Return what an event is made from: the person's JSON, a capture or a sample."""
    from kiket_console.sending import payload
    from kiket_console.sending.templates import Recipe, bases, chosen, event_of

    if asked.raw_payload is not None:
        return Recipe(asked, payload.read(asked.raw_payload.decode("utf-8", "replace")))
    if base is not None and base != LAST:
        known = reader.known(_number(base))
        return Recipe(replace(asked, like=known.exchange.id), event_of(known.request.body))
    templates = await client.templates(asked.extension)
    found = bases(templates, reader.captures(), asked.extension)
    picked = chosen(found, asked.name, asked.version, captured=base == LAST)
    detail = reader.detail(picked.capture.id) if picked.capture is not None else None
    return picked.recipe(asked, detail)


def _last(reader: Reader, asked: Event, said: Sequence[Override]) -> Any:
    """Return what `${last…}` refers to, when that is asked for."""
    from kiket_console.sending.templates import event_of
    from kiket_console.sending.values import MISSING

    if not any("${last" in str(each.value) for each in said):
        return MISSING
    newest = next((each for each in reader.captures() if each.name == asked.name), None)
    detail = reader.detail(newest.id) if newest is not None else None
    return MISSING if detail is None else event_of(detail.request.body)


def _number(base: str) -> int:
    if not base.isdigit():
        raise click.BadParameter(
            f"{base!r} is neither a delivery's number nor {LAST!r}.", param_hint="--from"
        )
    return int(base)


def read_data(data: str) -> bytes:
    """Return the JSON that `--data` means: itself, a file's (`@name`) or standard input's (`-`).

    Raises `ConsoleError` when it cannot be read, is no JSON, or is larger than `DATA_LIMIT`.
    """
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.sending import payload

    where = "standard input" if data == "-" else data[1:] if data[:1] == "@" else "--data"
    raw = read_file(where, data) if data == "-" or data[:1] == "@" else data.encode()
    trouble = payload.fault(raw.decode("utf-8", "replace"))
    if trouble is not None:
        raise ConsoleError(
            f"The data of {where} is no JSON. {trouble}",
            hint="Give a JSON value, @FILE to read a file, or - for standard input.",
            exit_code=ExitCode.USAGE,
        )
    return raw


def read_file(where: str, name: str) -> bytes:
    """Return what is in the file *where*, or on standard input when its *name* is `-`.

    Raises `ConsoleError` when it cannot be read, or is larger than `DATA_LIMIT`.
    """
    from pathlib import Path

    from kiket_console.errors import ConsoleError, ExitCode

    try:
        if name == "-":
            raw = sys.stdin.buffer.read(DATA_LIMIT + 1)
        else:
            with Path(where).open("rb") as file:
                raw = file.read(DATA_LIMIT + 1)
    except OSError as error:
        raise ConsoleError(
            f'"{where}" cannot be read: {error.strerror}.', exit_code=ExitCode.USAGE
        ) from error
    if len(raw) > DATA_LIMIT:
        raise ConsoleError(
            f"The data of {where} is larger than {DATA_LIMIT} bytes.", exit_code=ExitCode.USAGE
        )
    return raw
