"""Write files that a person asked for: a new one, never silently in the place of another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
SHARED = 0o666
"""What the person's umask makes of it."""


class NameTakenError(ConsoleError):
    """A file is there already."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} is there already.", hint="Give another name.", exit_code=ExitCode.USAGE
        )


def write_new(file: Path, raw: bytes, *, mode: int = PRIVATE, replace: bool = False) -> None:
    """Write *file* whole; raises `NameTakenError` when it is there already, unless *replace*.

    One that is to be shared keeps the mode of the file whose place it takes.
    """
    if replace and file.exists():
        before = file.stat().st_mode & 0o777
        write_private(file, raw)
        if mode != PRIVATE:
            file.chmod(before)
        return
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise NameTakenError(file) from None
    except OSError as error:
        raise _unwritten(file, error) from error
    try:
        with os.fdopen(number, "wb") as opened:
            opened.write(raw)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise _unwritten(file, error) from error


def _unwritten(file: Path, error: OSError) -> ConsoleError:
    return ConsoleError(
        f"Cannot write {file}: {error.strerror}.",
        hint="Name a file in a folder that is there and can be written to.",
    )
