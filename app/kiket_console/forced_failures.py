"""Failures that a person asks of the platform: `POST extensions/notifications 503 3x 2s`.

In any order after the method: the path as the list of traffic has it, each part of which may be
`*`; the status, 503 without one; how often; and how long the answer takes. A status of 0 is the
usual answer, late.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.text import visible
from kiket_console.wire import ForcedFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS: Final = ("*", "GET", "POST", "PUT", "PATCH", "DELETE")
STATUS: Final = 503
EXAMPLE: Final = "POST extensions/notifications 503 3x 2s"
_TIMES: Final = re.compile(r"(?:(\d{1,6})[x×]|[x×](\d{1,6}))")  # noqa: RUF001 - as it is written
_DELAY: Final = re.compile(r"\d+(?:\.\d+)?(?:ms|s|m)")
_STATUS: Final = re.compile(r"0|[2-5]\d\d")
_PLACE: Final = re.compile(r"[A-Za-z*/][^\s]*")


class FailureError(ConsoleError):
    """What is wrong with such a line, and where: characters counted from 0."""

    def __init__(self, message: str, column: int, length: int) -> None:
        super().__init__(message, hint=f"Write {EXAMPLE}.", exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length


def read(text: str) -> ForcedFailure:
    """Return what a line asks for; raises `FailureError`."""
    from kiket_console.sending.repeating import seconds

    method, place = "", ""
    status: int | None = None
    times = delay_ms = 0
    for found in re.finditer(r"\S+", text):
        word = found[0]
        if not place and not method and word.upper() in METHODS:
            method = word.upper()
        elif often := _TIMES.fullmatch(word):
            times = int(often[1] or often[2])
        elif _DELAY.fullmatch(word):
            delay_ms = round(seconds(word) * 1000)
        elif status is None and _STATUS.fullmatch(word):
            status = int(word)
        elif not place and _PLACE.fullmatch(word):
            place = word.removeprefix("/api/v1").lstrip("/").removeprefix("ext/") or "*"
        else:
            said = f'"{visible(word)}" is no path, status, time or count.'
            raise FailureError(said, found.start(), len(word))
    if not place and method == "*":
        place = "*"
    if not place:
        raise FailureError("It does not say which calls.", len(text), 1)
    if status is None:
        status = 0 if delay_ms else STATUS
    if status == 0 and not delay_ms:
        raise FailureError("Answered as usual and at once, nothing would fail.", 0, len(text))
    return ForcedFailure(f"{method} {place}".strip(), status, delay_ms, times)


def added(failures: Sequence[ForcedFailure], failure: ForcedFailure) -> tuple[ForcedFailure, ...]:
    """Return *failures* with one more, in the place of what was asked for the same calls."""
    return (*(each for each in failures if each.route != failure.route), failure)
