"""Check manifests and module schemas by every rule, and correct what can be corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kiket_console.commands.options import directory_option, json_option, paths_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from kiket_console.linting.lint import Result
    from kiket_sdk.manifest import Finding

_YAML = frozenset({".yaml", ".yml", ".json", ""})  # JSON is YAML


@click.command(
    epilog="""\b
Examples:
  kiket-console lint
  kiket-console lint .kiket/manifest.yaml --fix
  kiket-console lint extensions/pager --json

Exit status 1 says that there are errors; warnings alone pass."""
)
@click.argument("path", required=False, type=click.Path())
@click.option("--fix", is_flag=True, help="Correct what can be corrected, and keep the rest.")
@directory_option
@json_option
@click.pass_context
def lint(
    context: click.Context,
    path: str | None,
    fix: bool,
    directory: Path | None,
    as_json: bool,
) -> int:
    """Check manifests and module schemas: those of PATH, or of every extension here."""
    from kiket_console.errors import ExitCode
    from kiket_console.linting import fixing

    folder = paths_of(context, directory).folder
    results = _checked(folder, path)
    done: list[Finding] = []
    if fix:
        for result in results:
            done += fixing.fix(result)
        if done:
            results = _checked(folder, path)
    if as_json:
        _print_json(results, done, folder)
    else:
        _print(results, done, folder)
    return ExitCode.FAILURE if any(result.errors for result in results) else ExitCode.OK


def _checked(folder: Path, path: str | None) -> list[Result]:
    """Check what *path* names, seen from *folder*; raises `ConsoleError` when it is not there."""
    from kiket_console.errors import ConsoleError, ExitCode
    from kiket_console.linting.lint import lint as check
    from kiket_console.linting.lint import lint_file

    named = folder / path if path else folder
    is_file = named.is_file()
    if is_file and named.suffix.lower() in _YAML:
        return [lint_file(named)]
    if not named.is_dir():
        raise ConsoleError(
            f'"{path}" is no YAML.' if is_file else f'There is no "{path}".',
            hint="Name a manifest, or the folder of an extension.",
            exit_code=ExitCode.USAGE,
        )
    folders = _extensions(named)
    # of several extensions one may do without a manifest
    return [check(each, needs_manifest=len(folders) == 1) for each in folders]


def _extensions(folder: Path) -> list[Path]:
    """Return the folders of the extensions in a project's *folder*; that itself without any."""
    from kiket_console import extension_table
    from kiket_console.worker_table import EXTENSION, raw_tables

    tables = raw_tables(folder)[EXTENSION]
    read = [extension_table.read(raw, number) for number, raw in enumerate(tables, start=1)]
    found = [(folder / each.path).resolve() for each in read]
    return [each for each in dict.fromkeys(found) if each.is_dir()] or [folder]


def _print(results: Sequence[Result], done: Sequence[Finding], folder: Path) -> None:
    from kiket_console.commands import colour
    from kiket_console.text import plural, visible

    paint = colour.paint()
    for finding in done:
        where = paint("strong", visible(_place(finding, folder)))
        colour.echo(f"{where}: {paint('ok', 'corrected')}: {visible(finding.key)}")
    for finding in _findings(results):
        severity = paint(finding.severity, finding.severity)
        key = f" {paint('accent', visible(finding.key))}:" if finding.key else ""
        message = f"{visible(finding.message)} {paint('muted', f'[{finding.rule}]')}"
        where = paint("strong", visible(_place(finding, folder)))
        colour.echo(f"{where}: {severity}:{key} {message}")
    files = plural(sum(len(result.texts) for result in results), "file")
    errors, warnings, fixable = counts(results)
    if errors or warnings:
        more = f"; --fix corrects {fixable}" if fixable else ""
        click.echo(f"{plural(errors, 'error')} and {plural(warnings, 'warning')} in {files}{more}.")
    else:
        click.echo(f"{files}: nothing to correct.")


def counts(results: Iterable[Result]) -> tuple[int, int, int]:
    """Return how many errors there are, how many warnings, and how many can be corrected."""
    found = _findings(results)
    errors = sum(each.severity == "error" for each in found)
    return errors, len(found) - errors, sum(each.edit is not None for each in found)


def _print_json(results: Sequence[Result], done: Sequence[Finding], folder: Path) -> None:
    from kiket_console.commands.documents import document

    errors, warnings, _ = counts(results)
    click.echo(
        document(
            files=[below(path, folder) for result in results for path in result.texts],
            errors=errors,
            warnings=warnings,
            findings=[finding_members(each, folder) for each in _findings(results)],
            corrected=[finding_members(each, folder) for each in done],
        )
    )


def finding_members(finding: Finding, folder: Path) -> dict[str, object]:
    """Return a finding as the members of a JSON document."""
    return {
        "severity": finding.severity,
        "file": below(finding.path, folder),
        "line": finding.line,
        "column": finding.column,
        "key": finding.key,
        "message": finding.message,
        "rule": finding.rule,
        "fixable": finding.edit is not None,
    }


def _findings(results: Iterable[Result]) -> list[Finding]:
    return [finding for result in results for finding in result.findings]


def _place(finding: Finding, folder: Path) -> str:
    file = below(finding.path, folder)
    return f"{file}:{finding.line}:{finding.column}" if finding.line else file


def below(path: Path, folder: Path) -> str:
    """Write a path as a person names it who is in *folder*."""
    for outer in (folder, folder.resolve()):
        if path.is_relative_to(outer):
            return str(path.relative_to(outer))
    return str(path)
