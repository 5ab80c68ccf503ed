"""The memory of a program that draws: looked through when nothing moves, and given back."""

from __future__ import annotations

import gc
import sys
from typing import Final

TIDY_AFTER_S: Final = 5.0
"""After the first frame: what the start needed alone is free by then."""
TIDY_EVERY_S: Final = 5.0
"""Messages of the screen refer to each other; a held key makes a megabyte of them each second."""


def settle() -> None:
    """Take what lives long out of the collector's sight; to be called after the first frame.

    Its slow full rounds then happen in `tidy`: they are what makes scrolling stutter.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 1_000_000)


def tidy() -> None:
    """Collect what is garbage, and give free memory back to the system (some milliseconds).

    Does nothing where next to nothing was made since the last time.
    """
    if not gc.get_count()[2]:
        return
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)
