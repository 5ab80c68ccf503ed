"""Make a secret's value from the system's random source."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.wire_secrets import Generate


def value(asked: Generate) -> str:
    """Return a new value, of `size` random bytes; a UUID (version 4) has its own size."""
    match asked.form:
        case "uuid":
            return str(uuid.uuid4())
        case "base64url":
            return secrets.token_urlsafe(asked.size)
        case _:
            return secrets.token_hex(asked.size)
