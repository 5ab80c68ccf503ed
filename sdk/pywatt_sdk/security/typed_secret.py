"""Hold secrets that do not print, as text or as what the text means.

The texts that count as a boolean are those of the pywatt wire specification §6.3.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import kiket_core.secret
from kiket_core.secret import marker
from pywatt_sdk.core.error import SecretError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywatt_sdk.security.secret_client import SecretClient

__all__ = [
    "Secret",
    "SecretString",
    "get_bool_secret",
    "get_float_secret",
    "get_int_secret",
    "get_string_secret",
    "get_typed_secret",
    "typed",
]

T = TypeVar("T")
U = TypeVar("U")

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_NAMELESS: Final = "[REDACTED]"


class Secret(kiket_core.secret.Secret, Generic[T]):
    """Hold a value that must not be printed, logged or pickled.

    `expose_secret()` returns it, with the type that it was made with; `reveal()` its text. Text
    that it is put into shows `[secret:NAME]`, or `[REDACTED]` for one without a name.
    """

    __slots__ = ("_expose",)

    _expose: Callable[[], T]

    def __init__(self, value: T, name: str = "") -> None:
        super().__init__(_text(value), name)
        object.__setattr__(self, "_expose", lambda: value)

    def expose_secret(self) -> T:
        """Return the value; keep the result in the narrowest scope that works."""
        return self._expose()

    def map(self, function: Callable[[T], U]) -> Secret[U]:
        """Return what *function* makes of the value, as a secret of the same name."""
        return Secret(function(self._expose()), self.name)

    def __str__(self) -> str:
        return marker(self.name) if self.name else _NAMELESS

    def __repr__(self) -> str:
        return f"Secret<{type(self._expose()).__name__}>({self})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


if TYPE_CHECKING:
    SecretString = Secret[str]
else:
    SecretString = Secret  # the plain wrapper's documented name


def typed(secret: Secret[str], kind: type[T]) -> Secret[T]:
    """Return *secret* as a *kind*.

    `bool` understands true, yes, on, 1 and false, no, off, 0 in any case; `dict` and `list` are
    JSON; `bytes` are UTF-8; any other kind is called with the text.

    Raises:
        SecretError: if the text is no such value; the message does not show it.
    """
    try:
        value = _parsed(secret.expose_secret(), kind)
    except Exception:  # whatever a kind raises: the text, which most such messages quote, is secret
        name = f" {secret.name!r}" if secret.name else ""
        raise SecretError(
            f"The secret{name} is no {kind.__name__}; give it another value, or ask for it as text."
        ) from None
    return Secret(value, secret.name)


async def get_typed_secret(client: SecretClient, key: str, kind: type[T]) -> Secret[T]:
    """Return the secret *key* as a *kind*; raises SecretError as `typed` and the client do."""
    return await client.get_typed(key, kind)


async def get_string_secret(client: SecretClient, key: str) -> Secret[str]:
    """Return the secret *key*."""
    return await client.get_secret(key)


async def get_bool_secret(client: SecretClient, key: str) -> Secret[bool]:
    """Return the secret *key* as a boolean; raises SecretError for any other text."""
    return await client.get_typed(key, bool)


async def get_int_secret(client: SecretClient, key: str) -> Secret[int]:
    """Return the secret *key* as a whole number; raises SecretError for any other text."""
    return await client.get_typed(key, int)


async def get_float_secret(client: SecretClient, key: str) -> Secret[float]:
    """Return the secret *key* as a number; raises SecretError for any other text."""
    return await client.get_typed(key, float)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _parsed(text: str, kind: type[T]) -> T:
    if kind is str:
        return cast("T", text)
    if kind is bool:
        return cast("T", _flag(text))
    if kind is bytes:
        return cast("T", text.encode("utf-8", "surrogateescape"))
    if kind is dict or kind is list:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise TypeError(kind)
        return value
    make = cast("Callable[[Any], T]", kind)
    return make(text.strip() if kind in {int, float} else text)


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(word)
    return word in _TRUE
