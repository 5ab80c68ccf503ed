"""Read rows off a damaged store's pages, without the tree that led to them.

    page: kind · how many cells · where they begin ──► cell: length, row id, record ──► overflow …

When an inner page of a table is lost, SQLite finds none of the rows below it, though they are
there. The format is the one of SQLite's documentation, "Database File Format", parts 1.5 to 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

LEAF = 13
_HEAD_BYTES = 8
_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)
_IN_NO_TREE = (2, 3, 4)  # of a pointer map: free pages, and those that long rows go on on
_ENTRY_BYTES = 5

Value = int | float | str | bytes | None


class Row(NamedTuple):
    """A row as its record has it; the column that is the row id is None in it."""

    id: int
    values: tuple[Value, ...]


def rows(raw: bytes | mmap.mmap, page_bytes: int) -> Iterator[Row]:
    """Give every row that stands on a leaf page in use, those of the file's end first.

    *raw* is the whole file, made with `auto_vacuum`. What does not read as a row is left out.
    """
    file = _File(raw, page_bytes)
    for number in range(len(raw) // page_bytes, 1, -1):
        if raw[(number - 1) * page_bytes] == LEAF and file.is_in_use(number):
            yield from file.leaf(number)


class _File:
    def __init__(self, raw: bytes | mmap.mmap, page_bytes: int) -> None:
        self._raw = raw
        self._page_bytes = page_bytes

    def is_in_use(self, number: int) -> bool:
        """Tell whether the pointer map has a page in a tree: free ones hold what was deleted."""
        covered = self._page_bytes // _ENTRY_BYTES  # pages after each page of the map
        group, place = divmod(number - 2, covered + 1)
        at = (1 + group * (covered + 1)) * self._page_bytes + (place - 1) * _ENTRY_BYTES
        return place > 0 and self._raw[at] not in _IN_NO_TREE

    def leaf(self, number: int) -> Iterator[Row]:
        start = (number - 1) * self._page_bytes
        page = self._raw[start : start + self._page_bytes]
        count = int.from_bytes(page[3:5], "big")
        for place in range(_HEAD_BYTES, _HEAD_BYTES + 2 * count, 2):
            try:
                yield self._cell(page, int.from_bytes(page[place : place + 2], "big"))
            except (IndexError, ValueError):  # no cell, or no text
                continue

    def _cell(self, page: bytes, at: int) -> Row:
        length, at = _varint(page, at)
        row_id, at = _varint(page, at)
        usable = self._page_bytes
        local = length
        if length > usable - 35:
            least = (usable - 12) * 32 // 255 - 23
            local = least + (length - least) % (usable - 4)
            if local > usable - 35:
                local = least
        payload = page[at : at + local]
        if local < length:
            overflow = int.from_bytes(page[at + local : at + local + 4], "big")
            payload += self._overflow(overflow, length - local)
        if len(payload) != length:
            raise ValueError
        return Row(row_id, _record(payload))

    def _overflow(self, number: int, length: int) -> bytes:
        pieces = []
        while length > 0:
            if number < 2:
                raise ValueError
            start = (number - 1) * self._page_bytes
            piece = self._raw[start + 4 : start + 4 + min(length, self._page_bytes - 4)]
            if not piece:
                raise ValueError
            pieces.append(piece)
            length -= len(piece)
            number = int.from_bytes(self._raw[start : start + 4], "big")
        return b"".join(pieces)


def _record(payload: bytes) -> tuple[Value, ...]:
    """Return the values of a record; raises `IndexError` or `ValueError` when it is none."""
    end, at = _varint(payload, 0)
    body = end
    values: list[Value] = []
    while at < end:
        kind, at = _varint(payload, at)
        value, body = _value(payload, body, kind)
        values.append(value)
    if at != end or body != len(payload):
        raise ValueError
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind < len(_INTEGER_BYTES):
        end = at + _INTEGER_BYTES[kind]
        value = int.from_bytes(payload[at:end], "big", signed=True) if kind else None
        return value, end
    if kind in {8, 9}:
        return kind - 8, at
    if kind < 12:
        raise ValueError  # a float, which no table of ours has, or nothing
    end = at + (kind - 12) // 2
    raw = payload[at:end]
    return (raw.decode() if kind % 2 else raw), end


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return a number of SQLite's variable length, and where it ends."""
    value = 0
    for _ in range(8):
        byte = raw[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | raw[at], at + 1
