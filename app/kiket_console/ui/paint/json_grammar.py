"""What JSON is written of, and in words where a text is not JSON."""

from __future__ import annotations

import re
from typing import NamedTuple

from kiket_console.wire_secrets import SECRET_NAME

WHITE = rb"[ \t\r\n]*+"
STRING = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"
VALUE = (
    rb"(?:" + STRING + rb"|" + NUMBER + rb"|true|false|null|NaN|-?Infinity"
    rb"|\{" + WHITE + rb"\}|\[" + WHITE + rb"\]|\[secret:" + SECRET_NAME.encode() + rb"\])"
)
"""A value that stays on one line; Python's senders write NaN and Infinity as well.

Where a secret is a number, its reference was recorded in its place.
"""

_BLANK = re.compile(WHITE)
_STRING = re.compile(STRING)
_UNCLOSED = re.compile(STRING[:-1])
_VALUE = re.compile(VALUE)
_WORD = re.compile(rb"[A-Za-z_$][\w$]*+")
_NUMERIC = re.compile(rb"[-+.\w]++")
_PYTHONS = {b"True": "true", b"False": "false", b"None": "null", b"undefined": "null"}
_WORDS = (b"true", b"false", b"null", b"NaN", b"Infinity", b"-Infinity")


class Fault(NamedTuple):
    """What is wrong, at which byte, and whether only the text's end is to blame."""

    offset: int
    sentence: str
    cut_off: bool = False


def after_blanks(raw: bytes, offset: int) -> int:
    """Return where the next sign begins at or after *offset*."""
    found = _BLANK.match(raw, offset)
    return found.end() if found else offset


def comma_after(raw: bytes, offset: int) -> int:
    """Return where the comma is that follows the value, or the closing bracket, at *offset*."""
    offset = after_blanks(raw, offset)
    found = _VALUE.match(raw, offset)
    return raw.find(b",", found.end() if found else offset)


def fault_at(raw: bytes, offset: int) -> Fault:
    """Say why what begins at *offset* is neither a value nor a name with its value."""
    offset = after_blanks(raw, offset)
    if offset >= len(raw):
        return Fault(offset, "A value is missing here.", cut_off=True)
    if not raw.startswith(b'"', offset):
        return _odd_value(raw, offset)
    name = _STRING.match(raw, offset)
    if name is None:
        return _odd_string(raw, offset)
    colon = after_blanks(raw, name.end())
    value = after_blanks(raw, colon + 1)
    if value >= len(raw):
        return Fault(value, "A value is missing after the colon.", cut_off=True)
    if raw[value : value + 1] in (b",", b"}", b"]", b":"):
        return Fault(value, "A value is missing after the colon.")
    if raw.startswith(b'"', value):
        return _odd_string(raw, value)
    return _odd_value(raw, value)


def _odd_string(raw: bytes, offset: int) -> Fault:
    found = _UNCLOSED.match(raw, offset)
    end = found.end() if found else offset + 1
    rest = raw[end : end + 2]
    if not rest or rest == b"\\" or (rest == b"\\u" and len(raw) < end + 6):
        return Fault(offset, "The text that begins here has no closing quote.", cut_off=True)
    if rest.startswith(b"\\"):
        return Fault(end, f"JSON knows no escape {_shown(rest)}.")
    if rest[:1] in (b"\n", b"\r"):
        return Fault(offset, "The text that begins here has no closing quote on its line.")
    return Fault(end, f"The character 0x{rest[0]:02x} has to be escaped within a text.")


def _odd_value(raw: bytes, offset: int) -> Fault:
    sign = raw[offset : offset + 1]
    if sign == b"'":
        return Fault(offset, "Names and texts take double quotes, not single ones.")
    if raw[offset : offset + 2] in (b"//", b"/*"):
        return Fault(offset, "JSON has no comments.")
    if sign == b"#":
        return Fault(offset, "JSON has no comments.")
    if sign == b",":
        return Fault(offset, "A value is missing before this comma.")
    if sign == b":":
        return Fault(offset, "A name in double quotes is missing before this colon.")
    if word := _WORD.match(raw, offset):
        return _odd_word(raw, offset, word[0])
    if number := _NUMERIC.match(raw, offset):
        return Fault(offset, f"{_shown(number[0])} is not a JSON number.", number.end() == len(raw))
    return Fault(offset, f"{_shown(raw[offset : offset + 1])} has no place here.")


def _odd_word(raw: bytes, offset: int, word: bytes) -> Fault:
    if word in _PYTHONS:
        return Fault(offset, f"{_shown(word)} is not JSON; it is written {_PYTHONS[word]}.")
    end = offset + len(word)
    if end == len(raw) and any(known.startswith(word) for known in _WORDS):
        return Fault(offset, f"{_shown(word)} is not a JSON value.", cut_off=True)
    if raw.startswith(b":", after_blanks(raw, end)):
        return Fault(offset, f"The name {_shown(word)} has to stand in double quotes.")
    return Fault(offset, f"{_shown(word)} is not a JSON value.")


def _shown(raw: bytes) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= 24 else text[:23] + "…"
