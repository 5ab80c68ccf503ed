"""Take recorded exchanges elsewhere: to a file, a command, a test."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.finding import chosen_argument, chosen_filter_option, filter_of
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.exporting.commands import Urls
    from kiket_console.paths import ProjectPaths
    from kiket_console.store.reader import Reader

FORMATS = ("har", "jsonl", "curl", "markdown", "bundle")

_one_id = click.argument(
    "exchange_id", metavar="ID", type=EXCHANGE, shell_complete=completing.exchange_ids
)
_replace = click.option("--force", is_flag=True, help="Replace what is there already.")


@contextmanager
def _or_forced() -> Iterator[None]:
    """Name the option that replaces what is there already."""
    from kiket_console.new_file import NameTakenError

    try:
        yield
    except NameTakenError as taken:
        taken.hint = "Give another name, or replace it with --force."
        raise


@click.command(
    epilog="""\b
Examples:
  kiket-console traffic export 1187 1204 --format har -o traffic.har
  kiket-console traffic export 1204 --calls -o tests/hot_lead.jsonl
  kiket-console traffic export --filter 'status:>=500 since:1h' --format bundle -o report.zip
  kiket-console traffic export 1204 --format markdown"""
)
@chosen_argument
@chosen_filter_option
@click.option("--calls", is_flag=True, help="With the calls that they caused.")
@click.option(
    "--format", "name", type=click.Choice(FORMATS), default="jsonl", show_default=True,
    help="HTTP Archive, JSON lines, a script of curl, a report, or all as a redacted zip.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write FILE, readable by you alone; without it or as -, standard output.",
)
@_replace
@click.option(
    "--unredacted", is_flag=True, help="Keep what looks like a secret; of one exchange only."
)
@directory_option
@json_option
@click.pass_context
def export(
    context: click.Context,
    exchange_ids: tuple[int, ...],
    wanted: str | None,
    calls: bool,
    name: str,
    output: Path | None,
    force: bool,
    unredacted: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Write exchanges to a file that other programs and people can read."""
    from kiket_console.commands.documents import document
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.exporting.files import made
    from kiket_console.exporting.reading import recorded
    from kiket_console.new_file import write_new
    from kiket_console.store.reader import Reader
    from kiket_console.text import plural, size, visible

    paths = paths_of(context, directory)
    reader = context.with_resource(Reader(paths.store))
    ids = [*dict.fromkeys((*exchange_ids, *(_matching(reader, paths, wanted) if wanted else ())))]
    if not ids:
        raise ConsoleError(
            "No exchange matches the filter." if wanted else "No exchange is named.",
            hint="Give ids, or --filter; `kiket-console traffic list` lists exchanges.",
            exit_code=ExitCode.USAGE,
        )
    for each in exchange_ids:
        reader.known(each)  # one that is named must be there
    if calls:
        ids = _with_calls(reader, ids)
    if unredacted and (len(ids) > 1 or name == "bundle"):
        raise ConsoleError(
            "Only a single exchange can be exported unredacted, and no bundle.",
            exit_code=ExitCode.USAGE,
        )
    raw = made(name, recorded(reader, ids), urls_of(paths), redact=not unredacted)
    if output is None or str(output) == "-":
        if name == "bundle" and sys.stdout.isatty():
            raise ConsoleError(
                "A bundle is no text for a terminal.", hint="Name a file with -o.",
                exit_code=ExitCode.USAGE,
            )  # fmt: skip
        sys.stdout.buffer.write(raw)
        return
    with _or_forced():
        write_new(output, raw, replace=force)
    if as_json:
        click.echo(document(file=str(output.absolute()), exchanges=ids, bytes=len(raw)))
    else:
        how = ", unredacted" if unredacted else ""
        what = f"{plural(len(ids), 'exchange')}, {size(len(raw))}{how}"
        click.echo(f"{visible(str(output.absolute()))} is written: {what}.", err=True)


@click.command()
@_one_id
@click.option("--httpie", is_flag=True, help="A command of HTTPie's instead.")
@directory_option
@json_option
@click.pass_context
def curl(
    context: click.Context, exchange_id: int, httpie: bool, directory: Path | None, as_json: bool
) -> None:
    """Print exchange ID as a curl command, which signs anew when it runs.

    A delivery whose signature was good is signed with $KIKET_WEBHOOK_SECRET when the command runs;
    any other request goes out as it came.
    """
    from kiket_console.commands.documents import document
    from kiket_console.exporting import commands
    from kiket_console.exporting.as_http import as_http
    from kiket_console.store.reader import Reader

    paths = paths_of(context, directory)
    reader = context.with_resource(Reader(paths.store))
    detail = reader.known(exchange_id)
    url = commands.base_url(detail, urls_of(paths))
    made = (commands.httpie if httpie else commands.curl)(as_http(detail), url)
    if as_json:
        click.echo(document(command=made.text, notes=made.notes))
        return
    click.echo(made.text)
    for note in made.notes:
        click.echo(note, err=True)


@click.command(
    epilog="""\b
Example:
  kiket-console traffic save 1204 --name hot_lead
  pytest tests/test_hot_lead.py"""
)
@_one_id
@click.option("--name", metavar="NAME", help="The test's name; without it, the event's.")
@_replace
@directory_option
@json_option
@click.pass_context
def save(
    context: click.Context,
    exchange_id: int,
    name: str | None,
    force: bool,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Save delivery ID as a test and its fixture, in the tests folder of its extension.

    The test signs when it runs, so it passes next week as well.
    """
    from kiket_console.commands.documents import document
    from kiket_console.exporting.case import name_for
    from kiket_console.saved_tests import save_test
    from kiket_console.store.reader import Reader
    from kiket_console.text import visible

    paths = paths_of(context, directory)
    reader = context.with_resource(Reader(paths.store))
    detail = reader.known(exchange_id)
    named = name_for(detail) if name is None else name
    with _or_forced():
        saved = save_test(paths.folder, detail, named, reader, replace=force)
    files = [str(saved.module), str(saved.fixture)]
    if as_json:
        click.echo(document(files=files, notes=saved.notes))
        return
    for file in files:
        click.echo(visible(file))
    for note in saved.notes:
        click.echo(visible(note), err=True)


def urls_of(paths: ProjectPaths) -> Urls:
    """Return where the project's engine can be reached, if one runs."""
    from kiket_console.engine_process import find_engine
    from kiket_console.exporting.commands import Urls

    engine = find_engine(paths)
    return Urls() if engine is None else Urls(engine.gateway_url, engine.platform_url)


def _matching(reader: Reader, paths: ProjectPaths, wanted: str) -> Sequence[int]:
    return reader.matching(filter_of(wanted, paths.folder), 1, reader.newest()[0])


def _with_calls(reader: Reader, ids: Sequence[int]) -> list[int]:
    """Return *ids*, behind each the calls that it caused, and none twice."""
    details = (reader.detail(each, 0) for each in ids)
    found = [
        each
        for detail in details
        if detail is not None
        for each in (detail.exchange.id, *(child.id for child in detail.children))
    ]
    return [*dict.fromkeys(found)]
