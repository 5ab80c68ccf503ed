"""How rows become the model's nouns; `batch` is how records become rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kiket_console.model import (
    Attempt,
    Body,
    Exchange,
    Headers,
    Judgement,
    LogLine,
    Message,
    SecretReference,
    Source,
    State,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

EXCHANGE_COLUMNS = ", ".join(Exchange.__struct_fields__)
LOG_COLUMNS = "id, at_us, worker, stream, level, logger, text, trace_id, exchange_id, frames"

IDS = range(2**63)
"""What an id can be: whoever asks may ask for any number."""
ATTEMPTS = 4096
"""An attempt's id is so many times its exchange's, and its number."""

_SOURCE, _STATE, _GUESSED, _PINNED, _EDITED, _UNREAD = 2, 9, 16, 19, 21, 29
_SOURCES = {source.value: source for source in Source}
_STATES = {state.value: state for state in State}


def exchange(row: Sequence[Any]) -> Exchange:
    """Return the exchange that a row of `EXCHANGE_COLUMNS` tells of."""
    values = list(row)
    values[_SOURCE] = _SOURCES.get(row[_SOURCE], Source.WEBHOOK)
    values[_STATE] = _STATES.get(row[_STATE], State.INTERRUPTED)  # a damaged word is no answer
    values[_GUESSED] = row[_GUESSED] != 0
    values[_PINNED] = row[_PINNED] != 0
    values[_EDITED] = row[_EDITED] != 0
    values[_UNREAD] = row[_UNREAD] != 0
    return Exchange(*values)


def log_line(row: Sequence[Any]) -> LogLine:
    """Return the log line that a row of `LOG_COLUMNS` tells of."""
    return LogLine(*row)


def message(row: Sequence[Any], stored: int | None = None) -> Message:
    """Return the message of a row (headers, body, size, sha256, truncated, refs).

    *stored*: how many bytes of its body the store has, where the row may hold fewer.
    """
    raw = bytes(row[1])
    unread = 0 if stored is None else stored - len(raw)
    return Message(
        headers(row[0]),
        Body(raw, row[2], bytes(row[3]), row[4] != 0, _references(row[5]), unread),
    )


def attempt(row: Sequence[Any]) -> Attempt:
    """Return the attempt of a row (id, target, … error, and the answer's message)."""
    exchange_id, number = divmod(row[0], ATTEMPTS)
    state = _STATES.get(row[3], State.INTERRUPTED)
    answer = None if row[7] is None else message(row[7:], row[13] if len(row) > 13 else None)
    return Attempt(exchange_id, number, row[1], row[2], state, row[4], row[5], row[6], answer)


def attempt_under_way(exchange_id: int, row: Sequence[Any]) -> Attempt | None:
    """Return the attempt that an exchange (attempts, target, tried_us) is in; None before any."""
    number, target, tried_us = row
    if not number:
        return None
    return Attempt(exchange_id, number, target, tried_us, State.RECEIVED, None, None, "", None)


def judgement(text: str | None) -> Judgement | None:
    """Return the judgement that a verdict column holds."""
    if text is None:
        return None
    try:
        return Judgement(**json.loads(text))
    except (ValueError, TypeError):  # damaged: `kiket-console verify` names the row
        return None


def headers(text: str) -> Headers:
    """Return the headers of a row."""
    try:
        return tuple((name, value) for name, value in json.loads(text))
    except (ValueError, TypeError):
        return (("[damaged]", text),)


def _references(text: str) -> tuple[SecretReference, ...]:
    if text == "[]":
        return ()
    try:
        return tuple(SecretReference(*reference) for reference in json.loads(text))
    except (ValueError, TypeError):
        return ()
