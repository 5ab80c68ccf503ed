"""A message on its way out: completed, checked, hashed, and written as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kindo_message_client._hashing import hashed
from kindo_message_client._schema import validate

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from kindo_message_client._hashing import HmacKey

MAX_BODY: Final = 6 * 1024 * 1024
"""What a Lambda function takes in one request, in bytes."""


def ready(
    message: Any,
    *,
    schema_path: str | os.PathLike[str] | None = None,
    hash_fields: Sequence[str] = (),
    hmac_key: HmacKey | None = None,
) -> Any:
    """Return *message* as it is sent: the same object, or a copy where fields are hashed.

    A `security_level` that is missing becomes `normal` in the caller's own object, as it always
    did (Kindo specification §7.3).

    Raises:
        TypeError: if *message* is no dictionary.
        ValueError: if it has another structure than the schema asks for.
        ConfigError: if a schema file or a key is missing or cannot be used.
    """
    if "security_level" not in message:
        message["security_level"] = "normal"
    validate(message, schema_path)
    if not hash_fields:
        return message
    try:
        return {**message, "payload": hashed(message["payload"], hash_fields, hmac_key)}
    except RecursionError:
        raise _too_deep() from None


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return *message* as JSON, as it goes over the wire.

    Raises:
        TypeError: if there is something in it that JSON does not know.
        ValueError: if it is larger than 6 MiB, or nested too deeply.
    """
    try:
        body = json.dumps(message).encode()
    except RecursionError:
        raise _too_deep() from None
    if len(body) > MAX_BODY:
        raise ValueError(
            f"The message has {len(body):,} bytes as JSON; the producer takes {MAX_BODY:,} at "
            "most. Send less, or a reference to it."
        )
    return body


def _too_deep() -> ValueError:
    return ValueError("The message is nested too deeply; make it flatter.")


def is_sensitive(message: Any) -> bool:
    """Tell whether nothing of the payload of *message* may be shown."""
    return isinstance(message, dict) and message.get("security_level") == "sensitive"
