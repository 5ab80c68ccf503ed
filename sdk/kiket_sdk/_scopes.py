"""What a webhook's sender granted, and what a handler needs: flat names, compared exactly.

`*` grants everything, unless the extension is strict. `a.b`, `a:b` and `b:a` are three scopes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

EVERYTHING = "*"

_SEVERAL = (list, Iterable)  # the first is what JSON becomes, and quick to ask for
_BETWEEN = re.compile(r"[\s,]+")


def listed(scopes: Any) -> list[str]:
    """Return scopes as a list without blanks; a text is taken apart at blanks and commas."""
    if isinstance(scopes, str):
        return [scope for scope in _BETWEEN.split(scopes) if scope]
    if not isinstance(scopes, _SEVERAL):
        return []
    return [text for scope in scopes if scope is not None and (text := str(scope).strip())]


def needed(scopes: Any) -> list[str]:
    """Return what a handler needs, names or a text of them, as a list.

    Raises ValueError for a scope that is blank or no text, which would guard nothing.
    """
    if scopes is None or isinstance(scopes, str):
        return listed(scopes)
    given = list(scopes) if isinstance(scopes, Iterable) else [scopes]
    if not all(isinstance(scope, str) and scope.strip() for scope in given):
        raise ValueError(f"required_scopes has what is no scope's name: {given!r}.")
    return [str.__str__(scope).strip() for scope in given]  # of an Enum's member, too


def without_wildcard(scopes: Iterable[str]) -> list[str]:
    """Return the scopes that are granted by name."""
    return [scope for scope in scopes if scope != EVERYTHING]


def missing(required: Iterable[str], available: Iterable[str]) -> list[str]:
    """Return which of the required scopes are not granted, in their order."""
    granted = frozenset(available)
    if EVERYTHING in granted:
        return []
    return [scope for scope in required if scope not in granted]
