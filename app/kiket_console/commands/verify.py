"""Tell whether what was recorded is still as it was recorded; works beside a running engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.store.verification import Report

SHOWN = 50
"""So many findings are printed one by one."""


@click.command()
@directory_option
@json_option
@click.pass_context
def verify(context: click.Context, directory: Path | None, as_json: bool) -> None:
    """Compare each recorded row and body with its checksum."""
    import sqlite3

    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.store.verification import verify as verify_store

    store = paths_of(context, directory).store
    if not store.exists():
        click.echo("Nothing is recorded for this project yet.", err=True)
        if as_json:
            from kiket_console.store.verification import Report

            _print(Report(), as_json=True)
        return
    try:
        report = verify_store(store)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise ConsoleError(
            f"The store {store} cannot be read: {error}.",
            hint="The next start of the engine keeps it aside and reads what it can from it.",
            exit_code=ExitCode.VERIFICATION,
        ) from error
    _print(report, as_json=as_json)
    if report.findings:
        from kiket_console.text import plural

        raise ConsoleError(
            f"{plural(len(report.findings), 'row')} of the store {store} "
            f"{'is' if len(report.findings) == 1 else 'are'} not as recorded.",
            hint="Something other than kiket-console changed it, or its disk is failing.",
            exit_code=ExitCode.VERIFICATION,
        )


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        from msgspec.structs import asdict

        from kiket_console.commands.documents import document

        click.echo(document(**asdict(report)))
        return
    from kiket_console.text import plural, visible

    for finding in report.findings[:SHOWN]:
        click.echo(f"{visible(finding.row)}: {visible(finding.what)}")
    if len(report.findings) > SHOWN:
        click.echo(f"… and {len(report.findings) - SHOWN:,} more")
    counts = (
        f"{plural(report.exchanges, 'exchange')} with {report.bodies:,} bodies and "
        f"{plural(report.logs, 'log line')}"
    )
    if not report.findings:
        click.echo(f"{counts}: all as recorded.")
    if report.undigested:
        click.echo(
            f"{plural(report.undigested, 'row')} of an older version had no checksum to compare.",
        )
