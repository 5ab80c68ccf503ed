"""The only road from outside text to the screen, and the one way to write sizes and times.

A payload, header, log line or file name may hold anything, terminal commands included.
`visible()` turns each character that could act on a terminal into a sign that can be read; nothing
here parses markup.
"""

from __future__ import annotations

import re
import time
import unicodedata
from functools import cache, lru_cache

_SHOWN: dict[int, str] = {c: f"\\x{c:02x}" for c in (*range(0x20), 0x7F, *range(0x80, 0xA0))}
_SHOWN |= {
    c: f"\\u{c:04x}"
    for c in (
        0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E,
        *range(0x200B, 0x2010),       # zero width, direction marks
        *range(0x2028, 0x202F),       # line and paragraph ends, direction overrides
        *range(0x2060, 0x2070),       # invisible operators, isolates
        0x3164, 0xFEFF, 0xFFA0,
        *range(0xFE00, 0xFE10),       # variation selectors
        *range(0xD800, 0xE000),       # lone surrogates
        *range(0xFFF9, 0xFFFC),
    )
}  # fmt: skip
_SHOWN |= {c: f"\\U{c:08x}" for c in (*range(0xE0000, 0xE0080), *range(0xE0100, 0xE01F0))}
_SHOWN |= {0x09: "→", 0x0A: "⏎", 0x0D: "␍"}

_HALVES = re.compile("[\ud800-\udfff]")
_COLOURS = re.compile(r"(?:\x1b\[|\x9b)(?:[0-9;:]*m|[0-2]?K)")
ELLIPSIS = "…"
COMBINING_LIMIT = 8
"""A base character keeps this many combining marks; what is piled on top is shown as a count."""


def visible(text: str) -> str:
    """Return *text* with every character that could act on a terminal, or hide, made visible.

    One line in, one line out: split text with line ends before calling.
    """
    if (text.isascii() and text.isprintable()) or _plain().fullmatch(text):
        return text
    return _unpile(text.translate(_SHOWN))


@cache
def _plain() -> re.Pattern[str]:
    """Find letters and signs of one cell that do nothing, what the console draws with among them.

    A text of them is visible as it is, and to see that takes no look at each of them.
    """
    return re.compile(
        "[ -~\u00a1-\u00ac\u00ae-\u02fe"
        "\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2713-\u2718"  # marks of text, arrows, ticks
        "\u2500-\u25fc\u2800-\u28ff]*"  # lines, blocks, braille
    )


def encodable(text: str) -> str:
    """Return JSON *text* that can be encoded: each lone surrogate in its strings as an escape."""
    return _HALVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _unpile(text: str) -> str:
    if not any(map(unicodedata.combining, text)):
        return text
    kept: list[str] = []
    piled = 0
    for character in text:
        piled = piled + 1 if unicodedata.combining(character) else 0
        if piled <= COMBINING_LIMIT:
            kept.append(character)
        elif piled == COMBINING_LIMIT + 1:
            kept.append("⁺")
    return "".join(kept)


def hides(text: str) -> bool:
    """Return whether *text* holds characters that nobody would see, or that disguise others."""
    return not text.isascii() and _hidden().search(text) is not None


@lru_cache
def _hidden() -> re.Pattern[str]:
    signs = "".join(re.escape(chr(sign)) for sign in _SHOWN if sign > 0x7F)
    return re.compile(f"[{signs}]|[\u0300-\u036f]{{{COMBINING_LIMIT + 1}}}")


def uncoloured(text: str) -> str:
    """Return *text* without the codes that only colour it, or clear the rest of its line.

    Programs write them to a terminal, or when they are told that they may; all else that could
    act on a terminal is left for `visible`.
    """
    return _COLOURS.sub("", text) if "\x1b" in text or "\x9b" in text else text


def decode(raw: bytes) -> str:
    """Return *raw* as text for showing; bytes that are no UTF-8 appear as hex escapes."""
    return raw.decode("utf-8", "backslashreplace")


def cell_width(text: str) -> int:
    """Return how many terminal cells *text* takes."""
    if text.isascii() or _plain().fullmatch(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fit(text: str, width: int) -> str:
    """Return visible *text* in exactly *width* cells: padded right, or cut with an ellipsis."""
    if text.isascii():
        if len(text) <= width:
            return text.ljust(width)
        return text[: width - 1] + ELLIPSIS if width > 1 else text[:width]
    from rich.cells import set_cell_size

    if cell_width(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ELLIPSIS if width > 1 else set_cell_size(text, width)


def fit_right(text: str, width: int) -> str:
    """Return visible *text* in exactly *width* cells, aligned right, or cut with an ellipsis."""
    padding = width - cell_width(text)
    return " " * padding + text if padding >= 0 else fit(text, width)


def size(count: int) -> str:
    """Write a number of bytes: `92 b`, `1.1 k`, `23 M`."""
    if count < 1000:
        return f"{count} b"
    amount = float(count)
    for unit in ("k", "M", "G"):
        amount /= 1024
        if amount < 1000 or unit == "G":
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    raise AssertionError("unreachable")


def duration(duration_us: int) -> str:
    """Write a duration (microseconds): `0.4 ms`, `18.9 ms`, `412 ms`, `2.3 s`, `4 m 12 s`."""
    ms = duration_us / 1000
    if ms < 100:
        return f"{ms:.1f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    return age(ms / 1000)


def age(seconds: float) -> str:
    """Write how long ago something was: `4 s`, `12 m`, `3 h`, `2 d`; `4 m 12 s` below ten."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} m {whole % 60} s" if whole % 60 else f"{whole // 60} m"
    if whole < 3600:
        return f"{whole // 60} m"
    if whole < 86_400:
        return f"{whole // 3600} h"
    return f"{whole // 86_400} d"


def clock(at_us: int, *, milliseconds: bool = True) -> str:
    """Write a moment (Unix microseconds) as local wall time: `14:05:07.112`."""
    moment = time.localtime(at_us // 1_000_000)
    shown = time.strftime("%H:%M:%S", moment)
    return f"{shown}.{at_us // 1000 % 1000:03d}" if milliseconds else shown


def reading_order(name: str) -> tuple[str, str]:
    """Return what to sort names by: as people look for them, not capitals first."""
    return name.casefold(), name


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 worker`, `1,204 exchanges`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
