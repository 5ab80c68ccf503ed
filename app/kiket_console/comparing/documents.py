"""JSON documents for comparing: read with the spelling of their numbers, and written as lines."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

DEEPEST: Final = 60
"""Indentation stops growing here: a body of brackets must not become gigabytes of spaces."""


class Spelled(float):
    """A number with a fraction or an exponent, and how it was written.

    It equals what is written just the same; `amount` says what it is worth.
    """

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> Self:
        """Read *text*."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spelled) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class Doubled(ValueError):  # noqa: N818 - it says what the document is
    """An object has one key twice; which of the two counts is not for us to say."""


def read(text: str) -> Any:
    """Return the JSON value of *text*, its numbers as they were written.

    Raises `ValueError` when it is no JSON, is nested too deep, or doubles a key.
    """
    try:
        return json.loads(text, parse_float=Spelled, object_pairs_hook=_object)
    except RecursionError as error:
        raise ValueError("It is nested too deep.") from error


def kind_of(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def spelling(value: Any) -> str:
    """Return a value without members as JSON text, a number as it was written."""
    if isinstance(value, Spelled):
        return value.text
    return json.dumps(value, ensure_ascii=False)


def amount(number: float) -> Any:
    """Return what a number is worth, equal for all spellings, to be compared and hashed."""
    if isinstance(number, int):
        return number
    try:
        worth = Decimal(spelling(number))
    except InvalidOperation:  # an exponent beyond all bounds
        return spelling(number)
    return worth if worth.is_finite() else spelling(number)


def lines_of(
    value: Any, *, key: str | None = None, depth: int = 0, most: int | None = None
) -> list[str]:
    """Return a value as indented lines without commas, behind its *key* where it is a member.

    The lines end after *most* of them.

    A comma belongs to the place among the members and not to the value, so that a line with one
    would differ where the value does not.
    """
    lines: list[str] = []
    closing = object()
    waiting: list[tuple[Any, str, int]] = [(value, label(key), depth)]
    while waiting and (most is None or len(lines) < most):
        part, before, level = waiting.pop()
        start = indent(level) + before
        if part is closing:
            lines.append(start)
        elif not isinstance(part, dict | list | tuple):
            lines.append(start + spelling(part))
        elif not part:
            lines.append(start + brackets(part))
        else:
            opening, end = brackets(part)[0], brackets(part)[1]
            lines.append(start + opening)
            waiting.append((closing, end, level))
            if isinstance(part, dict):
                waiting += [(part[name], label(name), level + 1) for name in reversed(list(part))]
            else:
                waiting += [(item, "", level + 1) for item in reversed(part)]
    return lines


def brackets(value: Any) -> str:
    """Return the two signs around the members of an object or array."""
    return "{}" if isinstance(value, dict) else "[]"


def indent(depth: int) -> str:
    """Return the blanks before a line of *depth*."""
    return "  " * min(depth, DEEPEST)


def label(key: str | None) -> str:
    """Return what stands before the value of a member, `"key": `; nothing for an item."""
    return "" if key is None else f"{json.dumps(key, ensure_ascii=False)}: "


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Doubled("An object has one key twice.")
    return made
