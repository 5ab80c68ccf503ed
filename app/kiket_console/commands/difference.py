"""Tell how two recorded exchanges differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kiket_console.commands import completing
from kiket_console.commands.numbers import EXCHANGE
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kiket_console.commands.colour import Paint
    from kiket_console.comparing.exchanges import Comparison, Side
    from kiket_console.comparing.rows import Row
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader


@click.command(
    "diff",
    epilog="""\b
Examples:
  kiket-console traffic diff 1204
  kiket-console traffic diff 1187 1204 --ignore '$..processed_at' --unordered

It ends with 0 when nothing differs, and with 6 when something does. Durations do not count.
Without B, exchange A is compared with the one that it repeats, or else with the one before it of
the same event. Paths in [compare] ignore of kiket.toml are ignored too.""",
)
@click.argument("first", metavar="A", type=EXCHANGE, shell_complete=completing.exchange_ids)
@click.argument(
    "second",
    metavar="[B]",
    required=False,
    type=EXCHANGE,
    shell_complete=completing.exchange_ids,
)
@click.option("--ignore", multiple=True, metavar="PATH", help="Leave a JSON path out. Repeatable.")
@click.option("--unordered", is_flag=True, help="Take arrays as collections without an order.")
@click.option("--noise", is_flag=True, help="Let headers count that differ each time, as date.")
@click.option("--whole", is_flag=True, help="Print what is the same as well.")
@directory_option
@json_option
@click.pass_context
def diff(
    context: click.Context,
    first: int,
    second: int | None,
    ignore: tuple[str, ...],
    unordered: bool,
    noise: bool,
    whole: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Tell how exchange A differs from B: status, headers, bodies."""
    from kiket_console import ignored_paths
    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.comparing.bodies import Manner
    from kiket_console.comparing.exchanges import compare_exchanges
    from kiket_console.errors import ExitCode
    from kiket_console.store.reader import Reader

    paths = paths_of(context, directory)
    manner = Manner(
        noise=noise,
        unordered=unordered,
        ignore=(*ignored_paths.load(paths.folder), *ignore),
        whole=whole,
    )
    manner.check()
    reader = context.with_resource(Reader(paths.store))
    before, after = _pair(reader, first, second)
    found = compare_exchanges(before, after, manner)
    if as_json:
        click.echo(document(**_members(found)))
    else:
        for line in _lines(found, colour.paint()):
            colour.echo(line)
    return ExitCode.OK if found.same else ExitCode.VERIFICATION


def _pair(reader: Reader, first: int, second: int | None) -> tuple[Detail, Detail]:
    """Return the two to compare, the earlier one first where nobody said which."""
    from kiket_console.comparing.partner import partner_of
    from kiket_console.errors import ConsoleError, ExitCode

    if second is not None:
        return reader.known(first), reader.known(second)
    after = reader.known(first)
    partner = partner_of(after.exchange, reader)
    if partner is None:
        raise ConsoleError(
            f"There is no exchange before {first} of the same event to compare it with.",
            hint="Name another one behind it.",
            exit_code=ExitCode.USAGE,
        )
    return reader.known(partner), after


def _lines(found: Comparison, paint: Paint) -> Iterator[str]:
    from kiket_console.commands.lines import title

    yield f"{paint('error', '- ' + title(found.before))}"
    yield f"{paint('ok', '+ ' + title(found.after))}"
    yield paint("ok" if found.same else "warning", found.verdict)
    for name, before, after in found.facts:
        yield paint("error", f"- {name}: {_shown(before)}")
        yield paint("ok", f"+ {name}: {_shown(after)}")
    for name, side in (("Request", found.request), ("Response", found.response)):
        yield from _side_lines(name, side, paint)


def _side_lines(name: str, side: Side, paint: Paint) -> Iterator[str]:
    if side.header_changes:
        yield ""
        yield paint("strong", f"{name} headers")
        for change in side.header_changes:
            for sign, role, values in (("-", "error", change.before), ("+", "ok", change.after)):
                for value in values:
                    yield paint(role, f"{sign} {_shown(change.name)}: {_shown(value)}")
    if side.body.count or side.body.notes:
        yield ""
        yield paint("strong", f"{name} body")
        yield from (paint("warning", f"! {note}") for note in side.body.notes)
    if side.body.count:
        yield from _row_lines(side.body.rows, paint)


def _row_lines(rows: Sequence[Row], paint: Paint) -> Iterator[str]:
    from kiket_console.comparing.structure import DIFFERENCES, Kind
    from kiket_console.text import plural

    for row in rows:
        if row.hidden:
            yield paint("muted", f"  ⋯ {plural(row.hidden, 'line')} the same")
        elif row.kind is Kind.MOVED:
            yield f"↕ {_shown(row.after or '')}"
        elif row.kind in DIFFERENCES or row.kind is Kind.REWRITTEN:
            if row.before is not None:
                yield paint("error", f"- {_shown(row.before)}")
            if row.after is not None:
                yield paint("ok", f"+ {_shown(row.after)}")
        else:
            yield paint("muted", f"  {_shown(row.after or row.before or '')}")


def _shown(text: str) -> str:
    from kiket_console.text import visible

    return visible(text)


def _members(found: Comparison) -> dict[str, Any]:
    return {
        "before": found.before.id,
        "after": found.after.id,
        "same": found.same,
        "verdict": found.verdict,
        "status": [found.before.status, found.after.status],
        "duration_us": [found.before.duration_us, found.after.duration_us],
        "slower": found.slower,
        "facts": [
            {"name": name, "before": before, "after": after} for name, before, after in found.facts
        ],
        "request": _side_members(found.request),
        "response": _side_members(found.response),
    }


def _side_members(side: Side) -> dict[str, Any]:
    from kiket_console import json_path

    return {
        "headers": [
            {"kind": each.kind, "name": each.name, "before": each.before, "after": each.after}
            for each in side.header_changes
        ],
        "ignored_headers": [each.name for each in side.ignored],
        "body": {
            "form": side.body.form,
            "count": side.body.count,
            "notes": side.body.notes,
            "changes": [
                {
                    "kind": row.kind,
                    "path": None if row.place is None else json_path.write(row.place),
                    "before": row.before and row.before.strip(),
                    "after": row.after and row.after.strip(),
                }
                for row in side.body.changes
            ],
        },
    }
