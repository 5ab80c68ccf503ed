"""Write a choice of a person into config.toml, every other line of which stays as it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kiket_console import settings_file
from kiket_console.errors import ConsoleError
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path


def remember(file: Path, name: str, value: str) -> None:
    """Write `name = value` into *file*, or into what it is a link to.

    Raises `ConsoleError` when the file cannot be written, or changed without harm.
    """
    text = settings_file.text_of(file)
    changed = settings_file.with_line(text, "", name, json.dumps(value, ensure_ascii=False))
    if changed is None:
        raise ConsoleError(
            f'{file} is written in a way that "{name}" cannot be changed in.',
            hint="Change it there yourself.",
        )
    if changed == text:
        return
    real = file.resolve()
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConsoleError(f"Cannot make {real.parent}: {error.strerror}.") from error
    write_private(real, changed.encode())
