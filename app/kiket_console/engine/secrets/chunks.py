"""Values that are longer than a keyring takes, in parts.

    NAME             kiket-console:parts:3:<SHA-256 of the value, hex>
    NAME#<tag>.1 …   the parts; the tag is the beginning of that digest

The head is written last, and each value has places of its own: until a new one is whole, the old
one stays. A value that looks like a head is kept in parts, too.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOWS_UNITS: Final = 1200
"""UTF-16 code units of one credential of Windows, which takes 2,560 bytes, with room to spare."""
_HEAD: Final = "kiket-console:parts:"
_head_of = re.compile(_HEAD + r"([1-9][0-9]{0,5}):([0-9a-f]{64})").fullmatch
_TAG: Final = 12


class Head(NamedTuple):
    """What stands in the place of a value that is in parts."""

    parts: int
    digest: str

    def __str__(self) -> str:
        return f"{_HEAD}{self.parts}:{self.digest}"

    def places(self, place: str) -> tuple[str, ...]:
        """Return where the parts of the value at *place* are."""
        tag = self.digest[:_TAG]
        return tuple(f"{place}#{tag}.{number}" for number in range(1, self.parts + 1))


def head_of(kept: str | None) -> Head | None:
    """Return what *kept* says of parts, or None when it is a value itself."""
    said = _head_of(kept) if kept is not None else None
    return Head(int(said[1]), said[2]) if said else None


def split(value: str, units: int | None) -> tuple[Head, tuple[str, ...]] | None:
    """Return the parts of a value, none longer than *units* UTF-16 code units (None: any length).

    None when it is kept as it is.
    """
    if not value.startswith(_HEAD) and (units is None or _units(value) <= units):
        return None
    parts = tuple(_parts(value, units or len(value) * 2))
    return Head(len(parts), _digest(value)), parts


def joined(head: Head, parts: Sequence[str | None]) -> str | None:
    """Return the value, or None when it is not whole."""
    value = "".join(part or "" for part in parts)
    return value if _digest(value) == head.digest else None


def _parts(value: str, units: int) -> list[str]:
    parts, start, used = [], 0, 0
    for at, character in enumerate(value):
        width = _units(character)
        if used + width > units:
            parts.append(value[start:at])
            start, used = at, 0
        used += width
    return [*parts, value[start:]]


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
