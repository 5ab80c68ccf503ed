"""Send messages to modules by hand, or recorded ones again; the engine has to run."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.group import CommandGroup
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.commands.options import directory_option, json_option, paths_of
from kiket_console.wire import CHANNELS

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from click.shell_completion import CompletionItem

    from kiket_console.client_modules import ModuleCalls
    from kiket_console.wire import IpcOp, IpcResult

WAIT_S = 30.0
_MOST_S = 600.0

wait_option = click.option(
    "--timeout",
    "timeout_s",
    default=WAIT_S,
    show_default=True,
    type=click.FloatRange(0, _MOST_S, min_open=True),
    help="How many seconds an answer may take.",
)


def _op_names(
    context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    return completing.ops(context, incomplete)


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  kiket-console ipc ops routed_module_message
  kiket-console ipc send billing http_request --data '{"method": "GET", "uri": "/invoices"}'
  kiket-console ipc send billing heartbeat --channel tcp
  kiket-console ipc send billing routed_module_message --data @greeting.json
  kiket-console ipc replay 1187""",
)
def ipc() -> None:
    """Send messages to modules, and see what modules offer each other."""


@ipc.command()
@click.argument("op", default="", metavar="[OP]", shell_complete=_op_names)
@directory_option
@json_option
@click.pass_context
def ops(context: click.Context, op: str, directory: Path | None, as_json: bool) -> None:
    """List the messages that can be sent to a module; with OP, its fields and a sample."""

    async def read(calls: ModuleCalls) -> tuple[IpcOp, ...]:
        return await calls.ops()

    found = _ask(context, directory, read)
    chosen = [each for each in found if each.op == op] if op else found
    if not chosen:
        from kiket_console.errors import ConsoleError, ExitCode

        names = ", ".join(each.op for each in found)
        raise ConsoleError(
            f'There is no message "{op}".', hint=f"Known: {names}.", exit_code=ExitCode.USAGE
        )
    if as_json:
        import msgspec

        from kiket_console.commands.documents import document

        for each in chosen:
            click.echo(document(**msgspec.to_builtins(each)))
    elif op:
        _tell_op(chosen[0])
    else:
        width = max(len(each.op) for each in chosen)
        for each in chosen:
            click.echo(f"{each.op:<{width}}  {each.meaning}")


@ipc.command()
@click.argument("module", metavar="MODULE", shell_complete=completing.worker_names)
@click.argument("op", metavar="OP", shell_complete=_op_names)
@click.option(
    "--data",
    default="{}",
    metavar="JSON|@FILE|-",
    help='The message\'s fields; `ipc ops OP` names them. Bytes are {"text": …}, {"json": …} or '
    "an array of numbers; [secret:NAME] stands for a secret's value.",
)
@click.option(
    "--channel",
    type=click.Choice(CHANNELS[1:]),
    default=None,
    help="By what it goes; else as the orchestrator would send it.",
)
@wait_option
@directory_option
@json_option
@click.pass_context
def send(
    context: click.Context,
    module: str,
    op: str,
    data: str,
    channel: str | None,
    timeout_s: float,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send the message OP to MODULE, and print what it is answered, if anything."""
    from kiket_console.commands.deliver import read_data
    from kiket_console.wire import IpcMessage

    message = IpcMessage(module, read_data(data), op, channel or "", timeout_s=timeout_s)

    async def carry_out(calls: ModuleCalls) -> IpcResult:
        return await calls.send(message)

    return _tell(_ask(context, directory, carry_out), as_json=as_json)


@ipc.command()
@click.argument("exchange_id", metavar="ID", type=EXCHANGE, shell_complete=completing.exchange_ids)
@wait_option
@directory_option
@json_option
@click.pass_context
def replay(
    context: click.Context,
    exchange_id: int,
    timeout_s: float,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Send a recorded message to its module again, under an id of its own."""

    async def carry_out(calls: ModuleCalls) -> IpcResult:
        return await calls.replay(exchange_id, timeout_s)

    return _tell(_ask(context, directory, carry_out), as_json=as_json)


@ipc.command()
@directory_option
@json_option
@click.pass_context
def services(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """List the services that modules offer each other."""
    from kiket_console.text import fit, visible

    async def read(calls: ModuleCalls) -> Any:
        return await calls.services()

    found = _ask(context, directory, read)
    if as_json:
        _documents(found)
    elif not found:
        click.echo("No module offers a service.", err=True)
    for each in () if as_json else found:
        sign = "●" if each.healthy else "✗"
        kind = each.service_type.removeprefix("custom:")
        columns = (fit(visible(kind), 16), fit(visible(each.name), 20), fit(each.module, 16))
        click.echo(f"{sign} {'  '.join(columns)}  {visible(each.address)}")


@ipc.command()
@directory_option
@json_option
@click.pass_context
def programs(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """List the programs that registered themselves, and say where they do."""
    from kiket_console.text import age, fit, visible

    async def read(calls: ModuleCalls) -> Any:
        return await calls.registrations()

    found = _ask(context, directory, read)
    if as_json:
        _documents([found])
        return
    where = f"Programs register on {found.address}." if found.address else "There is no module."
    click.echo(where, err=True)
    now_us = time.time_ns() // 1000
    for each in found.programs:
        heard = f"heard {age(now_us - each.heard_us)} ago"
        status = fit(each.status or "-", 10)
        columns = (fit(visible(each.name), 20), fit(visible(each.version), 10), status, heard)
        click.echo("  ".join(columns))


def _ask(context: click.Context, directory: Path | None, work: Any) -> Any:
    """Return what *work* says, given the calls of a running engine."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def ask() -> Any:
        async with Client(paths) as client:
            return await work(client.modules)

    return call(ask())


def _documents(found: Any) -> None:
    import msgspec

    from kiket_console.commands.documents import document

    for each in found:
        click.echo(document(**msgspec.to_builtins(each)))


def _tell_op(op: IpcOp) -> None:
    click.echo(f"{op.op}: {op.meaning}")
    width = max((len(each.name) for each in op.fields), default=0)
    for each in op.fields:
        needed = "needed" if each.required else ""
        click.echo(f"  {each.name:<{width}}  {each.kind:<12}  {needed:<6}  {each.meaning}".rstrip())
    if op.answer:
        click.echo(f"It is answered by {op.answer}.")
    sample = {name: value for name, value in op.sample.items() if name != "op"}
    click.echo(f"\n{json.dumps(sample, indent=2, ensure_ascii=False)}")


def _tell(result: IpcResult, *, as_json: bool) -> int:
    """Print what became of a message: a line, and the answer; return the exit status."""
    from kiket_console.commands import outcome
    from kiket_console.text import duration, encodable, visible

    if as_json:
        _documents([result])
        return outcome.exit_code(result.ok)
    number = f"#{result.exchange_id}" if result.exchange_id else "not recorded"
    took = "" if result.duration_us is None else f"  {duration(result.duration_us)}"
    ending = result.state if result.status is None else str(result.status)
    if result.ok and result.status is None:
        ending = "answered" if result.reply is not None else "sent"
    sign = "" if result.ok else " ✗"
    by = f"  over {result.channel}" if result.channel else ""
    click.echo(f"{number}  {visible(result.op)}  {ending}{sign}{took}{by}", err=True)
    if result.reply is not None:
        text = encodable(json.dumps(result.reply, indent=2, ensure_ascii=False))
        for line in text.split("\n"):
            click.echo(visible(line))
    if result.error:
        click.echo(f"  {visible(result.error)}", err=True)
    return outcome.exit_code(result.ok)
