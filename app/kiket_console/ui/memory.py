"""The memory of a program that draws: looked through when nothing moves, and given back."""

from __future__ import annotations

import gc
import sys
from typing import Final

TIDY_AFTER_S: Final = 5.0
"""After the first frame: what the start needed alone is free by then."""
TIDY_EVERY_S: Final = 30.0


def settle() -> None:
    """Take what lives long out of the collector's sight; to be called after the first frame.

    Its slow full rounds then happen in `tidy`: they are what makes scrolling stutter.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 1_000_000)


def tidy() -> None:
    """Collect what is garbage, and give free memory back to the system (some milliseconds)."""
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)
