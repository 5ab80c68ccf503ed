"""Recorded nouns as members of JSON documents: what `--json` prints and files of JSON hold."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kiket_console.model import Attempt, Detail, Exchange, LogLine, Message


def exchange_members(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as members of a JSON document."""
    names = type(exchange).__slots__
    return {name: getattr(exchange, name) for name in names if name != "change"}


def log_members(line: LogLine) -> dict[str, Any]:
    """Return a log line as members of a JSON document."""
    return {name: getattr(line, name) for name in type(line).__slots__}


def detail_members(detail: Detail) -> dict[str, Any]:
    """Return all that is known of an exchange as members of a JSON document."""
    judgement = detail.judgement
    return {
        **exchange_members(detail.exchange),
        "request": _message_members(detail.request),
        "judgement": judgement
        and {name: getattr(judgement, name) for name in type(judgement).__slots__},
        "tries": [_attempt_members(attempt) for attempt in detail.attempts],
        "children": [exchange_members(child) for child in detail.children],
    }


def _attempt_members(attempt: Attempt) -> dict[str, Any]:
    names = (name for name in type(attempt).__slots__ if name not in {"answer", "exchange_id"})
    answer = attempt.answer and _message_members(attempt.answer)
    return {**{name: getattr(attempt, name) for name in names}, "answer": answer}


def _message_members(message: Message) -> dict[str, Any]:
    body = message.body
    return {
        "headers": message.headers,
        "body": body_members(body.raw),
        "size": body.size,
        "sha256": body.sha256.hex(),
        "truncated": body.truncated,
        "secrets": [reference.name for reference in body.references],
    }


def body_members(raw: bytes) -> dict[str, str]:
    """Return a body as members of a JSON document: as text, or else in base64."""
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
