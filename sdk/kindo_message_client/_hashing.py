"""Put a keyed hash where a value of the payload must not be known to anybody on the way.

A plain hash of a card's last digits is found by trying them all; one with a key (HMAC-SHA256,
RFC 2104) is not, and still says of two messages whether they hold the same value.
"""

from __future__ import annotations

import hmac
import json
import re
from typing import TYPE_CHECKING, Any, Final

from kiket_core.secret import Secret
from kindo_message_client.config import ConfigError, required

if TYPE_CHECKING:
    from collections.abc import Sequence

HmacKey = str | bytes | Secret
"""A key: text (its UTF-8 is used), bytes, or a text that does not print."""

KEY_VARIABLE: Final = "KINDO_MESSAGE_HMAC_KEY"
_MIN_KEY: Final = 16  # bytes
_PREFIX: Final = "hmac-sha256:"
_HASHED: Final = re.compile(rf"{_PREFIX}[0-9a-f]{{64}}")


def hashed(payload: dict[str, Any], fields: Sequence[str], key: HmacKey | None) -> dict[str, Any]:
    """Return *payload* with `hmac-sha256:<64 hex digits>` for the values of *fields*.

    A name stands for each field of that name, however deep; `customer.phone` for that one field.
    Text is hashed as its UTF-8, anything else as its JSON with sorted keys and no blanks. What is
    null or hashed already stays; *payload* itself is not changed. Without *key*,
    KINDO_MESSAGE_HMAC_KEY is used.

    Raises:
        ConfigError: if there is no key, or it is shorter than 16 bytes.
        TypeError: if *fields* is one text, or a value is no JSON.
    """
    if isinstance(fields, str):
        raise TypeError(f"hash_fields is a list of names; write ({fields!r},).")
    raw_key = _raw_key(key)
    names = frozenset(fields)

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {name: field(name, inner, path) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [walk(item, path) for item in value]
        return value

    def field(name: Any, value: Any, above: str) -> Any:
        path = f"{above}.{name}" if above else str(name)
        if value is not None and (name in names or path in names):
            return _hash(value, raw_key)
        return walk(value, path)

    changed: dict[str, Any] = walk(payload, "")
    return changed


def _hash(value: Any, raw_key: bytes) -> str:
    if isinstance(value, str):
        if _HASHED.fullmatch(value):
            return value
        text = value
    else:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    raw = text.encode("utf-8", "surrogatepass")
    return _PREFIX + hmac.digest(raw_key, raw, "sha256").hex()


def _raw_key(key: HmacKey | None) -> bytes:
    given: HmacKey = required(KEY_VARIABLE) if key is None else key
    if isinstance(given, Secret):
        given = given.reveal()
    raw = given.encode() if isinstance(given, str) else given
    if len(raw) < _MIN_KEY:
        raise ConfigError(
            f"The key for hash_fields has {len(raw)} bytes; give hmac_key= or {KEY_VARIABLE} at "
            f"least {_MIN_KEY} random ones."
        )
    return raw
