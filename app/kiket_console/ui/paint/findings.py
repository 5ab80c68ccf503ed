"""What is wrong in a manifest, each with the place that leads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import visible
from kiket_console.ui.paint.line import wrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.ui.paint.line import Line
    from kiket_sdk.manifest import Finding

MARGIN = "  "
_SIGNS = {"error": "✗", "warning": "!"}


def finding_lines(
    findings: Sequence[Finding], width: int, folder: Path | None = None, *, indent: str = MARGIN
) -> list[Line]:
    """Return findings as lines: place and key, and below them the sentence.

    Places are written as seen from *folder*.
    """
    lines: list[Line] = []
    for finding in findings:
        sign = _SIGNS[finding.severity]
        place = visible(shown_place(finding, folder))
        key = f"  {visible(finding.key)}" if finding.key else ""
        lines.append([(f"{indent}{sign} ", finding.severity), (place, "strong"), (key, "accent")])
        lines += wrap(finding.message, width - 2, "", f"{indent}  ")
    return lines


def shown_place(finding: Finding, folder: Path | None) -> str:
    """Write where a finding is, as a person names it who is in *folder*."""
    path = finding.path
    if folder is not None and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return f"{path}:{finding.line}:{finding.column}" if finding.line else str(path)
