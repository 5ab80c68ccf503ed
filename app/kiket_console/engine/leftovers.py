"""End processes that outlived the parent which should have ended them, found by a mark."""

from __future__ import annotations

import contextlib
import os

MARK = "KIKET_CONSOLE_WORKER"
"""A variable that every process of a worker inherits: `<project key>/<worker>#<start>/`."""


def end_marked(prefix: str) -> int:
    """Kill this user's processes whose mark starts with *prefix*; return how many there were.

    A worker's parent does this better; it finds nothing unless that parent was itself killed.
    """
    import psutil

    found = 0
    for process in psutil.process_iter():
        # Another user's, or just ended; a zombie has no environment.
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            if process.environ().get(MARK, "").startswith(prefix):
                process.kill()
                found += 1
    return found
