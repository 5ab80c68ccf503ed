"""Values that are worked out as an event is sent: `${uuid}`, `${now+5m}`, `${last.$.issue.id}`.

=================  =================================================================
``${uuid}``        a new UUID
``${now}``         the moment of sending, `2026-11-20T14:05:09Z`; `${now-2h}` for another
``${unix}``        the same as Unix seconds, a number; `${unix+30s}` for another
``${n}``           1 for the first of several, 2 for the next
``${last.PATH}``   what is at a JSON path of the newest capture of the event
``${env.NAME}``    an environment variable
``$${``            the characters `${` themselves
=================  =================================================================

They are read in what a person types as a value, never in a payload that came from outside.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from kiket_console import json_path
from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES: Final = ("uuid", "now", "unix", "n", "last.$", "env.")
HINT: Final = "There are ${uuid}, ${now}, ${now+5m}, ${unix}, ${n}, ${last.$.path} and ${env.NAME}."
MISSING: Final = object()
"""Stands for the newest capture where there is none."""
_EXPRESSION: Final = re.compile(r"""\$?\$\{((?:[^}"']|"[^"]*"|'[^']*')*)(\}?)""")
_MOMENT: Final = re.compile(r"(now|unix)(?:\s*([+-])\s*(\d{1,9})\s*(ms|s|m|h|d|w))?")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class ValueRefusedError(ConsoleError):
    """A `${…}` that means nothing; `column` is 0-based, in the text that was given."""

    def __init__(self, message: str, column: int, length: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)
        self.column = column
        self.length = length


@dataclass(frozen=True, slots=True)
class Values:
    """What `${…}` can refer to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    number: int = 1
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    last: Any = MISSING
    """The payload of the newest capture of the event."""

    def next(self, now: datetime | None = None) -> Values:
        """Return the values for the next of several."""
        return replace(self, number=self.number + 1, now=now or datetime.now(UTC))

    def fill(self, value: Any) -> Any:
        """Return a JSON value with each `${…}` in its texts replaced.

        A text that is nothing but one `${…}` becomes what that is, a number for instance. Raises
        `ValueRefusedError`.
        """
        if isinstance(value, str):
            return self._filled(value)
        if isinstance(value, dict):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        return value

    def _filled(self, text: str) -> Any:
        if "${" not in text:
            return text
        pieces: list[str] = []
        end = 0
        for found in _EXPRESSION.finditer(text):
            pieces.append(text[end : found.start()])
            end = found.end()
            if found[0].startswith("$$"):
                pieces.append(found[0][1:])
                continue
            if not found[2]:
                raise ValueRefusedError(
                    "This ${ has no closing brace.", found.start(), len(found[0]), HINT
                )
            value = self._value(found[1].strip(), found.start(), len(found[0]))
            if len(found[0]) == len(text):
                return value
            pieces.append(value if isinstance(value, str) else json.dumps(value))
        return "".join([*pieces, text[end:]])

    def _value(self, name: str, column: int, length: int) -> Any:
        if name == "uuid":
            return str(uuid.uuid4())
        if name == "n":
            return self.number
        if moment := _MOMENT.fullmatch(name):
            return self._moment(moment, column, length)
        if name.startswith("env."):
            variable = name.removeprefix("env.")
            if variable not in self.environ:
                raise ValueRefusedError(
                    f"The environment has no variable {variable or 'without a name'}.",
                    column,
                    length,
                )
            return self.environ[variable]
        if name.startswith("last."):
            return self._last(name.removeprefix("last."), column, length)
        near = get_close_matches(name, NAMES, n=1, cutoff=0.6)
        hint = f"Did you mean ${{{near[0]}}}?" if near else HINT
        raise ValueRefusedError(f"There is no value ${{{name}}}.", column, length, hint)

    def _moment(self, said: re.Match[str], column: int, length: int) -> str | int:
        word, sign, count, unit = said.groups()
        try:
            by = int(count) * _UNITS[unit] if count else timedelta()
            at = self.now - by if sign == "-" else self.now + by
            if word == "unix":
                return int(at.timestamp())
            return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except (OverflowError, ValueError) as error:
            sentence = f"${{{said[0]}}} is outside of the calendar."
            raise ValueRefusedError(sentence, column, length) from error

    def _last(self, path: str, column: int, length: int) -> Any:
        if self.last is MISSING:
            raise ValueRefusedError(
                "There is no capture of this event yet, so ${last…} has nothing to refer to.",
                column,
                length,
            )
        try:
            found = json_path.parse(path)
            place = found.place
            if place is not None:
                return json_path.get(self.last, place)
            return next(found.values(self.last))
        except json_path.JsonPathError as error:
            raise ValueRefusedError(
                f"In the newest capture: {error.message}", column, length, error.hint
            ) from error
        except StopIteration:
            sentence = f"The newest capture has nothing at {path}."
            raise ValueRefusedError(sentence, column, length) from None
