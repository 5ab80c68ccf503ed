"""Read a webhook's body as JSON; what is not JSON, or too much of it, is refused with 400."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from kiket_sdk._replies import Refused

DEPTH_LIMIT = 64
"""How many objects and arrays may be inside each other, when strict."""
KEYS_LIMIT = 10_000
"""How many keys all objects of a body may have together, when strict."""

_INTEGER_LIMIT = 2**63
_NOT_JSON = "Request body is not valid JSON"

_decode_fast = msgspec.json.Decoder().decode


def read(raw_body: bytes) -> Any:
    """Return any JSON value; like the standard reader, takes lone surrogates, NaN and UTF-16.

    Raises Refused (400) for what is not JSON.
    """
    try:
        return _decode_fast(raw_body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(raw_body)
    except (ValueError, RecursionError):
        raise Refused(400, _NOT_JSON) from None


def read_strictly(raw_body: bytes) -> Any:
    """Return a JSON value that every reader understands alike (RFC 8259 §4, §6, §8).

    Raises Refused (400) for what is not JSON in UTF-8, NaN and Infinity, numbers beyond 64 bits, a
    key that stands twice in an object, and more than DEPTH_LIMIT levels or KEYS_LIMIT keys.
    """
    keys = 0

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        if keys > KEYS_LIMIT:
            raise Refused(400, f"Request body has more than {KEYS_LIMIT} keys")
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refused(400, "Request body has an object with the same key twice")
        return found

    try:
        value = json.loads(
            raw_body.decode(),
            object_pairs_hook=unique,
            parse_constant=_no_constant,
            parse_int=_int,
            parse_float=_float,
        )
    except (ValueError, RecursionError):
        raise Refused(400, _NOT_JSON) from None
    if _is_deep(value):
        raise Refused(400, f"Request body is nested deeper than {DEPTH_LIMIT} levels")
    return value


def _no_constant(name: str) -> Any:
    raise Refused(400, f"Request body holds {name}, which is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Refused(400, "Request body holds a number that no float can hold")
    return number


def _int(digits: str) -> int:
    # the length first: turning a million digits into a number takes long
    if len(digits) > 20 or not -_INTEGER_LIMIT <= (number := int(digits)) < _INTEGER_LIMIT:
        raise Refused(400, "Request body holds an integer of more than 64 bits")
    return number


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)
