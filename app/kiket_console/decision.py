"""What the platform would decide upon an extension's answer to a guard: pure.

A guard is asked before a transition (`workflow.before_transition`, a hook that is `required`), and
the platform waits for it. Its answer's `status` decides; an empty answer, or one that says nothing
about it, allows; an HTTP error or none in time denies.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from kiket_console.model import Source, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.model import Detail

GUARD = "workflow.before_transition"
ALLOW, DENY, PENDING = "allow", "deny", "pending"
WORDS = (ALLOW, DENY, PENDING)

_SHOWN = 40
"""Characters of a word that is none of `WORDS`, in a sentence."""


class Decision(Struct, frozen=True):
    """What becomes of a transition."""

    word: str
    """One of `WORDS`."""
    why: str
    """One sentence."""
    message: str = ""
    """What the answer has to say to the person who wants the transition."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the answer gives the platform to keep; `output_fields` among it."""


def decide(detail: Detail) -> Decision | None:
    """Return what an exchange's last attempt decides; None while it is open, or for no guard."""
    exchange = detail.exchange
    if exchange.source is not Source.WEBHOOK or not is_guard(exchange.name):
        return None
    if exchange.is_open or not detail.attempts:
        return None
    last = detail.attempts[-1]
    raw = b"" if last.answer is None else last.answer.body.raw
    return of_answer(exchange.state, exchange.status, raw, last.error)


def is_guard(event: str) -> bool:
    """Tell whether the platform waits for the answer to an event, and does as it says."""
    return event == GUARD


def of_answer(state: State, status: int | None, raw_body: bytes, error: str = "") -> Decision:
    """Return what a guard's answer decides; *error* says why there was none."""
    if state is not State.FORWARDED or status is None:
        why = error or "No answer came."
        return Decision(DENY, f"{why} A guard that gives no answer denies.")
    if not 200 <= status < 300:
        return Decision(DENY, f"A guard that answers {status} denies, whatever it says.")
    if not raw_body.strip():
        return Decision(ALLOW, "An empty answer allows.")
    try:
        said = json.loads(raw_body)
    except (ValueError, RecursionError):
        return Decision(ALLOW, "An answer that is no JSON allows.")
    if not isinstance(said, dict):
        return Decision(ALLOW, "An answer that is no JSON object allows.")
    return _of_object(said)


def _of_object(said: Mapping[str, Any]) -> Decision:
    word, message, metadata = (said.get(key) for key in ("status", "message", "metadata"))
    told = message if isinstance(message, str) else ""
    kept = metadata if isinstance(metadata, dict) else {}
    if word in WORDS:
        return Decision(str(word), f"Its status is {word}.", told, kept)
    if word is None:
        return Decision(ALLOW, "An answer without a status allows.", told, kept)
    shown = json.dumps(word)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
    why = f"Its status {shown} is none of {', '.join(WORDS)}, so it allows."
    return Decision(ALLOW, why, told, kept)
