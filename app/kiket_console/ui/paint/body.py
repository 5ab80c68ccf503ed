"""A body as lines: JSON laid out, other text as it is, anything else as bytes.

Laying out JSON keeps every token as it was sent: numbers keep their digits, doubled keys stay
doubled, escapes stay escapes. Lines are coloured when they are looked at.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from kiket_console.text import fit_right, size, visible
from kiket_console.ui.paint.syntax import coloured

if TYPE_CHECKING:
    from kiket_console.model import Body
    from kiket_console.ui.paint.line import Line, Piece
    from kiket_console.ui.paint.source import LineSource

LAYOUT_LIMIT_BYTES = 8 << 20
LINE_LIMIT = 200_000
"""A document of more lines is shown up to here."""
LINE_CELLS = 2_000
"""A longer line is cut."""
DEEPEST = 60
"""Indentation stops growing here: a body of brackets must not become gigabytes of spaces."""
SLOW_BYTES = 128 << 10
"""Laying out a larger body belongs in a thread."""

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity|[{}\[\],:]', re.DOTALL
)
_HEX_ROW = 16


def body_lines(body: Body) -> LineSource:
    """Return the lines of a stored body."""
    text = _as_text(body.raw)
    note = _truncation(body)
    if text is None:
        return HexLines(body.raw, note)
    if len(body.raw) <= LAYOUT_LIMIT_BYTES and (laid_out := lay_out(text)) is not None:
        return TextLines(laid_out, "json", note)
    return TextLines(text.splitlines(), "", note)


class TextLines:
    """Numbered lines of text, coloured as they are looked at."""

    def __init__(self, lines: list[str], language: str, note: Line) -> None:
        if len(lines) > LINE_LIMIT:
            note = [(f"… {len(lines) - LINE_LIMIT:,} more lines are not shown", "muted")]
            lines = lines[:LINE_LIMIT]
        self._lines = lines
        self._language = language
        self._note = note
        self._gutter = max(3, len(str(len(lines))))

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines) + bool(self._note)

    def line(self, index: int) -> Line:
        """Return one line with its number."""
        if index == len(self._lines):
            return [(" " * (self._gutter + 3), ""), *self._note]
        text = self._lines[index]
        tail: list[Piece] = []
        if len(text) > LINE_CELLS:
            tail = [(f" … {size(len(text) - LINE_CELLS)} more", "muted")]
            text = text[:LINE_CELLS]
        number = fit_right(str(index + 1), self._gutter)
        return [(f" {number}  ", "faint"), *coloured(text, self._language), *tail]


class HexLines:
    """Bytes, sixteen a line, as offset, hex and what of it is text."""

    def __init__(self, raw: bytes, note: Line) -> None:
        self._raw = raw
        self._note = note
        self._rows = -(-len(raw) // _HEX_ROW)

    @property
    def count(self) -> int:
        """How many lines there are."""
        return self._rows + bool(self._note)

    def line(self, index: int) -> Line:
        """Return one line."""
        if index == self._rows:
            return [(" ", ""), *self._note]
        raw = self._raw[index * _HEX_ROW : (index + 1) * _HEX_ROW]
        digits = raw[:8].hex(" ").ljust(23) + "  " + raw[8:].hex(" ").ljust(23)
        signs = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in raw)
        return [(f" {index * _HEX_ROW:08x}  ", "faint"), (digits + "  ", ""), (signs, "text")]


def lay_out(text: str) -> list[str] | None:
    """Return JSON *text* as indented lines, or None when it is not a JSON object or array."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    lines: list[str] = []
    line = ""
    depth = 0
    tokens = _TOKEN.findall(text)
    for position, sign in enumerate(tokens):
        if sign in "{[":
            closing = tokens[position + 1] if position + 1 < len(tokens) else ""
            line += sign
            depth += 1
            if closing not in ("}", "]"):
                lines.append(line)
                line = _indent(depth)
        elif sign in "}]":
            depth -= 1
            if tokens[position - 1] not in ("{", "["):
                lines.append(line)
                line = _indent(depth)
            line += sign
        elif sign == ",":
            lines.append(line + ",")
            line = _indent(depth)
        else:
            line += ": " if sign == ":" else sign
        if len(lines) > LINE_LIMIT:
            return lines
    lines.append(line)
    return lines


def hides_characters(body: Body) -> bool:
    """Return whether a body holds characters that a person would not see."""
    text = _as_text(body.raw)
    if text is None or text.isascii():
        return False
    plain = text.translate({ord(sign): " " for sign in "\t\n\r"})
    return visible(plain) != plain


def _indent(depth: int) -> str:
    return "  " * min(depth, DEEPEST)


def _as_text(raw: bytes) -> str | None:
    """Return *raw* as text, or None when it looks like anything else."""
    if b"\x00" in raw:
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(raw) - 3 or error.reason == "invalid start byte":
            return None
        text = raw[: error.start].decode("utf-8")  # a body cut within a character
    return text


def _truncation(body: Body) -> Line:
    if not body.truncated:
        return []
    missing = max(0, body.size - len(body.raw))
    return [(f"… {size(missing)} more came and were not kept", "warning")]
