"""Turn the text of a setting into the type that its manifest declares.

Manifests of the platform write most defaults as quoted text, whatever their type, and variables
of the environment are always text (kiket-and-kindo.md §4.3, §4.5).
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII)


def typed_value(value: Any, kind: Any) -> Any:
    """Return a text as the declared type: integer, number, boolean, object or array.

    What is no text, or of another type, is returned as it is. Raises ValueError for a text that
    is no value of the type.
    """
    if not isinstance(value, str) or not isinstance(kind, str):
        return value
    convert = _CONVERSIONS.get(kind)
    return convert(value.strip()) if convert else value


def _integer(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError("no whole number")
    return int(text)


def _number(text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _boolean(text: str) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "off": False, "0": False}
    if text.lower() not in known:
        raise ValueError("neither true nor false")
    return known[text.lower()]


def _object(text: str) -> Mapping[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _array(text: str) -> list[Any]:
    value = json.loads(text)
    if not isinstance(value, list):
        raise ValueError("no array")
    return value


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
}
