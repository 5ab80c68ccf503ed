"""Write small files of ours: whole or not at all, readable by this user alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kiket_console.errors import ConsoleError


def write_private(file: Path, raw: bytes) -> None:
    """Replace *file* whole, readable by this user alone; raises `ConsoleError` if it cannot."""
    try:
        number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(number, "wb") as opened:
                opened.write(raw)
                opened.flush()
                os.fsync(opened.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConsoleError(
            f"Cannot write {file}: {error.strerror}.",
            hint="Make its folder writable.",
        ) from error
