"""Write into files what corrects the findings that a program can correct; all else stays as it is.

Edits are of characters, so that comments, order and layout are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError
from kiket_console.new_file import SHARED, write_new

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kiket_console.linting.lint import Result
    from kiket_sdk._manifest_source import Edit, Finding


def fix(result: Result) -> list[Finding]:
    """Correct what can be corrected; return those findings.

    Raises `ConsoleError` when a file changed since it was checked, or cannot be written.
    """
    done: list[Finding] = []
    for path, raw_text in result.texts.items():
        found = [each for each in result.findings if each.path == path and each.edit is not None]
        if found:
            done += _fix_file(path, raw_text, found)
    return done


def _fix_file(path: Path, raw_text: bytes, findings: Sequence[Finding]) -> list[Finding]:
    try:
        text = raw_text.decode()
    except UnicodeDecodeError:  # UTF-16, which YAML allows
        return []
    if text.startswith("\ufeff"):
        return []
    done: list[Finding] = []
    for finding in sorted(findings, key=_start, reverse=True):
        edit = finding.edit
        if edit is not None and all(_are_apart(edit, each.edit) for each in done):
            text = text[: edit.start] + edit.text + text[edit.end :]
            done.append(finding)
    if path.read_bytes() != raw_text:
        raise ConsoleError(f"{path} was changed meanwhile.", hint="Try again.")
    # the file that a link leads to is the one to write
    write_new(path.resolve(), text.encode(), mode=SHARED, replace=True)
    return done[::-1]


def _start(finding: Finding) -> int:
    return finding.edit.start if finding.edit else 0


def _are_apart(one: Edit, other: Edit | None) -> bool:
    return other is None or one.end <= other.start or other.end <= one.start
