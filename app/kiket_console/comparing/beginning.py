"""How far two texts, or two bodies, are the same."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T", str, bytes)


def shared(one: T, other: T) -> int:
    """Return with how many equal characters or bytes both begin, by halves: both can be long."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
