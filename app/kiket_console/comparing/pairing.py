"""Which items of two arrays are compared with each other.

Equal items first; objects that carry an identity, such as an id, by that; then what looks alike.
What is left was added or removed.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import starmap, zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kiket_console.comparing.alignment import align, rising
from kiket_console.comparing.documents import kind_of
from kiket_console.comparing.sameness import equal

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from kiket_console.comparing.sameness import Sameness

IDENTITY_KEYS: Final = ("id", "uuid", "_id", "key", "slug", "code", "event_id", "name", "email")
"""Members that tell one object of an array from the others, the best first."""
ALIGNED_LIMIT: Final = 200_000
"""Items of a longer array are paired by their places."""
LIKENESS_LIMIT: Final = 64
"""Runs of more items than this on a side are paired by their places, not by what they hold."""


class Pair(NamedTuple):
    """Positions of items that are compared with each other; None where there is no partner."""

    before: int | None
    after: int | None
    moved: bool = False
    """Whether it stands elsewhere among the other items; never when order means nothing."""


def pair(
    before: Sequence[Any], after: Sequence[Any], sameness: Sameness, *, unordered: bool
) -> Iterator[Pair]:
    """Return all items of both arrays in the order of reading, each once."""
    if max(len(before), len(after)) > ALIGNED_LIMIT:
        return starmap(Pair, zip_longest(range(len(before)), range(len(after))))
    low, end, last = _equal_ends(before, after, unordered=unordered)
    partners = {each: each for each in range(low)}
    partners |= dict(zip(range(end, len(before)), range(last, len(after)), strict=True))
    key = _identity(before, after) if low < end and low < last else None
    if key is not None:
        partners |= _by_name(
            {i: sameness.of(before[i][key]) for i in range(low, end)},
            {j: sameness.of(after[j][key]) for j in range(low, last)},
        )
    elif low < end and low < last:
        here = {i: sameness.of(before[i]) for i in range(low, end)}
        there = {j: sameness.of(after[j]) for j in range(low, last)}
        if not unordered:
            for i, j in align(list(here.values()), list(there.values())):
                partners[low + i] = low + j
        taken = set(partners.values())
        partners |= _by_name(
            {i: name for i, name in here.items() if i not in partners},
            {j: name for j, name in there.items() if j not in taken},
        )
        partners |= _alike(before, after, partners, sameness, unordered=unordered)
    return _in_order(len(before), len(after), partners, unordered=unordered)


def _equal_ends(
    before: Sequence[Any], after: Sequence[Any], *, unordered: bool
) -> tuple[int, int, int]:
    """Return how many first items are equal, and where the equal last ones begin on each side."""
    low, end, last = 0, len(before), len(after)
    if unordered:
        return 0, end, last
    while low < end and low < last and equal(before[low], after[low]):
        low += 1
    while end > low and last > low and equal(before[end - 1], after[last - 1]):
        end, last = end - 1, last - 1
    return low, end, last


def _identity(before: Sequence[Any], after: Sequence[Any]) -> str | None:
    """Return the member that tells the objects of two arrays apart, if there is one."""
    if not before or not after:
        return None
    if not all(isinstance(item, dict) for item in (*before, *after)):
        return None
    for key in IDENTITY_KEYS:
        here, there = _names(before, key), _names(after, key)
        if here is not None and there is not None and not here.isdisjoint(there):
            return key
    return None


def _names(items: Iterable[Any], key: str) -> set[Hashable] | None:
    """Return the values of *key*, or None unless each item has one of its own."""
    found: set[Hashable] = set()
    for count, item in enumerate(items, 1):
        value = item.get(key)
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        found.add((kind_of(value), value))
        if len(found) < count:
            return None
    return found


def _by_name(here: Mapping[int, int], there: dict[int, int]) -> dict[int, int]:
    """Pair positions with equal names, wherever they stand, the first with the first."""
    places: dict[int, list[int]] = defaultdict(list)
    for position in reversed(there):
        places[there[position]].append(position)
    return {i: places[name].pop() for i, name in here.items() if places.get(name)}


def _alike(
    before: Sequence[Any],
    after: Sequence[Any],
    partners: dict[int, int],
    sameness: Sameness,
    *,
    unordered: bool,
) -> dict[int, int]:
    """Pair what has no partner with what looks like it, between neighbours that stayed."""
    stays = [] if unordered else _stays(partners)
    taken = set(partners.values())
    found: dict[int, int] = {}
    low = first = 0
    for i, j in [*stays, (len(before), len(after))]:
        left = [each for each in range(low, i) if each not in partners]
        right = [each for each in range(first, j) if each not in taken]
        if len(left) == len(right) or max(len(left), len(right)) > LIKENESS_LIMIT:
            found |= dict(zip(left, right, strict=False))
        elif left and right:
            found |= _most_alike(before, after, left, right, sameness)
        low, first = i + 1, j + 1
    return found


def _most_alike(
    before: Sequence[Any],
    after: Sequence[Any],
    left: Sequence[int],
    right: Sequence[int],
    sameness: Sameness,
) -> dict[int, int]:
    """Pair two runs in order so that the sum of their likenesses is as high as can be."""
    best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
    alike = [[_likeness(before[i], after[j], sameness) for j in right] for i in left]
    for row in range(len(left) - 1, -1, -1):
        for column in range(len(right) - 1, -1, -1):
            best[row][column] = max(
                best[row + 1][column],
                best[row][column + 1],
                best[row + 1][column + 1] + alike[row][column],
            )
    found: dict[int, int] = {}
    row = column = 0
    while row < len(left) and column < len(right):
        together = best[row + 1][column + 1] + alike[row][column]
        if alike[row][column] and best[row][column] == together:
            found[left[row]] = right[column]
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            row += 1
        else:
            column += 1
    return found


def _likeness(before: Any, after: Any, sameness: Sameness) -> float:
    """Return how alike two items are, from 0 to 1: which members they share, and with what."""
    if kind_of(before) != kind_of(after):
        return 0.0
    if not isinstance(before, dict):
        return 0.1
    shared = [key for key in before if key in after]
    equal = sum(sameness.of(before[key]) == sameness.of(after[key]) for key in shared)
    every = len(before) + len(after) - len(shared)
    likeness = (len(shared) + equal) / (2 * every) if every else 1.0
    return likeness if likeness >= 0.3 else 0.0


def _in_order(
    count: int, after_count: int, partners: dict[int, int], *, unordered: bool
) -> Iterator[Pair]:
    """Yield all positions as a person reads them: as in the second array, the removed between."""
    stays = _stays(partners)
    cause = {j: i for i, j in partners.items()}
    low = first = 0
    for i, j in [*stays, (count, after_count)]:
        for each in range(low, i):
            if each not in partners:
                yield Pair(each, None)
        for each in range(first, j):
            yield Pair(cause.get(each), each, each in cause and not unordered)
        if i < count:
            yield Pair(i, j)
        low, first = i + 1, j + 1


def _stays(partners: dict[int, int]) -> list[tuple[int, int]]:
    """Return the pairs that keep their order, as many as can be."""
    kept = sorted(partners.items())
    return [kept[position] for position in rising([j for _, j in kept])]
