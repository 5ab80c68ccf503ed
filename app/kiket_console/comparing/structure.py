"""The difference between two JSON values, member by member and item by item.

`walk` goes through both at once, in the order in which a person reads them, without recursion;
`compare` keeps what differs. Numbers are compared as numbers: 1 and 1.0 are the same one, written
otherwise. Items of arrays are paired before they are compared, so that an insertion is one change.
"""

from __future__ import annotations

import time
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from kiket_console import json_path
from kiket_console.comparing.documents import amount, kind_of, spelling
from kiket_console.comparing.pairing import pair
from kiket_console.comparing.sameness import Sameness, equal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from kiket_console.comparing.sameness import Member
    from kiket_console.json_path import JsonPath, Place


class Kind(StrEnum):
    """How two values at one place differ."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RETYPED = "retyped"
    """Of another JSON type: "1" and 1, or null and an object."""
    REWRITTEN = "rewritten"
    """The same number written otherwise, as 1 and 1.0: said, and no difference."""
    MOVED = "moved"
    """An item of an array that stands elsewhere among the others."""
    IGNORED = "ignored"
    """Left out of the comparison by a path; no difference."""


DIFFERENCES: Final = frozenset({Kind.ADDED, Kind.REMOVED, Kind.CHANGED, Kind.RETYPED, Kind.MOVED})

ABSENT: Final = object()
"""Stands for the side that has no value at a place."""


class TooDifferent(Exception):  # noqa: N818 - it is an outcome that callers go on from
    """A comparison took longer than it was given."""


class Change(Struct, frozen=True):
    """What differs at one place."""

    kind: Kind
    place: Place
    """Where it is: in the second value, or in the first when it was removed."""
    before: Any = None
    """The first value's part; None when it was added."""
    after: Any = None
    """The second value's part; None when it was removed."""

    @property
    def path(self) -> str:
        """The place as a path: `$.issue.labels[0]`."""
        return json_path.write(self.place)


class Step(NamedTuple):
    """One thing that `walk` comes by.

    Between a step that `opens` and one that `closes` are the steps of its members.
    """

    kind: Kind
    place: Place
    before: Any = ABSENT
    after: Any = ABSENT
    opens: bool = False
    closes: bool = False


def compare(
    before: Any,
    after: Any,
    *,
    ignore: Iterable[str | JsonPath] = (),
    unordered: bool = False,
    limit_s: float | None = None,
) -> list[Change]:
    """Return what differs between two JSON values, in the order of reading.

    *ignore* are paths (`$..processed_at`) whose values are left out on both sides; *unordered*
    takes arrays as collections whose order means nothing. Numbers that are only written otherwise
    come along as `Kind.REWRITTEN`; `DIFFERENCES` are the kinds that count. Raises
    `JsonPathError` for a path that cannot be read, and `TooDifferent` when it takes more than
    *limit_s* seconds.
    """
    return [
        Change(
            step.kind,
            step.place,
            None if step.before is ABSENT else step.before,
            None if step.after is ABSENT else step.after,
        )
        for step in walk(before, after, ignore=ignore, unordered=unordered, limit_s=limit_s)
        if not step.closes and (step.kind in DIFFERENCES or step.kind is Kind.REWRITTEN)
    ]


def walk(
    before: Any,
    after: Any,
    *,
    ignore: Iterable[str | JsonPath] = (),
    unordered: bool = False,
    limit_s: float | None = None,
) -> Iterator[Step]:
    """Yield all of two JSON values in the order of reading, equal parts as one step each.

    Keywords and errors are those of `compare`.
    """
    paths = [json_path.parse(each) if isinstance(each, str) else each for each in ignore]
    clock = _Clock(limit_s)
    left_out = {*_left_out(before, paths, clock), *_left_out(after, paths, clock)}
    sameness = Sameness(left_out=left_out, unordered=unordered, check=clock.check)
    if any(not path.steps for path in paths):
        yield Step(Kind.IGNORED, (), before, after)
        return
    waiting: list[Iterator[Step]] = [iter((Step(Kind.CHANGED, (), before, after),))]
    while waiting:
        step = next(waiting[-1], None)
        if step is None:
            waiting.pop()
            continue
        clock.check()
        if step.kind not in (Kind.CHANGED, Kind.MOVED) or step.closes:
            yield step
            continue
        judged = _judged(step)
        yield judged
        if judged.opens:
            end = judged._replace(kind=Kind.SAME, opens=False, closes=True)
            waiting.append(iter((end,)))
            if isinstance(step.after, dict):
                waiting.append(_members(judged, left_out))
            else:
                waiting.append(_items(judged, left_out, sameness, unordered=unordered))


class _Clock:
    """Ends a comparison that takes too long."""

    def __init__(self, limit_s: float | None) -> None:
        self._until_s = None if limit_s is None else time.monotonic() + limit_s

    def check(self) -> None:
        if self._until_s is not None and time.monotonic() > self._until_s:
            raise TooDifferent


def _left_out(document: Any, paths: Sequence[JsonPath], clock: _Clock) -> Iterator[Member]:
    """Return the members of a document that *paths* lead to."""
    for path in paths:
        for place, _ in path.find(document):
            clock.check()
            if place:
                yield id(json_path.get(document, place[:-1])), place[-1]


def _judged(step: Step) -> Step:
    """Return how two values that are both there differ, and whether to look at their members."""
    before, after = step.before, step.after
    moved = step.kind is Kind.MOVED
    if equal(before, after):
        return step if moved else step._replace(kind=Kind.SAME)
    kind = kind_of(before)
    if kind != kind_of(after):
        return step._replace(kind=Kind.RETYPED)
    if kind in ("object", "array"):
        return step._replace(kind=Kind.MOVED if moved else Kind.SAME, opens=True)
    if kind == "number" and amount(before) == amount(after):
        same = spelling(before) == spelling(after)  # not equal to itself: NaN
        return step._replace(kind=Kind.SAME if same else Kind.REWRITTEN)
    return step if moved else step._replace(kind=Kind.CHANGED)


def _members(step: Step, left_out: Collection[Member]) -> Iterator[Step]:
    """Yield the members of two objects as steps, what was added where it stands."""
    before, after = step.before, step.after
    added_behind: dict[str | None, list[str]] = defaultdict(list)
    last: str | None = None
    for key in after:
        if key in before:
            last = key
        else:
            added_behind[last].append(key)
    keys: list[str] = []
    added = added_behind[None]
    for key in before:
        if key in after:
            keys += [*added, key]
            added = added_behind[key]
        else:
            keys.append(key)
    keys += added
    for key in keys:
        here = key if key in before else None
        there = key if key in after else None
        yield _step((*step.place, key), before, after, here, there, left_out)


def _items(
    step: Step, left_out: Collection[Member], sameness: Sameness, *, unordered: bool
) -> Iterator[Step]:
    """Yield the items of two arrays as steps."""
    for i, j, moved in pair(step.before, step.after, sameness, unordered=unordered):
        at = i if j is None else j
        assert at is not None  # noqa: S101 - a pair has one side at least
        made = _step((*step.place, at), step.before, step.after, i, j, left_out)
        yield made._replace(kind=Kind.MOVED) if moved and made.kind is Kind.CHANGED else made


def _step(
    place: Place,
    before: Any,
    after: Any,
    here: str | int | None,
    there: str | int | None,
    left_out: Collection[Member],
) -> Step:
    """Return the step of one member, at *here* of the first and *there* of the second value."""
    ignored = (here is None or (id(before), here) in left_out) and (
        there is None or (id(after), there) in left_out
    )
    kind = Kind.CHANGED
    if ignored:
        kind = Kind.IGNORED
    elif here is None:
        kind = Kind.ADDED
    elif there is None:
        kind = Kind.REMOVED
    return Step(
        kind,
        place,
        ABSENT if here is None else before[here],
        ABSENT if there is None else after[there],
    )
