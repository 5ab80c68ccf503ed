"""`traffic timeline`: what caused an exchange and what it caused, on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

PLAIN_WIDTH = 120
"""How wide it is drawn where there is no terminal."""


@click.command()
@click.argument(
    "exchange_id",
    metavar="ID",
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
)
@directory_option
@json_option
@click.pass_context
def timeline(
    context: click.Context, exchange_id: int, directory: Path | None, as_json: bool
) -> None:
    """Show what caused exchange ID and all it caused, as bars on one scale.

    Deliveries, attempts, handlers, spans, calls, messages and log lines, from the first cause down.
    What is a guess says so.
    """
    import time

    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.exporting.members import timeline_members
    from kiket_console.store.reader import Reader
    from kiket_console.text import visible
    from kiket_console.tracing.tree import timeline as grown
    from kiket_console.ui.paint.timeline import TimelineRows

    reader = context.with_resource(Reader(paths_of(context, directory).store))
    kin = reader.kin(exchange_id)
    if kin is None:
        reader.known(exchange_id)  # says that there is none
        return
    now_us = time.time_ns() // 1000
    shown = grown(kin, now_us)
    if as_json:
        click.echo(document(**timeline_members(shown)))
        return
    paint = colour.paint()
    rows = TimelineRows(shown, _width(), now_us)
    for row in range(rows.count):
        said = "".join(paint(role, visible(text)) for text, role in rows.line(row))
        colour.echo(said.rstrip())


def _width() -> int:
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH
