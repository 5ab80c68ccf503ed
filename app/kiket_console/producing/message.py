"""A producer message as a person wrote it, read and checked.

The rules are the schema's (Kiket and Kindo specification §7.2), the bytes those that
`kindo_message_client` sends (§7.4).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

DEEPEST = 200
"""How many levels of objects and lists a message may have."""
MESSAGE_BYTES = 6 * 1024 * 1024
"""Of a message on the wire: what AWS Lambda takes of a request."""


class Message(Struct, frozen=True):
    """A message that fits the schema, and its bytes on the wire."""

    fields: dict[str, Any]
    raw_body: bytes

    @property
    def event_type(self) -> str:
        """What happened, as the message says it."""
        return str(self.fields.get("event_type", ""))

    @property
    def is_sensitive(self) -> bool:
        """Whether its payload may not be stored in clear."""
        return is_sensitive(self.fields)

    def __repr__(self) -> str:
        payload = "<sensitive>" if self.is_sensitive else "…"
        return f"Message(event_type={self.event_type!r}, payload={payload})"


def is_sensitive(fields: object) -> bool:
    """Tell whether a message says of itself that its payload may not be stored in clear."""
    return isinstance(fields, dict) and fields.get("security_level") == "sensitive"


def is_deep(value: object) -> bool:
    """Tell whether a value of JSON has more than `DEEPEST` levels."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def parsed(text: str) -> Any:
    """Return the JSON that a person wrote; raises `ConsoleError` with the place of a mistake."""
    too_deep = _bad(f"The message has more than {DEEPEST} levels.", "Use fewer.")
    try:
        found = json.loads(text)
        if is_deep(found):
            raise too_deep
        return found
    except RecursionError:
        raise too_deep from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        said = f"The message is no JSON: {error.msg}, at {where}."
        raise _bad(said, "Correct it there.") from None


def read(text: str, schema_file: Path | None = None) -> Message:
    """Return the message of a JSON text, with the defaults that the schema gives it.

    Raises `ConsoleError`: for no JSON or a message that does not fit, `USAGE`; for a schema that
    cannot be used, `CONFIG`; for one that is larger than `MESSAGE_BYTES`, `TOO_LARGE`.
    """
    from kiket_console.producing import schema

    fields = parsed(text)
    if not isinstance(fields, dict):
        raise _bad(
            f"The message is {_kind(fields)}, not an object.",
            'Write it as {"event_type": …, "message_channel": …, "behavior": …, "payload": {…}}.',
        )
    fields.setdefault("security_level", "normal")
    problem = schema.problem(fields, schema_file)
    if problem:
        raise _bad(problem, "Correct it; nothing was sent.")
    try:
        raw_body = json.dumps(fields, allow_nan=False).encode()
    except ValueError:  # NaN, or 1e999, which `parsed` takes
        said = "The message has a number that JSON has no way to write."
        raise _bad(said, "Write NaN and Infinity as null, or as a text.") from None
    if len(raw_body) > MESSAGE_BYTES:
        raise ConsoleError(
            f"The message has {len(raw_body):,} bytes, more than the {MESSAGE_BYTES:,} that the "
            "producer takes.",
            hint="Send less of it, or where it can be fetched.",
            exit_code=ExitCode.TOO_LARGE,
        )
    return Message(fields, raw_body)


def _kind(value: object) -> str:
    names = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
