"""How often, how slow, and what saves did to that; works whether or not an engine runs."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import Number
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kiket_console.store.reader import Reader
    from kiket_console.telemetry.report import Change, Line, Report
    from kiket_console.telemetry.reporting import Look
    from kiket_console.ui.paint.line import Line as Painted

GROUPS = ("handler", "worker", "source", "outcome")
PLAIN_WIDTH = 160
"""Cells of a line that goes to a file or a pipe."""
LEAST_WIDTH = 80
WATCH_PERIOD_S = 1.0
WATCH_AT_MOST = 10
"""After so many periods it is said anew whatever was counted: a window moves on."""


@click.command(
    epilog="""\b
Examples:
  kiket-console metrics
  kiket-console metrics --window 1h --filter 'event:issue.* -src:api'
  kiket-console metrics --since-save --json
  kiket-console metrics --window 5m --fail-if slower"""
)
@directory_option
@json_option
@click.option(
    "--window",
    "window_name",
    metavar="TIME",
    default="15m",
    show_default=True,
    shell_complete=completing.windows,
    help="How far back: 1m, 15m, 1h, 24h or any such length, or all.",
)
@click.option(
    "--by",
    "group",
    type=click.Choice(GROUPS),
    default="handler",
    show_default=True,
    help="What a row stands for; handlers are calls and messages of any kind, by name.",
)
@click.option(
    "--filter",
    "text",
    metavar="WORDS",
    default="",
    shell_complete=completing.counted,
    help="Only what has these words, or fields as in `event:issue.* -src:api status:5xx`.",
)
@click.option(
    "--worker",
    metavar="NAME",
    shell_complete=completing.worker_names,
    help="Only what one extension or module did.",
)
@click.option("--since-save", is_flag=True, help="Count only what came after the newest save.")
@click.option("--limit", default=50, type=Number(1, 10_000), help="At most so many rows.")
@click.option("--watch", is_flag=True, help="Say it anew each second, until interrupted.")
@click.option(
    "--fail-if",
    "fatal",
    type=click.Choice(("slower", "errors")),
    multiple=True,
    help="Exit with status 1 where a save made something slower, or where something failed.",
)
@click.pass_context
def metrics(
    context: click.Context,
    directory: Path | None,
    as_json: bool,
    window_name: str,
    group: str,
    text: str,
    worker: str | None,
    since_save: bool,
    limit: int,
    watch: bool,
    fatal: tuple[str, ...],
) -> int:
    """Say how often calls were made, how long they took, and which save made them slower.

    All calls are counted: deliveries, calls to the platform, messages of modules and of producers.
    What got slower stands first, then what took the most time in all.
    """
    from kiket_console.store.reader import Reader
    from kiket_console.telemetry import windows
    from kiket_console.telemetry.reporting import Look, Reporting

    try:
        windows.seconds(window_name)
    except ValueError:
        raise click.BadParameter(
            "name a length of time as in 15m or 24h, or all.", context, param_hint="'--window'"
        ) from None
    if watch and fatal:
        raise click.UsageError("--watch does not end, so that --fail-if cannot tell.", context)
    only = text if worker is None else f'{text} worker:"{worker}"'
    look = Look(window_name, group, only, since_last_save=since_save)
    reader = context.with_resource(Reader(paths_of(context, directory).store))
    reporting = Reporting(reader)
    while True:
        measured = reader.measured()
        report = reporting.report(look, time.time(), reader.too_many())
        if watch and not as_json and sys.stdout.isatty():
            click.clear()
        _show(report, limit, as_json=as_json)
        if not report.lines and not as_json:
            click.echo(_nothing(reader, look), err=True)
        elif since_save and report.after is None and not as_json:
            click.echo("No save came to serve within this time: all of it is counted.", err=True)
        if not watch:
            return _judge(report, fatal)
        _wait_for_news(reader, measured)


def _nothing(reader: Reader, look: Look) -> str:
    """Return why there is no row."""
    if reader.oldest_measure() is None:
        return "Nothing is counted for this project yet."
    if look.only:
        return "Nothing that was counted has these words; --window looks further back."
    return f"Nothing ended in the last {look.window}; --window looks further back."


def _wait_for_news(reader: Reader, measured: int) -> None:
    """Return once something was counted that was not when *measured* was read, or a while on."""
    for _ in range(WATCH_AT_MOST):
        time.sleep(WATCH_PERIOD_S)
        if reader.measured() != measured:
            return


def _show(report: Report, limit: int, *, as_json: bool) -> None:
    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.exporting.members import report_members

    if as_json:
        click.echo(document(**report_members(report, limit)))
        return
    paint = colour.paint()
    for line in _lines(report, limit):
        colour.echo("".join(paint(role, text) for text, role in line).rstrip())


def _lines(report: Report, limit: int) -> Iterator[Painted]:
    """Yield the table, then a sentence for each row that a save made slower."""
    from kiket_console.text import plural
    from kiket_console.ui.paint import metrics as table

    room = (
        shutil.get_terminal_size((PLAIN_WIDTH, 0)).columns if sys.stdout.isatty() else PLAIN_WIDTH
    )
    width = max(room, LEAST_WIDTH)
    yield table.summary(report)
    if not report.lines:
        return
    several = len({each.worker for each in report.lines}) > 1
    columns = table.columns(width, report.group, several=several)
    yield table.header(width, report, columns)
    yield table.row_of_all(report, width, columns)
    for line in report.lines[:limit]:
        yield table.row(line, width, columns)
    if len(report.lines) > limit:
        yield [(f"   {plural(len(report.lines) - limit, 'row')} more: --limit", "muted")]
    for line in report.lines:
        if line.culprit is not None:
            yield []
            yield [(_sentence(line, line.culprit), "")]
            yield [(f"  {_traffic(line, report, line.culprit)}", "muted")]


def _sentence(line: Line, culprit: Change) -> str:
    from kiket_console.telemetry import words
    from kiket_console.text import plural
    from kiket_console.ui.paint.metrics import save_name

    percentile, before, since = words.moved(culprit)
    return (
        f"{words.name(line)} is slower since {save_name(culprit.reload)}: {percentile} "
        f"{words.from_to(before, since)} ({plural(culprit.before.count, 'call')} before, "
        f"{culprit.since.count:,} since, {words.chance(culprit.p_value)})."
    )


def _traffic(line: Line, report: Report, culprit: Change) -> str:
    """Return the command that lists the calls that are slower."""
    import shlex

    from msgspec.structs import replace

    from kiket_console.text import visible
    from kiket_console.ui.metrics_leads import filter_of

    text = filter_of(line, replace(report, after=culprit.reload), None)
    return visible(f"kiket-console traffic list --filter {shlex.quote(text)}")


def _judge(report: Report, fatal: tuple[str, ...]) -> int:
    """Return the exit status; say what is wrong where `--fail-if` asks for it."""
    from kiket_console.errors import ExitCode
    from kiket_console.telemetry import words
    from kiket_console.text import plural

    said: list[str] = []
    if "slower" in fatal:
        said += [_sentence(each, each.culprit) for each in report.lines if each.culprit]
    if "errors" in fatal and report.errors:
        failed = [words.name(each) for each in report.lines if each.errors]
        said.append(f"{plural(report.errors, 'call')} failed: {', '.join(failed)}.")
    if "slower" in fatal and (unsure := _unsure(report)):
        click.echo(f"Too few calls before or since a save to judge: {unsure}.", err=True)
    for sentence in said:
        click.echo(sentence, err=True)
    return ExitCode.FAILURE if said else ExitCode.OK


def _unsure(report: Report) -> str:
    """Return the names of rows of which it cannot be said what the newest save did."""
    from kiket_console.telemetry import words
    from kiket_console.telemetry.verdict import FEW

    few = [each for each in report.lines if each.change and each.change.verdict == FEW]
    return ", ".join(words.name(each) for each in few if not each.culprit)
