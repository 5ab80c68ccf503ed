"""Read values out of a payload, and say in one sentence which one is not as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiket_sdk.exceptions import KiketSDKError


class PayloadError(KiketSDKError):
    """The platform sent something this extension cannot work with; the sender reads the text."""


def section(payload: object, name: str) -> Mapping[str, Any]:
    """Return the object called *name* of *payload*."""
    value = payload.get(name) if isinstance(payload, Mapping) else None
    if not isinstance(value, Mapping):
        raise PayloadError(f"`{name}` must be an object, not {_shown(value)}.")
    return value


def text(values: Mapping[str, Any], path: str) -> str:
    """Return the text that `path`'s last part names in *values*; the whole path is for messages."""
    value = values.get(path.rpartition(".")[2])
    if not isinstance(value, str) or not value.strip():
        raise PayloadError(f"`{path}` must be a text that is not empty, not {_shown(value)}.")
    return value.strip()


def number(values: Mapping[str, Any], path: str) -> float:
    """Return the number, 0 or more, that `path`'s last part names in *values*."""
    value = values.get(path.rpartition(".")[2])
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise PayloadError(f"`{path}` must be a number of 0 or more, not {_shown(value)}.")
    return float(value)


def texts(values: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Return the list of texts that `path`'s last part names in *values*; absent means none."""
    value = values.get(path.rpartition(".")[2]) or []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise PayloadError(f"`{path}` must be a list of texts, not {_shown(value)}.")
    return tuple(value)


def _shown(value: object) -> str:
    if value is None:
        return "missing or null"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
