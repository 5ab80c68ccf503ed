"""Turn what a worker writes into lines, within bounds however much it is."""

from __future__ import annotations

import itertools

from kiket_core.secret import redactor

LINE_LIMIT_BYTES = 64_000
HELD_BYTES = 8_192
"""What is kept beyond that for a while: a secret may begin before the limit and end after it."""
LINES_PER_S = 10_000
BURST_LINES = 100_000
"""What may be written at once, after a quiet while."""
RESERVED_LINES = 1_000
"""Of each second, what is left for lines that say that something is wrong."""


class LineSplitter:
    """Split chunks of bytes into lines: (text, bytes of it that were not kept).

    Of a longer line the start is kept. Bytes that are no UTF-8 are shown as escapes; a carriage
    return before a line's end belongs to that end.
    """

    def __init__(self) -> None:
        self._raw_partial = bytearray()
        self._cut_bytes = 0

    def lines(self, raw_chunk: bytes) -> list[tuple[str, int]]:
        """Return the lines that *raw_chunk* completes."""
        raw_first, newline, raw_others = raw_chunk.partition(b"\n")
        self._keep(raw_first)
        if not newline:
            return []
        lines = [self._line()]
        raw_whole, newline, raw_rest = raw_others.rpartition(b"\n")
        if newline and len(raw_whole) <= LINE_LIMIT_BYTES:  # nothing in it to be cut
            texts = raw_whole.decode("utf-8", "backslashreplace").split("\n")
            if b"\r" in raw_whole:
                texts = [text.removesuffix("\r") for text in texts]
            lines += zip(texts, itertools.repeat(0))
        elif newline:
            for raw_piece in raw_whole.split(b"\n"):
                self._keep(raw_piece)
                lines.append(self._line())
        self._keep(raw_rest)
        return lines

    def skip(self, raw_chunk: bytes) -> int:
        """Pass over the lines that *raw_chunk* completes; return how many they are."""
        count = raw_chunk.count(b"\n")
        if count:
            self._raw_partial.clear()
            self._cut_bytes = 0
        self._keep(raw_chunk[raw_chunk.rfind(b"\n") + 1 :])
        return count

    def rest(self) -> list[tuple[str, int]]:
        """Return what has no line end: nothing more comes."""
        return [self._line()] if self._raw_partial else []

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
    """How many lines a worker may write: so many at once and in each second; the rest is counted.

    The last of them are only for lines that are *grave*. Moments are on the monotonic clock.
    """

    def __init__(
        self,
        lines_per_s: int = LINES_PER_S,
        burst: int = BURST_LINES,
        reserved: int = RESERVED_LINES,
    ) -> None:
        self._lines_per_s = lines_per_s
        self._burst = burst
        self._reserved = reserved
        self._left = burst
        self._second = 0
        self._dropped = 0

    def take(self, now_s: float, count: int = 1, *, grave: bool = False) -> int:
        """Return how many of *count* lines may pass now; the others are counted."""
        self._refill(now_s)
        passing = max(0, min(count, self._left - (0 if grave else self._reserved)))
        self._left -= passing
        self._dropped += count - passing
        return passing

    def is_spent(self, now_s: float, *, grave: bool = False) -> bool:
        """Tell whether no more lines may pass now."""
        self._refill(now_s)
        return self._left <= (0 if grave else self._reserved)

    def drop(self, count: int) -> None:
        """Count lines that were lost on the way here."""
        self._dropped += count

    def dropped(self, now_s: float) -> int:
        """Return how many were dropped, once lines may pass again; then forget."""
        return 0 if not self._dropped or self.is_spent(now_s) else self.all_dropped()

    def all_dropped(self) -> int:
        """Return how many were dropped and not told yet; then forget."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _refill(self, now_s: float) -> None:
        if now_s >= self._second + 1:
            passed_s = int(now_s) - self._second
            self._left = min(self._burst, self._left + passed_s * self._lines_per_s)
            self._second = int(now_s)
