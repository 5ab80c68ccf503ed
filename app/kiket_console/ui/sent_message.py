"""One message as it was sent to the producer, read from its exchange."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_console.model import State
from kiket_console.producing import answers

if TYPE_CHECKING:
    from kiket_console.model import Detail, Message


class Sent(Struct, frozen=True):
    """A message that was sent, or tried to be."""

    id: int
    change: int
    at_us: int
    event_type: str
    channel: str
    behavior: str
    is_sensitive: bool
    state: State
    status: int | None
    took_us: int | None
    tracking_id: str
    trouble: str
    """Why it was not taken, in a sentence; empty when it was, or when that is not known yet."""
    signature: str

    @property
    def is_taken(self) -> bool:
        """Whether the producer took it."""
        return bool(self.tracking_id)

    @property
    def is_pending(self) -> bool:
        """Whether an answer is still to come."""
        return self.state is State.RECEIVED


def sent(detail: Detail) -> Sent:
    """Return a message of the list."""
    exchange = detail.exchange
    fields = _object(detail.request)
    last = detail.attempts[-1] if detail.attempts else None
    came = last.answer if last is not None else None
    answer = _object(came) if came is not None else {}
    tracking_id = ""
    if came is not None and exchange.status == 200:
        tracking_id = answers.tracking_id(came.body.raw)
    trouble = ""
    if not tracking_id and exchange.state is not State.RECEIVED:
        trouble = _trouble(detail, answer)
    return Sent(
        exchange.id,
        exchange.change,
        exchange.started_us,
        exchange.name or _text(fields.get("event_type")),
        _text(fields.get("message_channel")),
        _text(fields.get("behavior")),
        fields.get("security_level") == "sensitive",
        exchange.state,
        exchange.status,
        exchange.duration_us,
        tracking_id,
        trouble,
        exchange.signature,
    )


def _trouble(detail: Detail, answer: dict[str, Any]) -> str:
    last = detail.attempts[-1] if detail.attempts else None
    if last is not None and last.error:
        return last.error
    if detail.judgement is not None and not detail.judgement.ok:
        return detail.judgement.sentence
    for name in ("message", "Message", "error", "detail"):
        if isinstance(said := answer.get(name), str) and said:
            return said
    if detail.exchange.status == 200:
        return "The answer has no tracking id."
    return ""


def _object(message: Message) -> dict[str, Any]:
    """Return the object that a message's body is; nothing of it when it is none, or was cut."""
    try:
        found = json.loads(message.body.raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
