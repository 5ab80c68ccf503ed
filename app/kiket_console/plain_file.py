"""Read small files that others write, and wait for none."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_plain(file: Path, limit_bytes: int) -> bytes:
    """Return what *file* holds, one byte more than *limit_bytes* at most.

    Raises OSError, also for what is no file: a pipe that nobody writes to would never end.
    """
    with open(file, "rb", opener=_at_once) as opened:  # `Path.open` takes no opener
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(file))
        return opened.read(limit_bytes + 1)


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
