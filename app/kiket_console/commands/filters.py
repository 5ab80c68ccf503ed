"""Filters with a name: list them, keep one, forget one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands import completing
from kiket_console.commands.group import CommandGroup
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path


@click.group(cls=CommandGroup, invoke_without_command=True)
@directory_option
@json_option
@click.option("--fields", is_flag=True, help="Show what can be asked instead.")
@click.pass_context
def filters(context: click.Context, directory: Path | None, as_json: bool, fields: bool) -> None:
    """List the saved filters: yours and the project's.

    Each one can be used as @NAME wherever a filter can be typed.
    """
    if context.invoked_subcommand is not None:
        return
    from kiket_console import saved_filters
    from kiket_console.commands.documents import document
    from kiket_console.text import visible

    if fields:
        _show_language(as_json=as_json)
        return
    found = saved_filters.listed(paths_of(context, directory).folder)
    if not found and not as_json:
        click.echo(
            "No filter is saved yet: `kiket-console traffic filters save NAME TEXT`.", err=True
        )
    width = max((len(each.name) for each in found), default=0)
    for each in found:
        if as_json:
            members = {"name": each.name, "text": each.text, "source": str(each.source)}
            click.echo(document(**members, project=each.is_project))
        else:
            whose = "   (of the project)" if each.is_project else ""
            click.echo(f"@{each.name:<{width}}  {visible(each.text)}{whose}")


def _show_language(*, as_json: bool) -> None:
    from kiket_console.commands.documents import document
    from kiket_console.filters import help as language

    lines = language.lines()
    width = max(len(line.typed) for line in lines)
    for line in lines:
        if as_json:
            click.echo(document(typed=line.typed, says=line.says))
        else:
            click.echo(f"{line.typed:<{width}}  {line.says}")


@filters.command()
@click.argument("name")
@click.argument("text", metavar="TEXT")
@directory_option
@json_option
@click.pass_context
def save(
    context: click.Context, name: str, text: str, directory: Path | None, as_json: bool
) -> None:
    """Keep filter TEXT as NAME, among your own."""
    from kiket_console import saved_filters
    from kiket_console.commands.documents import document

    file = saved_filters.save(name, text, paths_of(context, directory).folder)
    if as_json:
        click.echo(document(name=name, text=text, source=str(file)))
    else:
        click.echo(f"Saved as @{name} in {file}.", err=True)


@filters.command()
@click.argument("name", shell_complete=completing.saved_filters)
@directory_option
@json_option
@click.pass_context
def forget(context: click.Context, name: str, directory: Path | None, as_json: bool) -> None:
    """Forget the filter that is saved as NAME among your own."""
    from kiket_console import saved_filters
    from kiket_console.commands.documents import document

    bare = name.removeprefix("@")
    saved_filters.forget(bare, paths_of(context, directory).folder)
    if as_json:
        click.echo(document(name=bare))
    else:
        click.echo(f"@{bare} is forgotten.", err=True)
