"""Say what could keep the program from working here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = {"ok": "ok", "warn": "warning", "fail": "error"}


@click.command()
@directory_option
@json_option
@click.pass_context
def doctor(context: click.Context, directory: Path | None, as_json: bool) -> int:
    """Check this machine and this project, and say what to do about what is wrong."""
    from kiket_console.commands import colour
    from kiket_console.commands.documents import document
    from kiket_console.doctor import FAIL, examine
    from kiket_console.errors import ExitCode
    from kiket_console.text import visible

    findings = examine(paths_of(context, directory))
    if as_json:
        names = ("name", "level", "sentence", "advice")
        members = [{name: getattr(finding, name) for name in names} for finding in findings]
        click.echo(document(findings=members))
    else:
        for finding in findings:
            level = colour.paint()(LEVELS[finding.level], f"{finding.level:<4}")
            colour.echo(f"{level}  {finding.name:<14} {visible(finding.sentence)}")
            if finding.advice:
                click.echo(f"{'':<20} → {visible(finding.advice)}")
    failed = any(finding.level == FAIL for finding in findings)
    return ExitCode.FAILURE if failed else ExitCode.OK
