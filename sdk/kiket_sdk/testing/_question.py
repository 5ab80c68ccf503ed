"""One call of the stand-in for the platform, taken apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = tuple[int, Any]


class Question:
    """A call, taken apart: `names` are of its path, `query` and `body` as they came."""

    __slots__ = ("body", "names", "query")

    def __init__(self, names: Mapping[str, str], query: Mapping[str, str], body: Any) -> None:
        self.names = names
        self.query = query
        self.body: dict[str, Any] = body if isinstance(body, dict) else {}

    def part(self, name: str) -> dict[str, Any]:
        """Return an object that the body must have."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            raise NotAcceptedError(422, f"{name} must be an object")
        return found

    def limited(self, rows: list[dict[str, Any]], default: int | None = None) -> Any:
        """Return rows of the asked project, as many as asked for, as a listing."""
        text = self.query.get("limit")
        if text is not None and not text.isdigit():
            raise NotAcceptedError(422, "limit must be a whole number")
        limit = int(text) if text is not None else default
        return {"data": [row for row in rows if self.is_of_project(row)][:limit]}

    def is_of_project(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row belongs to the project that is asked for; some belong to any."""
        asked = self.query.get("project_id")
        return asked is None or str(row.get("project_id", asked)) == asked


class NotAcceptedError(Exception):
    """The answer is an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.answer: Answer = status, {"error": sentence}


def now() -> str:
    """Return this moment in ISO-8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def moment(text: Any) -> datetime:
    """Return a moment; raises NotAcceptedError for a text that is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise NotAcceptedError(422, f"{text!r} is not a moment in ISO-8601.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def number(text: Any) -> Any:
    """Return a text of digits as a number, anything else as it is."""
    return int(text) if isinstance(text, str) and text.isdigit() else text
