"""The memory of a program that draws: looked through when nothing moves, and given back."""

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TIDY_EVERY_S: Final = 5.0
"""After the first frame: what the start needed alone is free by then."""
REST_S: Final = 1.0
"""A person who has pressed no key for so long does not wait for what the next one draws."""
PUT_OFF_AT_MOST: Final = 6
"""How often in a row that is waited for: a held key makes some kilobytes of garbage each second."""
SWEEPS: Final = 10
"""What has outlived so many of them is looked through, too."""


def settle() -> None:
    """Take what lives long out of the collector's sight; to be called after the first frame.

    Its rounds then happen in `sweep` and, the slow full ones, in `tidy`: they are what makes
    scrolling stutter.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, SWEEPS, 1_000_000)


def sweep() -> None:
    """Collect what is garbage of the last moment, some tenths of a millisecond.

    Behind what a key has drawn nobody waits for that; else it comes before one key or another.
    """
    gc.collect(1 if gc.get_count()[1] >= SWEEPS else 0)


class Tidying:
    """When to tidy: now and then, at a rest; *acted_s* says when a person did something last."""

    def __init__(self, acted_s: Callable[[], float]) -> None:
        self._acted_s = acted_s
        self._put_off = 0

    def look(self) -> None:
        """Tidy, unless a person is at it and can be waited for."""
        if time.monotonic() - self._acted_s() < REST_S and self._put_off < PUT_OFF_AT_MOST:
            self._put_off += 1
        else:
            self._put_off = 0
            tidy()


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
