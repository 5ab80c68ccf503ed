"""Paths that a project leaves out when exchanges are compared: `[compare] ignore` in kiket.toml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console import json_path, settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings_file import PROJECT_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TABLE = "compare"
NAME = "ignore"


def load(folder: Path) -> tuple[str, ...]:
    """Return the paths that the project in *folder* names.

    Raises `ConsoleError` when the file cannot be read, or holds something else there.
    """
    file = folder / PROJECT_FILE
    table = settings_file.read(file).get(TABLE, {})
    found = table.get(NAME, []) if isinstance(table, dict) else None
    unknown = set(table) - {NAME} if isinstance(table, dict) else set()
    if not isinstance(found, list) or unknown or not all(isinstance(each, str) for each in found):
        raise ConsoleError(
            f"[{TABLE}] of {file} cannot be understood.",
            hint=f'Write {NAME} = ["$..processed_at"] there, and nothing else.',
            exit_code=ExitCode.CONFIG,
        )
    for path in found:
        try:
            json_path.parse(path)
        except ConsoleError as error:
            raise ConsoleError(
                f"[{TABLE}] {NAME} of {file} has {json.dumps(path)}: {error.message}",
                hint=error.hint,
                exit_code=ExitCode.CONFIG,
            ) from error
    return tuple(found)


def save(folder: Path, ignored: Sequence[str]) -> Path:
    """Write the paths into the project's kiket.toml, and touch no other line; return the file.

    Raises `ConsoleError` when it cannot be read or written, or keeps them on several lines.
    """
    file = folder / PROJECT_FILE
    load(folder)
    value = json.dumps(list(ignored), ensure_ascii=False) if ignored else None
    changed = settings_file.with_line(settings_file.text_of(file), TABLE, NAME, value)
    if changed is None:
        raise ConsoleError(
            f"[{TABLE}] {NAME} of {file} stands on several lines.",
            hint=f"Write it on one, or add there: {', '.join(ignored)}",
            exit_code=ExitCode.CONFIG,
        )
    settings_file.rewrite(file, changed)
    return file
