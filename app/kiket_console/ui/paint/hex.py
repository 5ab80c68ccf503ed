"""Bytes, sixteen a row, as offset, hex and what of it is text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.ui.paint.source import LineSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.search import Query

_ROW = 16


class HexLines(LineSource):
    """Bytes that are no text."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @property
    def count(self) -> int:
        """How many rows there are."""
        return -(-len(self._raw) // _ROW)

    def line(self, index: int) -> Line:
        """Return one row."""
        raw = self.value(index)
        digits = raw[:8].hex(" ").ljust(23) + "  " + raw[8:].hex(" ").ljust(23)
        signs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in raw)
        return [(digits + "  ", ""), (signs, "text")]

    def margin(self, index: int) -> Line:
        """Return the offset of a row's first byte."""
        return [(f" {index * _ROW:08x}  ", "faint")]

    def value(self, index: int) -> bytes:
        """Return the bytes of a row."""
        return self._raw[index * _ROW : (index + 1) * _ROW]

    def find(self, query: Query) -> Iterator[Sequence[int]]:
        """Yield the places of a text among the bytes."""
        return query.offsets(self._raw, json=False)

    def begin(self, index: int) -> int:
        """Return the first place of a row."""
        return index * _ROW

    def show(self, place: int) -> tuple[int, int]:
        """Return the row of a place, and where its sign stands there."""
        row, byte = divmod(place, _ROW)
        return row, 50 + byte
