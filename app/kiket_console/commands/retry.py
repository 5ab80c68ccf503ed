"""Have the next attempt at deliveries that failed at once, or no more of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.finding import chosen_argument
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.paths import ProjectPaths


@click.command(
    epilog="""\b
Examples:
  kiket-console retry 1187
  kiket-console retry 1187 1190 --cancel
  kiket-console traffic list --filter is:waiting"""
)
@chosen_argument
@click.option("--cancel", is_flag=True, help="Make no more attempts instead.")
@directory_option
@json_option
@click.pass_context
def retry(
    context: click.Context,
    exchange_ids: tuple[int, ...],
    cancel: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Make the next attempt at deliveries that failed now, and say how it ended.

    It is another attempt at the same delivery, with the same id; `replay` sends a new one.
    """
    from kiket_console.client import call

    if not exchange_ids:
        raise click.UsageError("Name deliveries by their numbers.", context)
    return call(_retry(paths_of(context, directory), exchange_ids, cancel, as_json=as_json))


async def _retry(
    paths: ProjectPaths, exchange_ids: tuple[int, ...], cancel: bool, *, as_json: bool
) -> int:
    from kiket_console.client import Client
    from kiket_console.commands import outcome
    from kiket_console.commands.documents import document
    from kiket_console.store.reader import Reader

    good = True
    with Reader(paths.store) as reader:
        async with Client(paths) as client:
            if cancel:
                ended = await client.cancel_retries(exchange_ids)
                named = ", ".join(f"#{each}" for each in ended.ids)
                said = f"Not tried again: {named}."
                click.echo(document(ids=ended.ids) if as_json else said)
                return outcome.exit_code(True)
            for exchange_id in dict.fromkeys(exchange_ids):
                result = await client.retry(exchange_id)
                outcome.tell(reader, result, as_json=as_json)
                good = good and result.ok
    return outcome.exit_code(good)
