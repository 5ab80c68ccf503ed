"""A call to the platform and its reply, as the routes see them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Headers


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call; `parts` are the named pieces of its path."""

    parts: Mapping[str, str]
    raw_body: bytes
    caller: str = ""
    """The worker whose token it shows; empty when none does, or several have it."""

    def json(self) -> Any:
        """Return the body; raises `RefusedError` when it is no JSON in UTF-8."""
        try:
            return json.loads(self.raw_body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise RefusedError(400, "The body is not JSON.") from None

    def fields(self) -> dict[str, Any]:
        """Return the body's fields; raises `RefusedError` when it is no JSON object."""
        body = self.json()
        if not isinstance(body, dict):
            raise RefusedError(422, "The body must be a JSON object.")
        return body


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call is answered; `body` None answers without one."""

    status: int
    body: Any = None
    headers: Headers = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret values in the body, by name: to be left out of the record."""


class RefusedError(Exception):
    """A call that is answered with an error."""

    def __init__(
        self, status: int, sentence: str, *, errors: tuple[str, ...] = (), headers: Headers = ()
    ) -> None:
        super().__init__(sentence)
        body: dict[str, Any] = {"error": sentence}
        if errors:
            body["errors"] = list(errors)
        self.reply = Reply(status, body, headers)


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a field that must be a text and not blank; raises `RefusedError`."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        sentence = f"{name} must be a text that is not blank"
        raise RefusedError(422, f"{sentence}.", errors=(sentence,))
    return value
