"""A text to look for, in lines on screen and in stored bytes.

Small letters find capitals too; with a capital in it the text is found as it is written. In JSON,
white space between tokens is no matter, and a letter is found when it was sent as an escape.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW_BYTES = 256 << 10
_JSON_SIGNS = frozenset(":,{}[]")


class Query:
    """What to look for; *text* is not empty."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._folds_case = text == text.lower()

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Return where the text begins and ends in a line that is shown."""
        return [found.span() for found in self._shown.finditer(line)]

    def offsets(self, raw: bytes, *, json: bool) -> Iterator[list[int]]:
        """Yield where the text begins in stored bytes, window by window."""
        pattern = self._json if json else self._raw
        slack = 16 * len(self.text) + 64
        after = 0
        for start in range(0, len(raw), WINDOW_BYTES):
            end = start + WINDOW_BYTES
            offsets = []
            for found in pattern.finditer(raw, max(start, after), min(len(raw), end + slack)):
                if found.start() >= end:
                    break
                offsets.append(found.start())
                after = found.end()
            yield offsets

    @cached_property
    def _shown(self) -> re.Pattern[str]:
        flags = re.IGNORECASE if self._folds_case else 0
        return re.compile(self._pattern(self._sign, json=True), flags)

    @cached_property
    def _raw(self) -> re.Pattern[bytes]:
        return self._bytes(json=False)

    @cached_property
    def _json(self) -> re.Pattern[bytes]:
        return self._bytes(json=True)

    def _bytes(self, *, json: bool) -> re.Pattern[bytes]:
        flags = re.IGNORECASE if self._folds_case else 0
        pattern = self._pattern(self._sign_as_sent if json else self._sign_in_bytes, json=json)
        return re.compile(pattern.encode("latin-1"), flags)

    def _pattern(self, sign_of: Callable[[str], str], *, json: bool) -> str:
        pieces: list[str] = []
        text = self.text
        for place, sign in enumerate(text):
            around = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
            if sign.isspace():
                loose = json and any(each in _JSON_SIGNS for each in around)
                pieces.append(r"\s*" if loose else re.escape(sign) if sign != " " else r"[ \t]")
            elif json and sign in _JSON_SIGNS and place < len(text) - 1:
                pieces.append(re.escape(sign) + r"\s*")
            else:
                pieces.append(sign_of(sign))
        return "".join(pieces)

    def _sign(self, sign: str) -> str:
        return re.escape(sign) if sign.isascii() else f"(?:{re.escape(sign)}|{_escape(sign)})"

    def _sign_in_bytes(self, sign: str) -> str:
        if sign.isascii():
            return re.escape(sign)
        kinds = self._kinds(sign)
        written = sorted(each.encode("utf-8", "surrogatepass") for each in kinds)
        return f"(?:{'|'.join(each.decode('latin-1') for each in written)})"

    def _kinds(self, sign: str) -> set[str]:
        """Return a sign and, where case is no matter, its other case (that of ß is two signs)."""
        kinds = {sign, sign.upper(), sign.lower()} if self._folds_case else {sign}
        return {each for each in kinds if len(each) == 1}

    def _sign_as_sent(self, sign: str) -> str:
        if sign.isascii():
            return re.escape(sign)
        kinds = self._kinds(sign)
        escapes = "|".join(_escape(each) for each in sorted(kinds))
        return f"(?:{self._sign_in_bytes(sign)}|{escapes})"


def _escape(sign: str) -> str:
    """Return a pattern for *sign* as JSON escapes it."""
    units = "".join(sign).encode("utf-16-be", "surrogatepass").hex()
    parts = [units[at : at + 4] for at in range(0, len(units), 4)]
    return "(?i:" + "".join(r"\\u" + part for part in parts) + ")"
