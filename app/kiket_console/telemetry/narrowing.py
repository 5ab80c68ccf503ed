"""Which series are meant: words as in `issue.* ext:marketing -src:api`, as filters of traffic say.

Only what a series has can be asked for, so this is a small language beside that of exchanges.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.telemetry.nouns import Series

FIELDS: Final[dict[str, Callable[[Series], str]]] = {
    "event": lambda each: each.name,
    "ext": lambda each: each.worker if each.source in ("webhook", "api") else "",
    "mod": lambda each: each.worker if each.source == "ipc" else "",
    "worker": lambda each: each.worker,
    "src": lambda each: each.source,
    "v": lambda each: each.version,
    "status": lambda each: each.outcome,
}
LONGEST: Final = 1000
"""Characters; what comes after is left out."""
_WORD: Final = re.compile(r'(-?)(?:([a-z.]+):)?("[^"]*"|\S+)', re.IGNORECASE)


class NarrowingError(ConsoleError):
    """What is wrong with such a text, and where: characters counted from 0."""

    def __init__(self, field: str, column: int) -> None:
        super().__init__(
            f'Metrics have no field "{visible(field)}".',
            hint=f"There are {', '.join(f'{each}:' for each in FIELDS)} and words.",
            exit_code=ExitCode.USAGE,
        )
        self.column = column
        self.length = len(field)


def narrowing(text: str) -> Callable[[Series], bool] | None:
    """Return what tells which series have all the words of *text*; None where it has none.

    A word stands for a part of the name, the worker or any other of `FIELDS`; after the name of
    one (`event:`) for the whole of that, with `*` for anything and `,` between several. `-` before
    a word takes away what has it. Case does not matter.
    Raises `NarrowingError` for an unknown field.
    """
    tests = [_test(found) for found in _WORD.finditer(text[:LONGEST])]
    if not tests:
        return None
    return lambda series: all(test(series) for test in tests)


def _test(found: re.Match[str]) -> Callable[[Series], bool]:
    minus, field, word = found.groups()
    fields: tuple[Callable[[Series], str], ...] = tuple(FIELDS.values())
    if field is None:
        patterns = [f"*{word}*".replace('"', "")]
    elif field.lower() in FIELDS:
        fields = (FIELDS[field.lower()],)
        patterns = [word.strip('"')] if word.startswith('"') else word.split(",")
    else:
        raise NarrowingError(field, found.start(2))
    wanted = [each.lower().split("*") for each in patterns if each]
    meant = not minus
    return lambda series: (
        any(_fits(parts, of(series).lower()) for of in fields for parts in wanted) is meant
    )


def _fits(parts: list[str], text: str) -> bool:
    """Whether *text* is made of *parts* with anything between them."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end
