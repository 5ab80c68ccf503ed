"""Keep what this process holds in memory out of core files and other processes' reach."""

from __future__ import annotations

import contextlib
import os
import resource
import sys

_PR_SET_DUMPABLE = 4  # of <linux/prctl.h>


def harden() -> None:
    """Write no core file, make files private, and let no process of ours be traced, where possible.

    Children inherit the first two.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        import ctypes

        with contextlib.suppress(OSError, AttributeError):  # a C library of another kind
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
