"""Read JSON that every reader reads alike (RFC 8259 §4, §6): for what is signed, as tokens are."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def read(raw: bytes) -> Any:
    """Return a JSON value in UTF-8.

    Raises ValueError for what is none, for NaN and Infinity and for a key that stands twice in an
    object, and RecursionError for what is nested too deep.
    """
    return json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
