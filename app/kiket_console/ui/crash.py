"""What is left behind when the console itself fails: a file for a report, without values."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TYPE_CHECKING

from kiket_console import __version__
from kiket_console.text import visible

if TYPE_CHECKING:
    from pathlib import Path

KEPT_FRAMES = 60


def write_crash(folder: Path, error: BaseException) -> Path | None:
    """Write where *error* came from to a new private file in *folder*; None when that fails.

    The file names code, never the values it worked on: no local variables, and known secrets are
    taken out of the messages.
    """
    from kiket_core.secret import redactor

    when = time.strftime("%Y%m%d-%H%M%S")
    place = folder / f"crash-{when}-{os.getpid()}.txt"
    python = ".".join(map(str, sys.version_info[:3]))
    trace = traceback.TracebackException.from_exception(
        error, limit=KEPT_FRAMES, capture_locals=False
    )
    lines = [f"kiket-console {__version__}, Python {python}, {sys.platform}", ""]
    for part in trace.format():
        lines += part.splitlines()
    text = "\n".join(visible(line) for line in redactor.redact("\n".join(lines)).split("\n"))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(place, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(text + "\n")
    except OSError:
        return None
    return place
