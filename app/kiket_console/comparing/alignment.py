"""Which items of two sequences belong together, in order: what an edit has kept.

Common ends are taken off, then items that occur once on both sides are anchors, and what lies
between two anchors is aligned by the shortest edit (Myers), up to a limit. Past the limit items
are not aligned: the answer is less fine, and it always comes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

MOST_EDITS = 400
"""Between two anchors more edits than this are not looked for."""

Pairs = list[tuple[int, int]]


def align(before: Sequence[Hashable], after: Sequence[Hashable]) -> Pairs:
    """Return the positions of equal items that stay in order, both ascending."""
    low, first = 0, 0
    end, last = len(before), len(after)
    head: Pairs = []
    while low < end and first < last and before[low] == after[first]:
        head.append((low, first))
        low, first = low + 1, first + 1
    tail: Pairs = []
    while end > low and last > first and before[end - 1] == after[last - 1]:
        end, last = end - 1, last - 1
        tail.append((end, last))
    middle: Pairs = []
    for i, j in [*_anchors(before, after, low, end, first, last), (end, last)]:
        middle += _shortest_edit(before[low:i], after[first:j], low, first)
        if i < end:
            middle.append((i, j))
        low, first = i + 1, j + 1
    return [*head, *middle, *reversed(tail)]


def _anchors(
    before: Sequence[Hashable],
    after: Sequence[Hashable],
    low: int,
    end: int,
    first: int,
    last: int,
) -> Pairs:
    """Return the longest run, in order, of items that occur once on both sides."""
    if low == end or first == last:
        return []
    here = Counter(before[low:end])
    there = Counter(after[first:last])
    places = {after[j]: j for j in range(first, last) if there[after[j]] == 1}
    shared = [
        (i, places[before[i]])
        for i in range(low, end)
        if here[before[i]] == 1 and before[i] in places
    ]
    return [shared[position] for position in rising([j for _, j in shared])]


def rising(numbers: Sequence[int]) -> list[int]:
    """Return the positions of a longest rising subsequence of *numbers*."""
    tops: list[int] = []
    ends: list[int] = []
    previous = [-1] * len(numbers)
    for position, number in enumerate(numbers):
        at = bisect_left(tops, number)
        previous[position] = ends[at - 1] if at else -1
        if at == len(tops):
            tops.append(number)
            ends.append(position)
        else:
            tops[at] = number
            ends[at] = position
    found: list[int] = []
    position = ends[-1] if ends else -1
    while position >= 0:
        found.append(position)
        position = previous[position]
    return found[::-1]


def _shortest_edit(
    before: Sequence[Hashable], after: Sequence[Hashable], low: int, first: int
) -> Pairs:
    """Return equal items on a path of fewest edits, or none when there are too many edits."""
    width, height = len(before), len(after)
    if not width or not height or set(before).isdisjoint(after):
        return []
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(width + height, MOST_EDITS) + 1):
        trail.append(dict(furthest))
        for diagonal in range(-edits, edits + 1, 2):
            down = diagonal == -edits or (
                diagonal != edits
                and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest.get(diagonal + 1, 0) if down else furthest.get(diagonal - 1, 0) + 1
            y = x - diagonal
            while x < width and y < height and before[x] == after[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= width and y >= height:
                return _path_back(trail, width, height, low, first)
    return []


def _path_back(trail: list[dict[int, int]], x: int, y: int, low: int, first: int) -> Pairs:
    found: Pairs = []
    for edits in range(len(trail) - 1, -1, -1):
        furthest = trail[edits]
        diagonal = x - y
        down = diagonal == -edits or (
            diagonal != edits and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
        )
        came_from = diagonal + 1 if down else diagonal - 1
        start_x = furthest.get(came_from, 0)
        start_y = start_x - came_from
        while x > start_x and y > max(start_y, 0):
            x, y = x - 1, y - 1
            found.append((low + x, first + y))
        x, y = start_x, start_y
    return found[::-1]
