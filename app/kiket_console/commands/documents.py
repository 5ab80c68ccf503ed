"""JSON documents that commands print; each carries its schema's number."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

SCHEMA = 1


def document(**members: Any) -> str:
    """Return one JSON document in one line."""
    return orjson.dumps({"schema": SCHEMA, **members}, default=msgspec.to_builtins).decode()
