"""What is wrong in a manifest, each with the place that leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import cell_width, plural, visible
from kiket_console.ui.paint.labels import LABEL, MARGIN, labelled
from kiket_console.ui.paint.line import cut, line_width, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.linting.lint import Result
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_sdk.manifest import Finding

MOST = 10
"""Findings that are told one by one beside other things."""
_SIGNS = {"error": "✗", "warning": "!"}


def finding_lines(
    findings: Sequence[Finding], width: int, folder: Path | None = None, *, indent: str = MARGIN
) -> list[Line]:
    """Return findings as lines: place, key and sentence, in one line where that has room.

    Places are written as seen from *folder*.
    """
    lines: list[Line] = []
    for finding in findings:
        room = width - len(indent) - 4
        place = _end(visible(shown_place(finding, folder)), room)
        key = visible(finding.key)
        head: list[Piece] = [
            (f"{indent}{_SIGNS[finding.severity]} ", finding.severity),
            (place, "strong"),
        ]
        whole: Line = [
            *head,
            *([(f"  {key}", "accent")] if key else []),
            (f"  {visible(finding.message)}", ""),
        ]
        if line_width(whole) <= width:
            lines.append(whole)
        else:
            head.append((f"  {_end(key, room - cell_width(place))}", "accent"))
            lines.append(cut(head, width))
            lines += wrap(finding.message, width, "", f"{indent}  ")
    return lines


def _end(text: str, room: int) -> str:
    """Return the end of a text where it does not fit: that says more than its beginning."""
    if cell_width(text) <= room:
        return text
    return f"…{text[1 - room :]}" if room > 1 else ""


def shown_place(finding: Finding, folder: Path | None) -> str:
    """Write where a finding is, as a person names it who is in *folder*."""
    path = finding.path
    if folder is not None and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return f"{path}:{finding.line}:{finding.column}" if finding.line else str(path)


def result_lines(result: Result, width: int, folder: Path) -> list[Line]:
    """Return what is told of the manifest of one extension, behind a label."""
    errors = result.errors
    if not result.findings:
        files = plural(len(result.texts), "file")
        return labelled("Manifest", [[("✓ ", "ok"), (f"{files}, nothing to correct", "")]], width)
    warnings = len(result.findings) - errors
    counts: list[Line] = []
    if errors:
        counts.append([(plural(errors, "error"), "error")])
    if warnings:
        counts.append([(plural(warnings, "warning"), "warning")])
    if fixable := sum(each.edit is not None for each in result.findings):
        counts.append([(f"kiket-console lint --fix corrects {fixable}", "muted")])
    indent = MARGIN + " " * LABEL
    worst = sorted(result.findings, key=lambda each: each.severity)  # errors come first
    lines = labelled("Manifest", counts, width)
    lines += finding_lines(worst[:MOST], width - 2, folder, indent=indent)
    if len(result.findings) > MOST:
        left = len(result.findings) - MOST
        lines.append(
            cut([(f"{indent}… {left} more; kiket-console lint lists them", "muted")], width)
        )
    return lines
