"""What an unexpected error leaves: a private file for a bug report, a sentence for a person."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kiket_console import __version__
from kiket_console.errors import ConsoleError
from kiket_console.paths import private_dir, state_dir

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_kept: list[Path] = []
"""The folder for reports, last, when it is not the one in the state folder."""


@contextmanager
def reports_kept() -> Iterator[None]:
    """Leave reports in the folder that is theirs now, though the state folder moves meanwhile."""
    _kept.append(_folder())
    try:
        yield
    finally:
        _kept.pop()


def record(error: BaseException) -> ConsoleError:
    """Write *error*'s traceback, redacted and without locals, to a file that only we can read."""
    what = f"The program failed in a way it should not ({type(error).__name__})."
    try:
        place = _write(error)
    except (ConsoleError, OSError):
        return ConsoleError(what, hint="Its state folder cannot be written, so no report was kept.")
    return ConsoleError(what, hint=f"Please report it with {place}; look through it first.")


def _write(error: BaseException) -> Path:
    from kiket_core.secret import redactor

    folder = _kept[-1] if _kept else _folder()
    private_dir(folder)
    place = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    about = f"kiket-console {__version__}, Python {platform.python_version()}, {sys.platform}\n\n"
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as report:
        report.write(redactor.redact(about + "".join(lines)))
    return place


def _folder() -> Path:
    return state_dir() / "crashes"
