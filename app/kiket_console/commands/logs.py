"""Read what the code printed and logged; works whether or not an engine runs."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.finding import pointing
from kiket_console.commands.numbers import EXCHANGE, Number
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from kiket_console.filters.log_filter import LogFilter
    from kiket_console.model import LogLine
    from kiket_console.store.reader import Reader

LEVELS = ("debug", "info", "warning", "error", "critical")
CHUNK = 20_000
"""So many lines are looked at together, the newest first."""
PAGE = 500
FOLLOW_PERIOD_S = 0.1


@click.command(
    epilog="""\b
Examples:
  kiket-console logs --follow
  kiket-console logs --level warning --worker billing
  kiket-console logs --filter 'is:error since:1h' --json
  kiket-console logs --exchange 1203 --locals"""
)
@directory_option
@json_option
@click.option("-f", "--follow", is_flag=True, help="Go on with each new line, until interrupted.")
@click.option(
    "--limit",
    default=50,
    type=Number(0, 1_000_000),
    show_default=True,
    help="The newest so many.",
)
@click.option(
    "--worker",
    metavar="NAME",
    shell_complete=completing.worker_names,
    help="Lines of one worker; the engine's own are those of `engine`.",
)
@click.option("--level", type=click.Choice(LEVELS), help="Records as grave as that, or graver.")
@click.option(
    "--exchange",
    metavar="ID",
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
    help="Lines that were logged while an exchange was handled.",
)
@click.option(
    "--locals",
    "with_locals",
    is_flag=True,
    help="Below each frame of a traceback, what its variables were.",
)
@click.option(
    "--filter",
    "text",
    metavar="FILTER",
    default="",
    help="Lines that match: words, or fields as in `is:error logger:app.* since:15m`.",
)
@click.pass_context
def logs(
    context: click.Context,
    directory: Path | None,
    as_json: bool,
    follow: bool,
    limit: int,
    worker: str | None,
    level: str | None,
    exchange: int | None,
    with_locals: bool,
    text: str,
) -> None:
    """Print what the code printed and logged, oldest first."""
    from kiket_console.store.reader import Reader

    paths = paths_of(context, directory)
    wanted = _filter(paths.folder, text, worker=worker, level=level, exchange=exchange)
    reader = context.with_resource(Reader(paths.store))
    newest = reader.newest()[2]
    found = _newest(reader, wanted, newest, limit)
    say = partial(_echo, as_json=as_json, with_locals=with_locals)
    _print(reader, found, say)
    if not follow:
        if not found and not as_json:
            click.echo("Nothing was logged that matches." if newest else _EMPTY, err=True)
        return
    while True:
        time.sleep(FOLLOW_PERIOD_S)
        last, newest = newest, reader.newest()[2]
        for low in range(last + 1, newest + 1, CHUNK):
            fresh = reader.matching_logs(wanted, low, min(newest, low + CHUNK - 1))
            _print(reader, fresh, say)


_EMPTY = "Nothing is logged for this project yet."


def _filter(
    folder: Path, text: str, *, worker: str | None, level: str | None, exchange: int | None
) -> LogFilter:
    """Return the filter that the options say together; raises `FilterError`."""
    from kiket_console import saved_filters
    from kiket_console.filters import log_lines

    saved = saved_filters.load(folder) if "@" in text else {}
    with pointing(text):  # by itself first, so that errors name its own columns
        typed = log_lines.parse(text, saved=saved)
    parts = [f"({text})"] if typed.text.strip() else []
    if worker is not None:
        parts.append(f"worker:{log_lines.quoted(worker)}")
    if level is not None:
        parts.append(f"level:>={level}")
    if exchange is not None:
        parts.append(f"exchange:{exchange}")
    return log_lines.parse(" ".join(parts), saved=saved)


def _newest(reader: Reader, wanted: LogFilter, newest: int, limit: int) -> Sequence[int]:
    """Return the ids of the newest *limit* lines that match, ascending."""
    pages: list[array[int]] = []
    left, high = limit, newest
    oldest = max(1, reader.oldest_log())
    while high >= oldest and left > 0:
        low = max(oldest, high - CHUNK + 1)
        found = reader.matching_logs(wanted, low, high)[-left:]
        pages.append(found)
        left -= len(found)
        high = low - 1
    return [each for page in reversed(pages) for each in page]


def _print(reader: Reader, ids: Sequence[int], say: Callable[[LogLine], None]) -> None:
    for start in range(0, len(ids), PAGE):
        for line in reader.log_page(ids[start : start + PAGE]):
            say(line)


def _echo(line: LogLine, *, as_json: bool, with_locals: bool) -> None:
    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.commands.lines import log_lines
    from kiket_console.exporting.members import log_members

    if as_json:
        click.echo(document(**log_members(line)))
    else:
        colour.echo("\n".join(log_lines(line, colour.paint(), with_locals=with_locals)))
