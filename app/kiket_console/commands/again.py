"""Send recorded deliveries again: as they were, in other ways, or edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.deliver import dry_run_option, read_file, retry_option, set_option
from kiket_console.commands.finding import chosen_argument, chosen_filter_option, filter_of
from kiket_console.commands.numbers import EXCHANGE, Number
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.wire import WAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.model import Detail
    from kiket_console.paths import ProjectPaths
    from kiket_console.sending.repeating import Plan
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Result


def _seconds(_: click.Context, __: click.Parameter, said: str) -> float:
    """Return a length of time in seconds."""
    from kiket_console.sending.repeating import seconds

    return seconds(said)


way_option = click.option(
    "--way",
    type=click.Choice(WAYS),
    default=WAYS[0],
    show_default=True,
    help="How it is signed: anew, byte for byte as it was, badly, or in one dialect alone.",
)


@click.command(
    epilog="""\b
Examples:
  kiket-console replay 1187
  kiket-console replay 1187 1190 1203 --way stale
  kiket-console replay --filter 'status:>=500 since:1h'
  kiket-console replay 1187 --version v2 --count 5 --spacing 200ms"""
)
@chosen_argument
@chosen_filter_option
@way_option
@click.option("--exact", is_flag=True, help="The same as --way exact.")
@click.option("--version", default="", help="Send it to the handler of another version.")
@click.option("--count", default=1, type=Number(1, 1000), help="Send it so many times.")
@click.option(
    "--spacing",
    default="0ms",
    callback=_seconds,
    metavar="TIME",
    help="From the beginning of one to that of the next, as in 200ms or 1.5s.",
)
@retry_option
@directory_option
@json_option
@click.pass_context
def replay(
    context: click.Context,
    exchange_ids: tuple[int, ...],
    wanted: str | None,
    way: str,
    exact: bool,
    version: str,
    count: int,
    spacing: float,
    retry: bool | None,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send recorded deliveries again, in the order in which they came, and say how they ended.

    Four are under way at a time. One that fails does not stop the others; the exit status is
    that of the worst.
    """
    from kiket_console.client import call
    from kiket_console.sending.repeating import Plan
    from kiket_console.store.reader import Reader

    if wanted is not None and not wanted.strip():  # an empty variable of a script, perhaps
        raise click.UsageError("The filter is empty; @all means every delivery.", context)
    paths = paths_of(context, directory)
    with Reader(paths.store) as reader:
        ids = dict.fromkeys(exchange_ids)
        if wanted is not None:
            ids |= dict.fromkeys(_matching(reader, paths.folder, wanted))
        if not ids and wanted is None:
            raise click.UsageError("Name deliveries by their numbers, or give --filter.", context)
        plan = Plan((*ids,), count, spacing)
        chosen = "exact" if exact else way
        return call(_replay(reader, paths, plan, chosen, version, retry=retry, as_json=as_json))


async def _replay(
    reader: Reader,
    paths: ProjectPaths,
    plan: Plan,
    way: str,
    version: str,
    *,
    retry: bool | None,
    as_json: bool,
) -> int:
    from kiket_console.client import Client
    from kiket_console.commands import outcome
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.sending.repeating import Tally, carry_out

    alone = plan.count == 1

    def on_step(tally: Tally) -> None:
        exchange_id, result = tally.results[-1]
        if isinstance(result, ConsoleError):
            outcome.tell_refused(result, exchange_id, as_json=as_json)
        else:
            outcome.tell(reader, result, as_json=as_json, replay_of=None if alone else exchange_id)

    async with Client(paths) as client:

        async def send(exchange_id: int) -> Result:
            return await client.replay(exchange_id, way, version, retry=retry)

        if alone:  # what is wrong with it is the command's own failure
            result = await send(plan.ids[0])
            outcome.tell(reader, result, as_json=as_json)
            return outcome.exit_code(result.ok)
        tally = await carry_out(plan, send, on_step)
    click.echo(str(tally), err=True)
    if tally.trouble:
        click.echo(tally.trouble, err=True)
        return ExitCode.NETWORK
    return outcome.exit_code(not tally.failed)


def _matching(reader: Reader, folder: Path, wanted: str) -> Sequence[int]:
    """Return the deliveries that a filter lets through."""
    from kiket_console.model import Source

    found = reader.matching(filter_of(wanted, folder), 1, reader.newest()[0])
    return [each.id for each in reader.page(found) if each.source is Source.WEBHOOK]


@click.command(
    epilog="""\b
Examples:
  kiket-console send 1187 --set $.issue.priority=high
  kiket-console send 1187 --payload issue.json --header 'X-Trace: on' --version v2
  kiket-console send 1187 --set $.issue.id=7 --dry-run"""
)
@click.argument("exchange_id", metavar="ID", type=EXCHANGE, shell_complete=completing.exchange_ids)
@click.option("--payload", metavar="FILE|-", help="Send the bytes of a file, or of stdin.")
@set_option
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Send this header, in place of those of its name. May be repeated.",
)
@click.option(
    "--without", multiple=True, metavar="NAME", help="Leave a header out. May be repeated."
)
@click.option("--version", default=None, help="Send it to the handler of another version.")
@click.option(
    "--event", default=None, shell_complete=completing.events, help="Send it as another event."
)
@way_option
@retry_option
@dry_run_option
@directory_option
@json_option
@click.pass_context
def send(
    context: click.Context,
    exchange_id: int,
    payload: str | None,
    changes: tuple[str, ...],
    headers: tuple[str, ...],
    without: tuple[str, ...],
    version: str | None,
    event: str | None,
    way: str,
    retry: bool | None,
    dry_run: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send recorded delivery ID once more with changes, and say how it was answered.

    Bytes that are no JSON are sent as they are, with a warning. Where the payload keeps the
    marker of a secret ([secret:NAME]), the secret is put back.
    """
    from kiket_console.client import Client, call
    from kiket_console.commands import outcome
    from kiket_console.store.reader import Reader
    from kiket_console.wire import Edit

    paths = paths_of(context, directory)
    with Reader(paths.store) as reader:
        detail = reader.known(exchange_id)
        edit = Edit(
            _payload(detail, payload, changes), _headers(detail, headers, without), event, version
        )

        async def once() -> int:
            async with Client(paths) as client:
                if dry_run:
                    preview = await client.preview(exchange_id, edit, way)
                    outcome.tell_preview(preview, as_json=as_json)
                    return outcome.exit_code(True)
                result = await client.send(exchange_id, edit, way, retry=retry)
            outcome.tell(reader, result, as_json=as_json)
            return outcome.exit_code(result.ok)

        return call(once())


def _payload(detail: Detail, file: str | None, changes: Sequence[str]) -> bytes | None:
    """Return the payload to send, None for the one that was recorded."""
    import os

    from kiket_console.sending import overrides, payload, templates
    from kiket_console.sending.values import Values

    stored = detail.request.body
    raw = stored.raw
    if file is not None:
        raw = read_file("standard input" if file == "-" else file, file)
    if not changes:
        if file is None:
            return None
        trouble = payload.fault(raw.decode("utf-8", "replace"))
        if trouble is not None:
            click.echo(f"The payload is no JSON and is sent as it is. {trouble}", err=True)
        return raw
    said = [overrides.read_one(each) for each in changes]
    text = raw.decode("utf-8", "replace")
    document = payload.read(text)
    last = templates.event_of(stored) if any("${last" in each for each in changes) else None
    values = Values(environ=os.environ) if last is None else Values(environ=os.environ, last=last)
    changed = overrides.apply(document, said, values)
    return payload.write(changed, payload.layout_of(text) or payload.COMPACT).encode()


def _headers(
    detail: Detail, said: Sequence[str], without: Sequence[str]
) -> tuple[tuple[str, str], ...] | None:
    """Return the headers to send, None for those that were recorded."""
    from kiket_console.sending import draft, head

    if not said and not without:
        return None
    left_out = {name.lower() for name in without}
    kept = tuple(pair for pair in draft.headers_of(detail) if pair[0].lower() not in left_out)
    return head.merged(kept, tuple(head.one(each) for each in said))
