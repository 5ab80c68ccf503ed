"""Turn what a worker writes into lines, within bounds however much it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_core.secret import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_LIMIT_BYTES = 64_000
HELD_BYTES = 8_192
"""What is kept beyond that for a while: a secret may begin before the limit and end after it."""
LINES_PER_S = 2_000


class LineSplitter:
    """Split chunks of bytes into lines: (text, bytes of it that were not kept).

    Of a longer line the start is kept. Bytes that are no UTF-8 are shown as escapes; a carriage
    return before a line's end belongs to that end.
    """

    def __init__(self) -> None:
        self._raw_partial = bytearray()
        self._cut_bytes = 0

    def lines(self, raw_chunk: bytes) -> Iterator[tuple[str, int]]:
        """Yield the lines that *raw_chunk* completes."""
        *ended, rest = raw_chunk.split(b"\n")
        for raw_piece in ended:
            self._keep(raw_piece)
            yield self._line()
        self._keep(rest)

    def skip(self, raw_chunk: bytes) -> int:
        """Pass over the lines that *raw_chunk* completes; return how many they are."""
        count = raw_chunk.count(b"\n")
        if count:
            self._raw_partial.clear()
            self._cut_bytes = 0
        self._keep(raw_chunk[raw_chunk.rfind(b"\n") + 1 :])
        return count

    def rest(self) -> Iterator[tuple[str, int]]:
        """Yield what has no line end: nothing more comes."""
        if self._raw_partial:
            yield self._line()

    def _keep(self, raw_piece: bytes) -> None:
        room = LINE_LIMIT_BYTES + HELD_BYTES - len(self._raw_partial)
        self._raw_partial += raw_piece[:room]
        self._cut_bytes += max(0, len(raw_piece) - room)

    def _line(self) -> tuple[str, int]:
        text = self._raw_partial.removesuffix(b"\r").decode("utf-8", "backslashreplace")
        cut_bytes = self._cut_bytes
        self._raw_partial.clear()
        self._cut_bytes = 0
        return text, cut_bytes


def shortened(text: str, cut: int) -> str:
    """Return a line within `LINE_LIMIT_BYTES` that says how much of it is missing; *cut* was.

    A secret that the limit would cut in two is left out as a whole: its beginning would not be
    recognised.
    """
    if not cut and len(text) * 4 <= LINE_LIMIT_BYTES:
        return text
    raw = text.encode("utf-8", "backslashreplace")
    if not cut and len(raw) <= LINE_LIMIT_BYTES:
        return text
    limit = LINE_LIMIT_BYTES
    for match in redactor.find(raw):
        if match.offset < limit < match.offset + match.length:
            limit = match.offset
    kept = raw[:limit].decode("utf-8", "ignore")
    return f"{kept} … ({cut + len(raw) - limit:,} more not kept)"


class Allowance:
    """How many lines a worker may write: a number for each second, the rest counted."""

    def __init__(self, lines_per_s: int = LINES_PER_S) -> None:
        self._limit = lines_per_s
        self._second = 0
        self._taken = 0
        self._dropped = 0

    def take(self, now_s: float) -> bool:
        """Return whether one more line may pass now."""
        if int(now_s) != self._second:
            self._second, self._taken = int(now_s), 0
        if self._taken >= self._limit:
            self._dropped += 1
            return False
        self._taken += 1
        return True

    def is_spent(self, now_s: float) -> bool:
        """Tell whether no more lines may pass now."""
        return int(now_s) == self._second and self._taken >= self._limit

    def drop(self, count: int) -> None:
        """Count lines that were lost on the way here."""
        self._dropped += count

    def dropped(self, now_s: float) -> int:
        """Return how many were dropped, once the second in which they were is over; then forget."""
        return 0 if int(now_s) == self._second else self.all_dropped()

    def all_dropped(self) -> int:
        """Return how many were dropped and not told yet; then forget."""
        dropped, self._dropped = self._dropped, 0
        return dropped
