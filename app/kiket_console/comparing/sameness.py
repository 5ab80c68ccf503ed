"""Which parts of JSON values are the same: each different part gets a number of its own.

Parts that are built alike share one number, so that comparing large parts takes one step; each
part is looked at once, however deep it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from kiket_console.comparing.documents import amount, kind_of, spelling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

Member: TypeAlias = tuple[int, str | int]
"""The `id` of an object or array, and the key or index of one of its values."""


class Sameness:
    """Number the parts of values that live as long as this does.

    Exact by default: all that a person would see counts, besides the order of an object's keys.
    *loose* takes numbers by their worth, *left_out* members out, and, when *unordered*, arrays as
    collections. *check* is called now and then, and may raise.
    """

    def __init__(
        self,
        *,
        loose: bool = False,
        left_out: Collection[Member] = frozenset(),
        unordered: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._loose = loose
        self._left_out = left_out
        self._unordered = unordered
        self._check = check
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}  # by id of an object or array

    def of(self, value: Any) -> int:
        """Return the number of a value."""
        if not isinstance(value, dict | list):
            return self._number(self._plain(value))
        found = self._known.get(id(value))
        if found is not None:
            return found
        waiting = [value]
        while waiting:
            part = waiting[-1]
            missing = [
                member
                for member in (part.values() if isinstance(part, dict) else part)
                if isinstance(member, dict | list) and id(member) not in self._known
            ]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if id(part) not in self._known:
                self._known[id(part)] = self._number(self._whole(part))
                self._check()
        return self._known[id(value)]

    def _whole(self, part: Any) -> Hashable:
        own = id(part)
        if isinstance(part, dict):
            return "object", frozenset(
                (key, self._member(member))
                for key, member in part.items()
                if not self._left_out or (own, key) not in self._left_out
            )
        items = [
            self._member(item)
            for index, item in enumerate(part)
            if not self._left_out or (own, index) not in self._left_out
        ]
        return "array", tuple(sorted(items) if self._unordered else items)

    def _member(self, value: Any) -> int:
        if isinstance(value, dict | list):
            return self._known[id(value)]
        return self._number(self._plain(value))

    def _plain(self, value: Any) -> Hashable:
        kind = kind_of(value)
        if kind == "number":
            return kind, amount(value) if self._loose else spelling(value)
        return kind, value

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))
