"""Where the lines of a stored text are: found in one pass, in steps, without an object per line.

An index is built by `read()`, whose steps take a few milliseconds each, so that a thread that
builds one leaves the screen its turns; what was found so far can be looked at meanwhile.
"""

from __future__ import annotations

import codecs
import re
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from kiket_console.text import hides

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_LINES = 2_048
"""So many lines are found in one step of a millisecond or two."""
STEP_BYTES = 128 << 10

_UNSEEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Problem(NamedTuple):
    """Why a text is not what it says it is, and where."""

    offset: int
    """In bytes."""
    line: int
    column: int
    """Line and column as a person counts them, in characters, from 1."""
    sentence: str


class TextIndex:
    """The lines of a text as it was sent."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.starts = array("I")
        self.complete = False
        self.problem: Problem | None = None

    @property
    def count(self) -> int:
        """How many lines have been found."""
        return len(self.starts)

    @property
    def ended(self) -> int:
        """Of how many lines the end has been found too."""
        return self.count if self.complete else max(0, self.count - 1)

    @property
    def done(self) -> float:
        """How much has been read, from 0 to 1."""
        if self.complete or not self.starts:
            return float(self.complete)
        return self.starts[-1] / max(1, len(self.raw))

    def read(self) -> Iterator[None]:
        """Find the lines, step by step."""
        self.starts.append(0)
        find, end = self.raw.find, 0
        while end >= 0:
            for _ in range(STEP_LINES):
                end = find(b"\n", end) + 1
                if not end:
                    end = -1
                    break
                self.starts.append(end)
            yield
        if self.count > 1 and self.starts[-1] == len(self.raw):
            self.starts.pop()  # the last line has an end as well
        self.complete = True

    def span(self, number: int) -> tuple[int, int]:
        """Return where line *number* (from 0) begins and ends, in bytes."""
        following = number + 1
        end = self.starts[following] if following < self.count else len(self.raw)
        return self.starts[number], end

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds the byte at *offset*."""
        return max(0, bisect_right(self.starts, offset) - 1)

    def depth(self, number: int) -> int:  # noqa: ARG002 - other texts have depth
        """Return how deep line *number* is indented by us: text is left as it is."""
        return 0

    def deepest(self, first: int, after: int) -> int:  # noqa: ARG002 - other texts have depth
        """Return how deep the lines from *first* up to *after* are at most."""
        return 0

    def text(self, number: int) -> str:
        """Return line *number* without its end."""
        start, end = self.span(number)
        return self.raw[start:end].rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def position(self, number: int, offset: int) -> int:
        """Return which character of line *number* the byte at *offset* belongs to."""
        return len(self.raw[self.starts[number] : offset].decode("utf-8", "backslashreplace"))


def place_of(raw: bytes, offset: int, sentence: str) -> Problem:
    """Return the problem of *sentence* at *offset* with the line and column it is in."""
    begin = raw.rfind(b"\n", 0, offset) + 1
    column = len(raw[begin:offset].decode("utf-8", "backslashreplace")) + 1
    return Problem(offset, raw.count(b"\n", 0, offset) + 1, column, sentence)


class Characters:
    """What kinds of characters a text holds, found in steps."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.ascii = True
        self.hidden = False
        """Whether some would not be seen, or change how others are read."""
        self.widened = False
        """Whether some are shown as more cells than they have bytes."""

    def read(self) -> Iterator[None]:
        """Look at all characters, step by step."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        valid = True
        for start in range(0, len(self._raw), STEP_BYTES):
            piece = self._raw[start : start + STEP_BYTES]
            if not self.widened and _UNSEEN.search(piece):
                self.widened = True
            plain = piece.isascii()
            self.ascii = self.ascii and plain
            if valid and not self.hidden and not (plain and not decoder.getstate()[0]):
                try:
                    text = decoder.decode(piece)
                except UnicodeDecodeError:
                    valid, self.widened = False, True
                else:
                    self.hidden = hides(text)
            yield
        self.widened = self.widened or self.hidden

    @property
    def plain(self) -> bool:
        """Whether each is one byte and one cell."""
        return self.ascii and not self.widened
