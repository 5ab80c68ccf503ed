"""Keep, note, delete and bring back what was recorded: the engine runs, for it alone writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path
    from typing import Any

    from kiket_console.client import Client
    from kiket_console.wire import Selection

    Ask = Callable[[Client, Sequence[int]], Coroutine[Any, Any, Selection]]
    Tell = Callable[[Sequence[int], Sequence[int]], str]


def _done(
    context: click.Context, directory: Path | None, exchange_ids: Sequence[int], ask: Ask
) -> Selection:
    """Ask the engine, and return what it was done to."""
    from kiket_console.client import Client, call

    paths = paths_of(context, directory)

    async def carry_out() -> Selection:
        async with Client(paths) as client:
            return await ask(client, exchange_ids)

    return call(carry_out())


def _say(done: Selection, sentence: str, *, as_json: bool) -> None:
    if as_json:
        from kiket_console.commands.documents import document

        click.echo(document(ids=list(done.ids)))
    else:
        click.echo(sentence, err=True)


def _command(name: str, sentence: str, ask: Ask, tell: Tell) -> click.Command:
    """Return a command that does *ask* to exchanges and says with *tell* what was done."""

    def run(
        context: click.Context, exchange_ids: tuple[int, ...], directory: Path | None, as_json: bool
    ) -> None:
        done = _done(context, directory, exchange_ids, ask)
        _say(done, tell(exchange_ids, done.ids), as_json=as_json)

    exchange_ids = click.argument(
        "exchange_ids",
        metavar="ID...",
        nargs=-1,
        required=True,
        type=EXCHANGE,
        shell_complete=completing.exchange_ids,
    )
    made = click.pass_context(run)
    return click.command(name, help=sentence)(exchange_ids(directory_option(json_option(made))))


def _counted(named: Sequence[int], done: Sequence[int]) -> str:
    from kiket_console.text import plural

    asked = len(set(named))
    along = len(done) - asked
    calls = f" and {plural(along, 'call')} of {'it' if asked == 1 else 'them'}" if along else ""
    return f"{plural(asked, 'exchange')}{calls}"


def _deleted(named: Sequence[int], done: Sequence[int]) -> str:
    ids = " ".join(str(each) for each in dict.fromkeys(named))
    return (
        f"Deleted {_counted(named, done)}. Until the engine quits, "
        f"`kiket-console traffic restore {ids}` undoes it."
    )


@click.command("note")
@click.argument(
    "exchange_id",
    metavar="ID",
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
)
@click.argument("text")
@directory_option
@json_option
@click.pass_context
def note(
    context: click.Context, exchange_id: int, text: str, directory: Path | None, as_json: bool
) -> None:
    """Write one line about an exchange; each #word in it is a tag. An empty TEXT removes it."""
    done = _done(context, directory, (exchange_id,), lambda client, ids: client.note(ids, text))
    said = "Noted at" if text.strip() else "Removed the note of"
    _say(done, f"{said} exchange {exchange_id}.", as_json=as_json)


COMMANDS = (
    note,
    _command(
        "pin",
        "Keep exchanges whatever their age and the store's size.",
        lambda client, ids: client.pin(ids),
        lambda named, done: f"Pinned {_counted(named, done)}.",
    ),
    _command(
        "unpin",
        "Keep exchanges no longer than others.",
        lambda client, ids: client.pin(ids, pinned=False),
        lambda named, done: f"Unpinned {_counted(named, done)}.",
    ),
    _command(
        "delete",
        "Delete exchanges and the calls that they caused.",
        lambda client, ids: client.remove(ids),
        _deleted,
    ),
    _command(
        "restore",
        "Bring deleted exchanges back, until the engine quits.",
        lambda client, ids: client.restore(ids),
        lambda named, done: f"Brought back {_counted(named, done)}.",
    ),
)
