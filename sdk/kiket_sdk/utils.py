"""Names and references of environment variables, at the path where extensions import them from."""

from __future__ import annotations

import os
import re
from typing import Any

__all__ = [
    "ENV_SECRET_PREFIX",
    "environment_reference",
    "environment_secret_name",
    "resolve_env_reference",
]

ENV_SECRET_PREFIX = "KIKET_SECRET_"  # noqa: S105 (a prefix of variable names)

# `env:NAME`, `env.NAME` and `${NAME}`; the dotted form is upper-case only, so that a host name
# such as env.example.com stays a value.
_REFERENCE = re.compile(
    r"(?i:env):(?P<colon>.*)|env\.(?P<dot>[A-Z_][A-Z0-9_]*)|\$\{\s*(?P<brace>[^{}]*?)\s*\}",
    re.DOTALL,
)


def environment_secret_name(key: str) -> str:
    """Return the variable of the secret `key`: a.apiKey is in KIKET_SECRET_A_APIKEY."""
    return ENV_SECRET_PREFIX + re.sub(r"[^A-Z0-9]+", "_", key.upper()).strip("_")


def environment_reference(value: Any) -> str | None:
    """Return the variable's name if `value` refers to one (maybe the empty name), else None."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    return next(name.strip() for name in match.group("colon", "dot", "brace") if name is not None)


def resolve_env_reference(value: Any) -> Any:
    """Return what `env:NAME`, `env.NAME` or `${NAME}` refers to, None when it is not set.

    Anything else is returned as it is; references inside a longer text are not replaced.
    """
    name = environment_reference(value)
    if name is None:
        return value
    return os.environ.get(name) if name else None
