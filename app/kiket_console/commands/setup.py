"""Show the setup wizard of an extension as people meet it who install it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from kiket_console.commands.numbers import Number
from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.setup_wizard import Field, Setup
    from kiket_console.ui.paint.line import Line


@click.command(
    epilog="""\b
Examples:
  kiket-console setup
  kiket-console setup extensions/pager --step 2
  kiket-console setup --json

Nothing is asked for and nothing is set. Exit status 1 says that a step has errors."""
)
@click.argument("path", required=False, type=click.Path())
@click.option("--step", "number", type=Number(1), metavar="N", help="Show the Nth step alone.")
@directory_option
@json_option
@click.pass_context
def setup(
    context: click.Context,
    path: str | None,
    number: int | None,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Show the setup wizard that the manifest of the extension in PATH, or here, describes."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.setup_wizard import read_setup
    from kiket_console.text import plural

    folder = paths_of(context, directory).folder
    named = folder / path if path else folder
    found = read_setup(named.parent if named.is_file() else named)
    if number is not None and number > len(found.steps):
        raise ConsoleError(
            f"There is no step {number}: {found.path.name} describes "
            f"{plural(len(found.steps), 'step')}.",
            exit_code=ExitCode.USAGE,
        )
    if as_json:
        _print_json(found, number, folder)
    else:
        _print(found, number, folder)
    return ExitCode.FAILURE if found.errors else ExitCode.OK


def _print(found: Setup, number: int | None, folder: Path) -> None:
    from kiket_console.commands import colour
    from kiket_console.text import visible
    from kiket_console.ui.paint.findings import finding_lines
    from kiket_console.ui.paint.setup import WIDEST, step_lines, wizard_title

    paint = colour.paint()
    width = min(shutil.get_terminal_size().columns, WIDEST)

    def say(line: Line) -> None:
        colour.echo("".join(paint(role, visible(text)) for text, role in line).rstrip())

    if not found.steps and not found.findings:
        click.echo(
            f"{found.path.name} describes no setup. Steps are secrets, configure, test and info:\n"
            "  setup:\n    - test: { title: Try it, action: pager.testConnection }",
            err=True,
        )
        return
    count = len(found.steps)
    for at, step in enumerate(found.steps, start=1):
        if number in (None, at):
            rule = f"── {at} of {count} "
            title = f" {wizard_title(found)}"
            gap = "─" * max(2, width - len(rule) - len(title))
            say([(rule, "muted"), (gap, "muted"), (title, "muted")])
            for line in step_lines(step, width, folder):
                say(line)
            click.echo()
    for line in finding_lines(found.findings, width, folder):
        say(line)


def _print_json(found: Setup, number: int | None, folder: Path) -> None:
    from msgspec.structs import asdict

    from kiket_console.commands.documents import document
    from kiket_console.commands.lint import below, finding_members

    steps = []
    for at, step in enumerate(found.steps, start=1):
        if number in (None, at):
            members = asdict(step)
            members["fields"] = [_field_members(each) for each in step.fields]
            members["findings"] = [finding_members(each, folder) for each in step.findings]
            members["number"] = at
            steps.append(members)
    click.echo(
        document(
            file=below(found.path, folder),
            name=found.name,
            version=found.version,
            steps=steps,
            findings=[finding_members(each, folder) for each in found.findings],
        )
    )


def _field_members(field: Field) -> dict[str, object]:
    from msgspec.structs import asdict

    shown = field.shown_when
    return {
        **asdict(field),
        "options": [{"value": value, "label": label} for value, label in field.options],
        "shown_when": {"field": shown[0], "value": shown[1]} if shown else None,
    }
