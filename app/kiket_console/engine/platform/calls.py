"""A call to the platform and its reply, as the routes see them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from kiket_console.wire import PlatformSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.engine.parentage import Parent
    from kiket_console.engine.platform.rates import Rate
    from kiket_console.model import Headers

BODY_BYTES: Final = 1024**2
"""Of a call's body: more than a row of any kind takes. JSON is read on the event loop, and a few
MiB of small values would take seconds."""


class Call(Struct, frozen=True):
    """One authenticated call; `parts` are the named pieces of its path."""

    parts: Mapping[str, str]
    raw_body: bytes
    caller: str = ""
    """The worker whose token it shows; empty when none does, or several have it."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What the URL asks besides its path; of a name that comes again, the last."""
    user_agent: str = ""
    exchange_id: int = 0
    """The exchange that records it; 0 when none does."""
    rate: Rate | None = None
    """What is left of the caller's rate limit, this call counted."""
    settings: PlatformSettings = field(default_factory=PlatformSettings)
    parent: Parent | None = None
    """The delivery during which it was made, as far as that is known."""

    def json(self) -> Any:
        """Return the body; raises `RefusedError` when it is no JSON in UTF-8."""
        try:
            return json.loads(self.raw_body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise RefusedError(400, "The body is not JSON.") from None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 on that the query has, *most* for one beyond that.

        Raises `RefusedError` for anything else.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        if text.isascii() and text.isdigit() and len(text) < 19 and int(text) > 0:
            return min(int(text), most)
        raise _not_understood(name, "must be a whole number from 1 on")

    def flag(self, name: str) -> bool | None:
        """Return a truth value of the query, None when it has none; raises `RefusedError`."""
        text = self.query.get(name, "").strip().lower()
        if text in {"", "true", "false", "1", "0"}:
            return text in {"true", "1"} if text else None
        raise _not_understood(name, "must be true or false")

    def moment(self, name: str) -> datetime | None:
        """Return a moment (ISO 8601) of the query, None when it has none; raises `RefusedError`."""
        text = self.query.get(name, "")
        try:
            said = datetime.fromisoformat(text.replace(" ", "+")) if text else None
            return said.replace(tzinfo=said.tzinfo or UTC) if said else None
        except ValueError:
            raise _not_understood(name, "must be a moment as 2026-01-31T12:00:00Z") from None

    def project(self, said: object = None) -> int | str:
        """Return the project that *said*, or else the query's `project_id`, names.

        A number is one whether it is written as a text or not. Raises `RefusedError` for none.
        """
        text = str(self.query.get("project_id", "") if said is None else said).strip()
        if not text or isinstance(said, bool | dict | list):
            raise _not_understood("project_id", "is required")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text

    def fields(self) -> dict[str, Any]:
        """Return the body's fields; raises `RefusedError` when it is no JSON object."""
        body = self.json()
        if not isinstance(body, dict):
            raise RefusedError(422, "The body must be a JSON object.")
        return body


class Reply(Struct, frozen=True):
    """What a call is answered; `body` None answers without one."""

    status: int
    body: Any = None
    headers: Headers = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret values in the body, by name: to be left out of the record."""
    is_kept: bool = False
    """Whether what the call said is kept as what it is, so that the call is no exchange besides."""


Errors = tuple[str, ...] | dict[str, list[str]]
"""What is wrong, in sentences or by field."""


class RefusedError(Exception):
    """A call that is answered with an error."""

    def __init__(
        self, status: int, sentence: str, *, errors: Errors = (), headers: Headers = ()
    ) -> None:
        super().__init__(sentence)
        body: dict[str, Any] = {"error": sentence}
        if errors:
            body["errors"] = dict(errors) if isinstance(errors, dict) else list(errors)
        self.reply = Reply(status, body, headers)


def text_field(fields: Mapping[str, Any], name: str) -> str:
    """Return a field that must be a text and not blank; raises `RefusedError`."""
    value = fields.get(name)
    if not isinstance(value, str) or not value.strip():
        sentence = f"{name} must be a text that is not blank"
        raise RefusedError(422, f"{sentence}.", errors=(sentence,))
    return value


def pages_of(total: int, page: int, per_page: int) -> dict[str, int]:
    """Return what a list that comes in pages says of them."""
    pages = -(-total // per_page)
    return {"page": page, "per_page": per_page, "total": total, "total_pages": pages}


def invalid(what: str, errors: dict[str, list[str]]) -> RefusedError:
    """Return the refusal of *what*, of which *errors* says by field what is wrong."""
    first = next(f"{name} {each[0]}" for name, each in errors.items())
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return RefusedError(422, f"{what}: {first}{more}.", errors=errors)


def _not_understood(name: str, problem: str) -> RefusedError:
    return RefusedError(422, f"{name} {problem}.", errors={name: [problem]})
