"""The binary form of a message (pywatt wire specification §3.4): bincode 2, "standard".

It does not describe itself: who reads it has to know what it holds. Here a message's content is
text or bytes, and its metadata five fields in order; integers are of variable length, little
endian, signed ones zigzag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_WIDTHS: Final = {251: 2, 252: 4, 253: 8}
_MAX_SMALL: Final = 250
_U64: Final = 2**64


def write_uint(value: int) -> bytes:
    """Write an unsigned integer of up to 64 bits."""
    if value <= _MAX_SMALL:
        return bytes([value])
    for mark, width in _WIDTHS.items():
        if value < 1 << (8 * width):
            return bytes([mark]) + value.to_bytes(width, "little")
    raise ValueError("An integer of the binary form has at most 64 bits.")


def write_bytes(value: bytes) -> bytes:
    """Write bytes, their length first."""
    return write_uint(len(value)) + value


def write_option(value: bytes | None) -> bytes:
    """Write a value that may be missing, from its own form."""
    return b"\0" if value is None else b"\1" + value


def zigzag(value: int) -> int:
    """Fold a signed integer into an unsigned one."""
    if not -_U64 // 2 <= value < _U64 // 2:
        raise ValueError("An integer of the binary form has at most 64 bits.")
    return value * 2 if value >= 0 else -value * 2 - 1


class Reader:
    """Reads one value after the other.

    Raises:
        ValueError: from each method, if what comes is something else or ends too early.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def is_at_end(self) -> bool:
        """Say whether everything was read."""
        return self._at == len(self._raw)

    def unsigned(self) -> int:
        """Read an unsigned integer."""
        first = self._take(1)[0]
        if first <= _MAX_SMALL:
            return first
        width = _WIDTHS.get(first)
        if width is None:
            raise ValueError(f"The binary form has no integer that begins with {first}.")
        return int.from_bytes(self._take(width), "little")

    def signed(self) -> int:
        """Read a signed integer."""
        value = self.unsigned()
        return -(value + 1) // 2 if value & 1 else value // 2

    def octets(self) -> bytes:
        """Read bytes."""
        return self._take(self.unsigned())

    def text(self) -> str:
        """Read text."""
        return self.octets().decode()

    def option(self, read: Callable[[], T]) -> T | None:
        """Read a value that may be missing, by `read`."""
        mark = self._take(1)[0]
        if mark > 1:
            raise ValueError(f"The binary form marks an option with 0 or 1, not {mark}.")
        return read() if mark else None

    def _take(self, size: int) -> bytes:
        taken = self._raw[self._at : self._at + size]
        if len(taken) < size:
            raise ValueError("The binary form ends in the middle of a value.")
        self._at += size
        return taken
