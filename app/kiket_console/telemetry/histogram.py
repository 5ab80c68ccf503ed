"""Durations, counted in buckets whose width grows with them, so that any two add up to one.

Values below 32 µs have a bucket each; above, every doubling is cut into 16 equal ones. So a
percentile is off by 1/32 of itself at most, and a handler's durations take some 20 buckets.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EXACT: Final = 32
"""Smaller values (µs) have a bucket each."""
PARTS: Final = EXACT // 2
"""Into how many buckets each doubling above is cut."""
LONGEST_US: Final = 2**40
"""Twelve days; what is said to have taken longer counts as that."""


@cache
def _codec() -> tuple[Callable[[list[int]], bytes], Callable[[bytes], list[int]]]:
    """Return what writes and reads buckets; no first frame waits for it."""
    import msgspec

    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(list[int]).decode


def bucket(value_us: int) -> int:
    """Return the number of the bucket that a duration (µs) belongs to."""
    if value_us < EXACT:
        return max(value_us, 0)
    value_us = min(value_us, LONGEST_US)
    shift = value_us.bit_length() - EXACT.bit_length() + 1
    return shift * PARTS + (value_us >> shift)


def bounds(number: int) -> tuple[int, int]:
    """Return the least duration (µs) of a bucket, and the least of the next one."""
    if number < EXACT:
        return number, number + 1
    shift = number // PARTS - 1
    least = (number - shift * PARTS) << shift
    return least, least + (1 << shift)


class Histogram:
    """Counts of durations (µs), with their sum and extremes; not frozen: it is added to."""

    __slots__ = ("buckets", "count", "longest_us", "shortest_us", "total_us")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total_us = 0
        self.shortest_us = LONGEST_US
        self.longest_us = 0

    def add(self, value_us: int) -> None:
        """Count one duration; what is below 0 (a clock went back) counts as 0."""
        value_us = min(max(value_us, 0), LONGEST_US)
        number = bucket(value_us)
        self.buckets[number] = self.buckets.get(number, 0) + 1
        self.count += 1
        self.total_us += value_us
        if value_us < self.shortest_us:  # min() takes several times as long, for each that ends
            self.shortest_us = value_us
        if value_us > self.longest_us:
            self.longest_us = value_us

    def merge(self, other: Histogram) -> None:
        """Take in all that *other* has counted."""
        mine = self.buckets
        if mine:
            known = mine.get
            for number, count in other.buckets.items():
                mine[number] = known(number, 0) + count
        else:
            mine.update(other.buckets)  # many are merged into none yet, and this is quick
        self.count += other.count
        self.total_us += other.total_us
        self.shortest_us = min(self.shortest_us, other.shortest_us)
        self.longest_us = max(self.longest_us, other.longest_us)

    def percentile(self, share: float) -> int | None:
        """Return the duration (µs) that *share* (0 to 1) of all do not exceed; None of nothing.

        It is the nearest rank's bucket's middle, never beyond the extremes.
        """
        return self.percentiles((share,))[0]

    def percentiles(self, shares: Iterable[float]) -> list[int | None]:
        """Return `percentile` of each of *shares*."""
        if not self.buckets:
            return [None for _ in shares]
        numbers = sorted(self.buckets)
        seen = list(accumulate(map(self.buckets.__getitem__, numbers)))
        found: list[int | None] = []
        for share in shares:
            rank = max(1, -int(-share * self.count // 1))
            least, after = bounds(numbers[min(bisect_left(seen, rank), len(numbers) - 1)])
            found.append(min(max((least + after - 1) // 2, self.shortest_us), self.longest_us))
        return found

    def encoded(self) -> bytes:
        """Return the buckets as bytes: MessagePack of number, count, number, count and so on."""
        encode, _ = _codec()
        return encode(list(chain.from_iterable(sorted(self.buckets.items()))))

    @classmethod
    def decoded(
        cls, raw: bytes, *, count: int, total_us: int, shortest_us: int, longest_us: int
    ) -> Histogram:
        """Return what `encoded` made bytes of, with what was kept beside it.

        Raises `msgspec.DecodeError` for bytes that are no such thing.
        """
        made = cls()
        _, decode = _codec()
        flat = decode(raw)
        made.buckets = dict(zip(flat[::2], flat[1::2], strict=True))
        made.count, made.total_us = count, total_us
        made.shortest_us, made.longest_us = shortest_us, longest_us
        return made

    @classmethod
    def of(cls, values_us: Iterable[int]) -> Histogram:
        """Return a histogram of *values_us*."""
        made = cls()
        for value in values_us:
            made.add(value)
        return made


def merged(encoded: bytes, other: bytes) -> bytes:
    """Return the encoded buckets of two histograms as those of one."""
    encode, decode = _codec()
    flat, more = decode(encoded), decode(other)
    buckets = dict(zip(flat[::2], flat[1::2], strict=True))
    for number, count in zip(more[::2], more[1::2], strict=True):
        buckets[number] = buckets.get(number, 0) + count
    return encode(list(chain.from_iterable(sorted(buckets.items()))))
