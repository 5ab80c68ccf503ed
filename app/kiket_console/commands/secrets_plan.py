"""What would become of secrets that go from one place to another: shown, chosen from, agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kiket_console.client_secrets import SecretCalls
    from kiket_console.dotenv_secrets import Row
    from kiket_console.wire import Rotation

_AT_ONCE = 8
"""Each waits until what takes it serves; the engine takes 40 connections."""
_NAMED = 8
_WIDEST = 128
"""Cells of a name; no secret has a longer one, but a platform may say anything."""
_SIGNS = {"new": "+", "different": "~", "same": "=", "unusable": "✗"}
_WORDS = {"new": "new", "different": "another value", "same": "the same value"}


def chosen(
    rows: Sequence[Row], only: Iterable[str], *, everything: bool
) -> tuple[Sequence[Row], list[Row]]:
    """Return the rows that a person is shown, and those of them that are to be carried out.

    That is *only* those named; or else all, and of them what is proposed, or all that can be.
    Raises `ConsoleError` for a name that is not there, or cannot be used.
    """
    from kiket_console.errors import ConsoleError, ExitCode

    by_name = {row.name: row for row in rows}
    named = list(dict.fromkeys(only))
    for name in named:
        row = by_name.get(name)
        why = "it is not there" if row is None else row.reason
        if why:
            raise ConsoleError(
                f"{name} cannot be taken: {why}.",
                hint=f"There are: {', '.join(by_name) or 'none'}.",
                exit_code=ExitCode.USAGE,
            )
    if named:
        rows = [by_name[name] for name in named]
    wanted = everything or bool(named)
    return rows, [row for row in rows if row.usable and (wanted or row.chosen)]


def tell(rows: Sequence[Row], picked: Sequence[Row]) -> None:
    """Print what each row is; those that are not picked say so."""
    from kiket_console.text import cell_width, fit, visible

    width = min(max((cell_width(visible(row.name)) for row in rows), default=0), _WIDEST)
    names = {row.name for row in picked}
    for row in rows:
        told = row.reason or _WORDS[row.comparison]
        left = "  left out" if row.usable and row.name not in names else ""
        name = fit(visible(row.name), width)
        click.echo(f"{_SIGNS[row.comparison]} {name}  {told}{left}", err=True)


def listing(names: Sequence[str]) -> str:
    """Return names for a sentence: the first of many, and how many more there are."""
    more = len(names) - _NAMED
    shown = ", ".join(names if more < 2 else names[:_NAMED])
    return f"{shown} and {more} more" if more >= 2 else shown


def question(picked: Sequence[Row], what: str) -> str:
    """Return what a person is asked before the rows are carried out."""
    from kiket_console.text import plural

    replaced = sum(row.comparison == "different" for row in picked)
    instead = f", {replaced} of them in place of another value" if replaced else ""
    return f"{what.format(plural(len(picked), 'secret'))}{instead}?"


async def keep(
    calls: SecretCalls, rows: Iterable[Row], scope: str, versions: Callable[[str], int]
) -> list[Rotation]:
    """Keep the rows' values in *scope*, each if it has not been changed since the plan.

    *versions* says which version of a name the plan has seen, 0 for none. They go together, so
    that what takes several of them is started anew once. Raises `ConsoleError` for the first that
    is refused; it says which were kept.
    """
    import asyncio

    from kiket_console.errors import ConsoleError

    turns = asyncio.Semaphore(_AT_ONCE)
    refused: dict[str, ConsoleError] = {}

    async def kept(row: Row) -> Rotation | None:
        async with turns:
            try:
                return await calls.set(row.name, row.value, scope=scope, version=versions(row.name))
            except ConsoleError as error:
                refused[row.name] = error
                return None

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(kept(row)) for row in rows]
    done = [rotation for task in asked if (rotation := task.result()) is not None]
    if refused:
        error = next(iter(refused.values()))
        others = listing([each.name for each in done])
        raise ConsoleError(
            f"Not kept: {listing([*refused])}. {error.message}",
            hint=f"{error.hint} {f'Kept: {others}.' if others else ''}".strip(),
            exit_code=error.exit_code,
        ) from error
    return done
