"""Quote texts and bytes for a POSIX shell: a command means the same wherever it is pasted."""

from __future__ import annotations

import base64
import re
from typing import Final

LONGEST_ARGUMENT: Final = 100_000
"""Systems refuse one argument of much more (Linux: 131,072 bytes)."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@%+=:,./-]+", re.ASCII)
_HERE: Final = "base64 -d <<'END'"
"""A here-document: its lines come behind the one that names it."""
_ACTING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")


def quoted(text: str) -> str:
    """Return *text* as one word of the shell; it has no control character but tabs and newlines."""
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def header_word(text: str, encoding: str = "latin-1") -> str:
    """Return a header's line as one word; what is no ASCII is made of its bytes in *encoding*.

    An exclamation mark would be taken for a command of the history within double quotes.
    """
    if text.isascii() and text.isprintable():
        return quoted(text)
    escaped = "".join(
        sign if 0x20 <= ord(sign) < 0x7F and sign not in "\\%'!" else _octal(sign, encoding)
        for sign in text
    )
    return f"\"$(printf '{escaped}')\""


def _octal(sign: str, encoding: str) -> str:
    raw = sign.encode(encoding if ord(sign) < 0x100 else "utf-8")
    return "".join(f"\\{byte:03o}" for byte in raw)


def is_text(raw: bytes) -> str | None:
    """Return *raw* as a text that can be pasted, or None when it cannot.

    It cannot when it is no UTF-8, too long for one argument, or holds what acts on a terminal.
    """
    if len(raw) > LONGEST_ARGUMENT:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if _ACTING.search(text) else text


def printing(raw: bytes) -> str:
    """Return a command that writes *raw* to its standard output."""
    text = is_text(raw)
    if text is not None:
        return f"printf %s {quoted(text)}"
    lines = base64.encodebytes(raw).decode()
    return f"{_HERE}\n{lines}END"


def behind(first: str, then: str) -> str:
    """Return a pipe of two commands, the first of which began with what `printing` returned."""
    if not first.startswith(_HERE):
        return f"{first} | {then}"
    line, newline, lines = first.partition("\n")
    return f"{line} | {then}{newline}{lines}"
