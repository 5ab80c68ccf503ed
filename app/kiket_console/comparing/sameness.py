"""Which parts of JSON values are equal, told fast enough for bodies of megabytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from kiket_console.comparing.documents import amount, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

Member: TypeAlias = tuple[int, str | int]
"""The `id` of an object or array, and the key or index of one of its values."""


def equal(before: Any, after: Any) -> bool:
    """Return whether two values are equal in all that a person would see but the order of keys.

    It may say no of equal values that are nested very deep; their members are equal then.
    """
    try:
        # The first is quick to find a difference; the second tells true from 1 and 1.0 from 1.
        return bool(before == after) and _written(before) == _written(after)
    except (RecursionError, TypeError):
        return False


class Sameness:
    """Give each different part of values a number; the values live as long as this does.

    Numbers are taken by their worth, *left_out* members do not count, and, when *unordered*,
    arrays are collections. *check* is called now and then, and may raise.
    """

    def __init__(
        self,
        *,
        left_out: Collection[Member] = frozenset(),
        unordered: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._left_out = left_out
        self._unordered = unordered
        self._check = check
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}  # by id of an object or array

    def of(self, value: Any) -> int:
        """Return the number of a value."""
        if not isinstance(value, dict | list):
            return self._plain(value)
        found = self._known.get(id(value))
        if found is not None:
            return found
        if not self._left_out and not self._unordered:
            try:
                # Written by C code at once. Numbers within that are written otherwise make another
                # part of it; it is found to be the same when its members are looked at.
                found = self._number(_written(value))
                self._known[id(value)] = found
                self._check()
            except (RecursionError, TypeError):
                pass
            else:
                return found
        return self._by_parts(value)

    def _by_parts(self, value: Any) -> int:
        """Return the number of a value from those of its members, without recursion."""
        known = self._known
        waiting = [value]
        while waiting:
            part = waiting[-1]
            missing = [
                member
                for member in (part.values() if isinstance(part, dict) else part)
                if isinstance(member, dict | list) and id(member) not in known
            ]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if id(part) not in known:
                known[id(part)] = self._number(self._whole(part))
                self._check()
        return known[id(value)]

    def _whole(self, part: Any) -> Hashable:
        own, left_out = id(part), self._left_out
        if isinstance(part, dict):
            return "object", frozenset(
                (key, self._member(member))
                for key, member in part.items()
                if not left_out or (own, key) not in left_out
            )
        items = [
            self._member(item)
            for index, item in enumerate(part)
            if not left_out or (own, index) not in left_out
        ]
        return "array", tuple(sorted(items) if self._unordered else items)

    def _member(self, value: Any) -> int:
        if isinstance(value, dict | list):
            return self._known[id(value)]
        return self._plain(value)

    def _plain(self, value: Any) -> int:
        if isinstance(value, str):
            return self._number(("", value))
        kind = kind_of(value)
        return self._number((kind, amount(value) if kind == "number" else value))

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
