"""The values that a filter can hold: numbers, durations, sizes, times and JSON.

Numbers become spans of integers, both ends included, None where there is no end: so that each
comparison, range and unit comes down to one thing. A literal that makes no sense raises
`ValueError` with what is expected.
"""

from __future__ import annotations

import datetime
import re
from typing import Any, Final, NamedTuple

from msgspec import Struct

_LARGEST: Final = 2**63 - 1

DURATION: Final = "a duration such as 250us, 40ms, 2s, 5m or 1h"
SIZE: Final = "a size such as 900b, 64kb or 1mb"
COUNT: Final = "a whole number"
STATUS: Final = "a status such as 404 or 4xx"
TIME: Final = "a time such as 14:05, 2025-11-20T14:05, today or 10m (ago)"

_US: Final = {
    "us": 1,
    "µs": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_BYTES: Final = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DURATION_PART: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)(us|µs|ms|s|m|h|d)")
_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?(?:(b)|(k|m|g)(?:i?b)?)?", re.IGNORECASE)
_MOMENT: Final = re.compile(
    r"(?:(\d{4})-(\d\d?)-(\d\d?))?(?:(?:(?<=\d)[Tt ])?(\d\d?):(\d\d)(?::(\d\d)(\.\d{1,6})?)?(Z)?)?",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Span(NamedTuple):
    """Integers from `low` to `high`, both included; None: without an end."""

    low: int | None
    high: int | None


def count(text: str, _now_us: int) -> Span:
    """Return the span of a whole number."""
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise ValueError(COUNT)
    return Span(int(text), int(text))


def status(text: str, _now_us: int) -> Span:
    """Return the span of a status code, or of a class of them."""
    if re.fullmatch(r"[1-5]xx", text, re.IGNORECASE):
        return Span(int(text[0]) * 100, int(text[0]) * 100 + 99)
    if not re.fullmatch(r"\d{1,3}", text):
        raise ValueError(STATUS)
    return Span(int(text), int(text))


def duration(text: str, _now_us: int) -> Span:
    """Return the span of a duration, in microseconds: `250ms`, `1m30s`."""
    taken_us = _duration_us(text)
    if taken_us is None:
        raise ValueError(DURATION)
    return Span(taken_us, taken_us)


def size(text: str, _now_us: int) -> Span:
    """Return the span of a size, in bytes; a k is 1024."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(SIZE)
    unit = (found[2] or found[3] or "").lower()
    taken = min(round(float(found[1]) * _BYTES[unit]), _LARGEST)
    return Span(taken, taken)


def time(text: str, now_us: int) -> Span:
    """Return the span of a moment, in Unix microseconds: a day, a minute, a second, or one point.

    Times are local unless they end in Z; a time of day is today's; a duration is so long ago.
    """
    ago_us = _duration_us(text)
    if ago_us is not None:
        return Span(now_us - ago_us, now_us - ago_us)
    now = datetime.datetime.fromtimestamp(now_us / 1e6)  # noqa: DTZ006 (the person's clock)
    day = {"now": 0, "today": 0, "yesterday": 1}.get(text.lower())
    if text.lower() == "now":
        return Span(now_us, now_us)
    if day is not None:
        return _day(now.date() - datetime.timedelta(days=day))
    found = _MOMENT.fullmatch(text)
    if found is None or (found[1] is None and found[4] is None):
        raise ValueError(TIME)
    year, month, date, hour, minute, second, fraction, zulu = found.groups()
    try:
        named = datetime.date(int(year), int(month), int(date)) if year else now.date()
        if hour is None:
            return _day(named)
        begin = datetime.datetime.combine(
            named,
            datetime.time(int(hour), int(minute), int(second or 0)),
            tzinfo=datetime.UTC if zulu else None,
        )
        begin_us = round(begin.timestamp() * 1e6)
    except (ValueError, OverflowError, OSError):
        raise ValueError(TIME) from None
    if fraction:
        begin_us += round(float(fraction) * 1e6)
        return Span(begin_us, begin_us)
    return Span(begin_us, begin_us + (1_000_000 if second else 60_000_000) - 1)


def _day(day: datetime.date) -> Span:
    try:
        begin, end = (
            datetime.datetime.combine(each, datetime.time()).timestamp()
            for each in (day, day + datetime.timedelta(days=1))
        )
    except (ValueError, OverflowError, OSError):
        raise ValueError(TIME) from None
    return Span(round(begin * 1e6), round(end * 1e6) - 1)


def is_ago(text: str) -> bool:
    """Whether *text* is a moment that is counted back from now."""
    return text.lower() == "now" or _duration_us(text) is not None


def _duration_us(text: str) -> int | None:
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return min(round(sum(float(number) * _US[unit] for number, unit in parts)), _LARGEST)


def compared(span: Span, operator: str) -> Span:
    """Return the span of what is `>`, `>=`, `<` or `<=` a literal's span."""
    low, high = span
    match operator:
        case ">":
            return Span(None if high is None else min(high + 1, _LARGEST), None)
        case ">=":
            return Span(low, None)
        case "<":
            return Span(None, None if low is None else low - 1)
        case "<=":
            return Span(None, high)
        case _:
            return span


def holds(spans: tuple[Span, ...], value: int) -> bool:
    """Whether *value* is in one of *spans*."""
    return any(
        (low is None or low <= value) and (high is None or value <= high) for low, high in spans
    )


class Json(Struct, frozen=True):
    """A JSON literal: its value, and the text that stands for it."""

    value: Any
    text: str
    quoted: bool


def json_literal(text: str, *, quoted: bool) -> Json:
    """Return what a word means in a comparison with JSON; what is quoted is a string."""
    value: Any = text
    if not quoted:
        named: dict[str, Any] = {"true": True, "false": False, "null": None}
        if text in named:
            value = named[text]
        elif _NUMBER.fullmatch(text) and len(text) <= 300:
            value = float(text) if set(text) & set(".eE") else int(text)
    return Json(value, text, quoted)


def versions(text: str) -> tuple[tuple[int, str], ...]:
    """Return a version as something that can be ordered: numbers by value, words by letters.

    `v2` and `2` are the same, `v10` comes after `v9`, `2025-11-01` after `2025-02-01`.
    """
    bare = text[1:] if re.match(r"[vV]\d", text) else text
    return tuple(
        (int(number[:18]), "") if number else (-1, word.lower())
        for number, word in re.findall(r"(\d+)|([^\W\d_]+)", bare)
    )
