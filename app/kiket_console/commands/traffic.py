"""Read what was recorded; works whether or not an engine runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.curate import COMMANDS
from kiket_console.commands.difference import diff
from kiket_console.commands.filters import filters
from kiket_console.commands.finding import filter_of, filter_option
from kiket_console.commands.group import CommandGroup
from kiket_console.commands.numbers import EXCHANGE, Number
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.commands.sharing import curl, export, save
from kiket_console.commands.timeline import timeline
from kiket_console.order import Column, Order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.filters import Filter
    from kiket_console.model import Attempt, Detail, Exchange, LogLine, Message
    from kiket_console.store.reader import Reader

SHOWN_BODY_CHARACTERS = 20_000
SENTENCE_CELLS = 100
PAGE = 128
FOLLOW_PERIOD_S = 0.1
MOST = sys.maxsize


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  kiket-console traffic list --filter 'event:issue.* status:>=500'
  kiket-console traffic show 1203
  kiket-console traffic tail --json""",
)
def traffic() -> None:
    """List, show, compare, export, keep or delete recorded exchanges."""


for command in (*COMMANDS, diff, export, curl, save, filters, timeline):
    traffic.add_command(command)


@traffic.command("list")
@directory_option
@json_option
@filter_option
@click.option(
    "--limit",
    default=50,
    type=Number(1, 100_000),
    help="The newest so many; with --order, the first so many in that order.",
)
@click.option(
    "--worker",
    metavar="NAME",
    shell_complete=completing.worker_names,
    help="Those of one extension only.",
)
@click.option(
    "--order",
    "column",
    type=click.Choice([each.value for each in Column]),
    help="List by duration, the slowest first, by size, by status, failures first, by event, "
    "worker or source, or by time.",
)
@click.option("--reverse", is_flag=True, help="The other way round; alone, the newest first.")
@click.pass_context
def list_exchanges(
    context: click.Context,
    directory: Path | None,
    as_json: bool,
    filter_text: str | None,
    limit: int,
    worker: str | None,
    column: str | None,
    reverse: bool,
) -> None:
    """List the newest exchanges, oldest first, or all of them in another order."""
    from kiket_console.commands.lines import list_head
    from kiket_console.store.reader import Reader
    from kiket_console.text import visible

    paths = paths_of(context, directory)
    wanted = None if filter_text is None else filter_of(filter_text, paths.folder)
    reader = context.with_resource(Reader(paths.store))
    if column is None and not reverse:
        ids = _ids_of(reader, wanted, worker, limit)
    else:
        order = Order(Column(column or Column.TIME), reverse)
        ids = reader.ordered(order, _ids_of(reader, wanted, worker, MOST))[:limit]
    if not ids:
        whose = "" if worker is None else f" of {visible(worker)}"
        why = "is recorded for this project yet" if wanted is None else "matches the filter"
        click.echo(f"Nothing{whose} {why}.", err=True)
        return
    some = reader.page(ids[-PAGE:])
    several = worker is None and len({each.worker for each in some}) > 1
    if not as_json:
        click.echo(list_head(worker=several))
    above: Exchange | None = None
    for start in range(0, len(ids), PAGE):
        page = reader.page(ids[start : start + PAGE])
        above = _print(page, as_json=as_json, above=above, worker=several)


def _ids_of(reader: Reader, wanted: Filter | None, worker: str | None, limit: int) -> Sequence[int]:
    """Return the ids of the newest exchanges that match, and are of one worker; ascending."""
    if wanted is not None and worker is None:
        return reader.newest_matching(wanted, limit)
    ids = reader.ids()
    if worker is None:
        return ids[-limit:]
    found: list[int] = []
    for end in range(len(ids), 0, -PAGE):
        page = reader.page(ids[max(0, end - PAGE) : end])
        of_worker = [each.id for each in page if each.worker == worker]
        if wanted is not None and of_worker:
            of_worker = [*reader.matching_among(wanted, of_worker)]
        found += reversed(of_worker)
        if len(found) >= limit:
            break
    return found[:limit][::-1]


@traffic.command()
@click.argument(
    "exchange_id",
    metavar="ID",
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
)
@directory_option
@json_option
@click.pass_context
def show(context: click.Context, exchange_id: int, directory: Path | None, as_json: bool) -> None:
    """Show all that is known of exchange ID."""
    from kiket_console.commands.documents import document
    from kiket_console.exporting.members import detail_members, log_members
    from kiket_console.store.reader import Reader

    reader = context.with_resource(Reader(paths_of(context, directory).store))
    detail = reader.known(exchange_id)
    logs = reader.exchange_logs(exchange_id)
    if as_json:
        click.echo(document(**detail_members(detail), logs=[log_members(line) for line in logs]))
    else:
        click.echo("\n".join(_detail_lines(detail, logs)))


@traffic.command()
@directory_option
@json_option
@filter_option
@click.option("--limit", default=10, type=Number(0, 10_000), help="Begin so many back.")
@click.pass_context
def tail(
    context: click.Context,
    directory: Path | None,
    as_json: bool,
    filter_text: str | None,
    limit: int,
) -> None:
    """Print the newest exchanges, then each one as it ends, until interrupted."""
    from kiket_console.commands.lines import list_head
    from kiket_console.store.reader import Reader

    paths = paths_of(context, directory)
    wanted = None if filter_text is None else filter_of(filter_text, paths.folder)
    reader = context.with_resource(Reader(paths.store))
    known = reader.ids()
    begun = known[-limit:] if limit else known[:0]
    if wanted is not None and limit:
        begun = reader.newest_matching(wanted, limit)
    last = known[-1] if known else 0
    open_ids = list(begun)
    above: Exchange | None = None
    if not as_json:
        click.echo(list_head())
    while True:
        page = reader.page(open_ids[:PAGE])
        ended = [each for each in page if not each.is_open]
        matching = ended
        if wanted is not None and ended:
            found = {*reader.matching_among(wanted, [each.id for each in ended])}
            matching = [each for each in ended if each.id in found]
        above = _print(matching, as_json=as_json, above=above)
        open_ids = [each.id for each in page if each.is_open] + open_ids[PAGE:]
        fresh = reader.ids(last)
        if fresh:
            last = fresh[-1]
            open_ids.extend(fresh)
        elif not ended:
            time.sleep(FOLLOW_PERIOD_S)


def _print(
    exchanges: Sequence[Exchange], *, as_json: bool, above: Exchange | None, worker: bool = False
) -> Exchange | None:
    """Print exchanges below the one *above*, with their *worker*; return the last."""
    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.commands.lines import exchange_line
    from kiket_console.exporting.members import exchange_members
    from kiket_console.ui.paint.traffic import neighbour

    for exchange in exchanges:
        if as_json:
            click.echo(document(**exchange_members(exchange)))
        else:
            below = neighbour(exchange, above)
            painted = exchange_line(
                exchange, below_cause=below, worker=worker, paint=colour.paint()
            )
            colour.echo(painted)
        above = exchange
    return above


def _detail_lines(detail: Detail, logs: Sequence[LogLine]) -> list[str]:
    from kiket_console.carried import readable
    from kiket_console.commands.lines import exchange_line, list_head, log_lines, title
    from kiket_console.model import State
    from kiket_console.text import visible

    detail = readable(detail)
    exchange = detail.exchange
    lines = [list_head(), exchange_line(exchange)]
    if exchange.state is State.REJECTED and exchange.status is not None:
        lines.append(f"  never forwarded, answered {exchange.status}")
    if exchange.parent_id is not None:
        guess = " (guessed)" if exchange.parent_guessed else ""
        lines.append(f"  caused by {exchange.parent_id}{guess}")
    if exchange.note:
        lines.append(f"  noted: {visible(exchange.note)}")
    if detail.judgement is not None:
        lines += ["", "Signature", f"  {visible(detail.judgement.sentence)}"]
    lines += ["", f"Request   {visible(f'{exchange.method} {exchange.path}')}"]
    lines += _message_lines(detail.request)
    for attempt in detail.attempts:
        lines += ["", *_attempt_lines(attempt)]
    lines += _fate_lines(detail)
    if detail.children:
        lines += ["", "Caused"]
        lines += [f"  {title(child)}  {child.status or child.state}" for child in detail.children]
    if logs:
        lines += ["", "Logs", *(f"  {each}" for line in logs for each in log_lines(line))]
    return lines


def _fate_lines(detail: Detail) -> list[str]:
    """Return what a guard decided, and whether the delivery is tried again."""
    from msgspec.structs import replace

    from kiket_console.ui.paint import fate

    now_us = time.time_ns() // 1000
    lines: list[str] = []
    if decided := fate.decision_lines(detail, SENTENCE_CELLS):
        lines += ["", "Decision", *("".join(text for text, _ in line) for line in decided)]
    if detail.exchange.retry:
        said = fate.parts(replace(detail.exchange, decision=""), now_us)
        lines += ["", "Retries", *("  " + "".join(text for text, _ in line) for line in said)]
    return lines


def _attempt_lines(attempt: Attempt) -> list[str]:
    from kiket_console.text import duration, visible

    ending = attempt.state if attempt.status is None else str(attempt.status)
    took = "" if attempt.duration_us is None else f"  {duration(attempt.duration_us)}"
    lines = [f"Attempt {attempt.number}  {ending}{took}  on {visible(attempt.target)}"]
    if attempt.error:
        lines.append(f"  {visible(attempt.error)}")
    return lines if attempt.answer is None else lines + _message_lines(attempt.answer)


def _message_lines(message: Message) -> list[str]:
    from kiket_console.text import decode, size, visible

    lines = [f"  {visible(name)}: {visible(value)}" for name, value in message.headers]
    if not message.body.raw:
        return lines
    shown = _indented(decode(message.body.raw))
    cut = shown[:SHOWN_BODY_CHARACTERS]
    lines += ["", *(f"  {visible(line)}" for line in cut.split("\n"))]
    if len(cut) < len(shown) or message.body.truncated:
        lines.append(f"  … {size(message.body.size)} in all; --json prints what is kept.")
    return lines


def _indented(text: str) -> str:
    """Return JSON *text* on several lines, or other text as it is."""
    import json

    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
