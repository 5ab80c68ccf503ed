"""Send messages to a producer, signed: through the engine where one runs, else from here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import EXCHANGE, Number
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.wire_producer import FAULTS, PRODUCER_WAYS

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from click.shell_completion import CompletionItem

    from kiket_console.commands.produce_road import Road
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire_producer import ProducerMessage, SinkFault

READ_LIMIT = 16 * 1024 * 1024
"""Of a file or of stdin, so much is read: more than a producer takes, to be told so."""


def _templates(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    from click.shell_completion import CompletionItem

    from kiket_console.producing import templates

    del context
    known = [*templates.of_project(Path()), *templates.built_in()]
    return [
        CompletionItem(each.name, help=each.meaning)
        for each in known
        if each.name.startswith(incomplete)
    ]


@click.command(
    epilog="""\b
Examples:
  kiket-console produce message.json
  kiket-console produce message.json --dry-run
  kiket-console produce --template payment --way wrong-secret
  kiket-console produce message.json --profile dev --url https://….lambda-url.eu-west-1.on.aws/
  echo '{"event_type": "user.created", …}' | kiket-console produce - --count 10 --every 200ms
  kiket-console produce --sink-fault throttle:3
  kiket-console produce --again"""
)
@click.argument("file", required=False, metavar="FILE|-")
@click.option(
    "--template",
    default="",
    metavar="NAME",
    shell_complete=_templates,
    help="Send a template instead: one of messages/*.json, or one that comes with the program.",
)
@click.option("--profile", default="", metavar="NAME", help="The AWS profile that signs, or local.")
@click.option("--region", default="", metavar="NAME", help="The region to sign for.")
@click.option("--url", default="", metavar="URL", help="Where it goes; else the engine's own sink.")
@click.option("--service", default="", metavar="NAME", help="The service to sign for; else lambda.")
@click.option(
    "--schema",
    default="",
    metavar="FILE",
    help="Check the message against another JSON schema.",
)
@click.option(
    "--way",
    type=click.Choice(PRODUCER_WAYS),
    default=PRODUCER_WAYS[0],
    help="Break the signature on purpose, to see what is answered.",
)
@click.option("--count", default=1, type=Number(1, 10_000), help="Send it so many times.")
@click.option("--every", default="", metavar="TIME", help="So far apart, as 200ms or 1.5s.")
@click.option(
    "--dry-run", is_flag=True, help="Show what would be sent, and what is signed; send nothing."
)
@click.option(
    "--resend",
    "exchange_id",
    type=EXCHANGE,
    metavar="ID",
    shell_complete=completing.exchange_ids,
    help="Send a recorded message again, as it was and where it went.",
)
@click.option("--again", is_flag=True, help="Send what could not be sent before.")
@click.option(
    "--sink-fault",
    "faults",
    multiple=True,
    metavar="KIND[:TIMES[:SECONDS]]",
    help=f"Let the engine's sink fail: {', '.join(FAULTS)}; none ends it. May be repeated.",
)
@click.option("--profiles", is_flag=True, help="List what there is to sign with; send nothing.")
@directory_option
@json_option
@click.pass_context
def produce(
    context: click.Context,
    file: str | None,
    template: str,
    profile: str,
    region: str,
    url: str,
    service: str,
    schema: str,
    way: str,
    count: int,
    every: str,
    dry_run: bool,
    exchange_id: int | None,
    again: bool,
    faults: tuple[str, ...],
    profiles: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Sign the message in FILE, send it to the producer, and print its tracking id."""
    from kiket_console.client import call
    from kiket_console.commands.produce_road import road_of
    from kiket_console.producing import fault_words
    from kiket_console.wire_producer import ProducerMessage

    paths = paths_of(context, directory)
    told = sum((file is not None, bool(template), exchange_id is not None, again))
    if told > 1:
        said = "FILE, --template, --resend and --again all say what to send; give one."
        raise click.UsageError(said, context)
    if not told and not faults and not profiles:
        raise click.UsageError("Name a FILE with a message, - for stdin, or --template.", context)
    work = _Work(paths, dry_run=dry_run, count=count, every=every, as_json=as_json)
    if faults or profiles:
        wanted = [fault_words.read(each) for each in faults if each != "none"]
        call(work.tell_sink(wanted, is_set=bool(faults)))
        if not told:
            return 0
    if exchange_id is not None:
        return call(work.resend(exchange_id))
    if again:
        return call(work.again(road_of(paths, ProducerMessage(""))))
    text = _text(paths, file, template)
    if not schema:
        _check(text, template or ("stdin" if file == "-" else str(file)))
    place = str(Path(schema).absolute()) if schema else ""
    asked = ProducerMessage(text, url, profile, region, service, way, schema_path=place)
    return call(work.send(road_of(paths, asked), asked, is_piped=file == "-"))


class _Work:
    """Send, and tell how it went."""

    def __init__(
        self, paths: ProjectPaths, *, dry_run: bool, count: int, every: str, as_json: bool
    ) -> None:
        from kiket_console.sending.repeating import seconds

        self._paths = paths
        self._dry_run = dry_run
        self._count = count
        self._every_s = seconds(every) if every else 0.0
        self._as_json = as_json

    async def tell_sink(self, faults: list[SinkFault], *, is_set: bool) -> None:
        """Tell the sink what to fail with, where that *is_set*; print what there is."""
        from kiket_console.client import Client
        from kiket_console.commands.producer_outcome import tell_state

        async with Client(self._paths) as client:
            calls = client.producer
            state = await (calls.set_faults(faults) if is_set else calls.state())
        tell_state(state, as_json=self._as_json)

    async def send(
        self, road: AbstractAsyncContextManager[Road], asked: ProducerMessage, *, is_piped: bool
    ) -> int:
        """Send a message so many times; return the exit status of the first that failed."""
        import asyncio
        import time

        from kiket_console.commands import producer_outcome
        from kiket_console.errors import ConsoleError, ExitCode

        exit_code = 0
        is_kept = False
        try:
            async with road as taken:
                if self._dry_run:
                    preview = await taken.preview(asked)
                    producer_outcome.tell_preview(preview, as_json=self._as_json)
                    return 0
                next_s = time.monotonic()
                for _ in range(self._count):
                    await asyncio.sleep(max(0.0, next_s - time.monotonic()))
                    next_s += self._every_s
                    result = await taken.send(asked)
                    name = _name(asked)
                    producer_outcome.tell(result, name, as_json=self._as_json)
                    if result.error and not result.kept:
                        self._keep(asked, is_piped=is_piped)
                    is_kept = is_kept or result.kept
                    exit_code = exit_code or result.exit_code
        except ConsoleError as error:
            if not self._dry_run and error.exit_code is not ExitCode.USAGE:
                self._keep(asked, is_piped=is_piped)
            raise
        if is_kept:
            click.echo("Kept in Traffic; `kiket-console produce --again` sends it.", err=True)
        return exit_code

    async def resend(self, exchange_id: int) -> int:
        """Send a recorded message again; return its exit status."""
        from kiket_console.client import Client
        from kiket_console.commands import producer_outcome

        async with Client(self._paths) as client:
            result = await client.producer.resend(exchange_id)
        producer_outcome.tell(result, f"again #{exchange_id}", as_json=self._as_json)
        return result.exit_code

    async def again(self, road: AbstractAsyncContextManager[Road]) -> int:
        """Send what waits; return the exit status of the first that failed."""
        from kiket_console.commands import producer_outcome
        from kiket_console.errors import ConsoleError
        from kiket_console.producing import unsent

        exit_code = 0
        async with road as taken:
            waiting = unsent.kept(self._paths.unsent)
            ids = await taken.kept()
            for exchange_id in ids:
                try:
                    result = await taken.resend(exchange_id)
                except ConsoleError as error:
                    click.echo(f"#{exchange_id}: {error}", err=True)
                    exit_code = exit_code or error.exit_code
                    continue
                producer_outcome.tell(result, f"again #{exchange_id}", as_json=self._as_json)
                exit_code = exit_code or result.exit_code
            for each in waiting:
                try:
                    result = await taken.send(each.message)
                except ConsoleError as error:
                    click.echo(f"{each.file}: {error}", err=True)
                    exit_code = exit_code or error.exit_code
                    continue
                producer_outcome.tell(result, _name(each.message), as_json=self._as_json)
                if not result.error or result.kept:
                    each.forget()
                exit_code = exit_code or result.exit_code
        if not ids and not waiting:
            click.echo("Nothing waits to be sent again.", err=True)
        return exit_code

    def _keep(self, asked: ProducerMessage, *, is_piped: bool) -> None:
        """Keep a message that came from stdin, or say why not; a file is there still."""
        from kiket_console.errors import ConsoleError
        from kiket_console.producing import unsent

        if not is_piped or asked.way != PRODUCER_WAYS[0]:
            return
        if not unsent.may_be_kept(asked):
            click.echo("It is sensitive, so it was not kept; send it anew.", err=True)
            return
        try:
            file = unsent.keep(self._paths.unsent, asked)
        except ConsoleError as error:
            click.echo(f"It was not kept: {error}", err=True)
            return
        click.echo(f"Kept as {file}; `kiket-console produce --again` sends it.", err=True)


def _text(paths: ProjectPaths, file: str | None, template: str) -> str:
    """Return the message that is to be sent; raises `ConsoleError` for what cannot be read."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.producing import templates

    if file is None:
        return templates.named(paths.folder, template).text
    name = "stdin" if file == "-" else file
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(READ_LIMIT + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(READ_LIMIT + 1)
        if len(raw) > READ_LIMIT:
            raise ConsoleError(
                f"{name} has more than {READ_LIMIT:,} bytes, which no producer takes.",
                exit_code=ExitCode.TOO_LARGE,
            )
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConsoleError(
            f"{name} cannot be read: {error.strerror}.",
            hint="Name a file with a message in JSON, or - for stdin.",
            exit_code=ExitCode.USAGE,
        ) from error
    except UnicodeDecodeError:
        raise ConsoleError(
            f"{name} is no text in UTF-8.", hint="Write it anew.", exit_code=ExitCode.USAGE
        ) from None


def _check(text: str, name: str) -> None:
    """Say at which lines a message is wrong; raises `ConsoleError` with the first of them."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.producing import checking, schema
    from kiket_console.text import visible

    wrong = checking.check(text, schema.built_in())
    told = [f"{name}:{each.line + 1}:{each.column + 1}: {each.sentence}" for each in wrong]
    for line in told[1:]:
        click.echo(visible(line), err=True)
    if told:
        raise ConsoleError(told[0], hint="Correct it; nothing was sent.", exit_code=ExitCode.USAGE)


def _name(asked: ProducerMessage) -> str:
    """Return a message's event type, for who reads what became of it."""
    import json

    try:
        fields = json.loads(asked.message)
    except (ValueError, RecursionError):
        return ""
    return str(fields.get("event_type", "")) if isinstance(fields, dict) else ""
