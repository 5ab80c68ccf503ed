"""Read settings from the environment, typed; what cannot be read is told in one sentence.

A variable that is missing or blank has its default. `environ` stands in for `os.environ`.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Final, overload

from kiket_core.secret import Secret, redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_MAX_QUOTED: Final = 60


class EnvironmentValueError(ValueError):
    """A variable has a value that cannot be used; the message names variable, value and need."""

    def __init__(self, name: str, value: str, needed: str) -> None:
        self.name = name
        super().__init__(f"{name} is {_quoted(value)}, but must be {needed}.")


@overload
def text(name: str, default: str, *, environ: Mapping[str, str] | None = None) -> str: ...
@overload
def text(
    name: str, default: None = None, *, environ: Mapping[str, str] | None = None
) -> str | None: ...
def text(
    name: str, default: str | None = None, *, environ: Mapping[str, str] | None = None
) -> str | None:
    """Return the variable as it is."""
    value = (os.environ if environ is None else environ).get(name, "")
    return value if value.strip() else default


def secret(name: str, *, environ: Mapping[str, str] | None = None) -> Secret | None:
    """Return the variable as a `Secret` of the same name."""
    value = text(name, environ=environ)
    return None if value is None else Secret(value, name)


def flag(name: str, default: bool = False, *, environ: Mapping[str, str] | None = None) -> bool:
    """Return whether the variable says yes: 1, true, yes, on; or 0, false, no, off.

    Raises:
        EnvironmentValueError: if it says anything else.
    """
    value = text(name, environ=environ)
    if value is None:
        return default
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise EnvironmentValueError(name, value, "one of 1, true, yes, on, 0, false, no, off")
    return word in _TRUE


def integer(
    name: str,
    default: int,
    minimum: int | None = None,
    maximum: int | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Return the variable as a whole number within the bounds.

    Raises:
        EnvironmentValueError: if it is none, or out of bounds.
    """
    value = text(name, environ=environ)
    if value is None:
        return default
    needed = f"a whole number{_bounds(minimum, maximum)}"
    try:
        number = int(value)
    except ValueError:
        raise EnvironmentValueError(name, value, needed) from None
    if not _is_within(number, minimum, maximum):
        raise EnvironmentValueError(name, value, needed)
    return number


def seconds(
    name: str,
    default: float,
    minimum: float = 0.0,
    maximum: float | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> float:
    """Return the variable as a number of seconds within the bounds, such as 30 or 2.5.

    Raises:
        EnvironmentValueError: if it is no finite number, or out of bounds.
    """
    value = text(name, environ=environ)
    if value is None:
        return default
    needed = f"a number of seconds{_bounds(minimum, maximum)}"
    try:
        number = float(value)
    except ValueError:
        raise EnvironmentValueError(name, value, needed) from None
    if not (math.isfinite(number) and _is_within(number, minimum, maximum)):
        raise EnvironmentValueError(name, value, needed)
    return number


def _is_within(number: float, minimum: float | None, maximum: float | None) -> bool:
    return (minimum is None or number >= minimum) and (maximum is None or number <= maximum)


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f" from {minimum:g} to {maximum:g}"
    if minimum is not None:
        return f", {minimum:g} or more"
    return "" if maximum is None else f", {maximum:g} or less"


def _quoted(value: str) -> str:
    """Quote a value for an error: printable, bounded, without known secrets."""
    shown = ascii(redactor.redact(value))
    return shown if len(shown) <= _MAX_QUOTED else f"{shown[:_MAX_QUOTED]}…{shown[0]}"
