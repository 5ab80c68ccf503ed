"""HTTP that went to a module as a message, as the request and answer that it says.

What is exported of it then is what it would be had it gone to the gateway:
POST http://127.0.0.1:8700/m/billing/invoices, with the body that the message carries.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec.structs import replace

from kiket_console.carried import carried, carries, opened, without_credentials
from kiket_console.ipc import Direction
from kiket_console.model import Body, Source

if TYPE_CHECKING:
    from kiket_console.model import Detail, Message


def as_http(detail: Detail) -> Detail:
    """Return the HTTP that an exchange with a module was; any other exchange as it is."""
    exchange = detail.exchange
    if exchange.source is not Source.IPC or not exchange.path.startswith("/"):
        return detail
    path = f"/m/{quote(exchange.worker, safe='')}{exchange.path}"
    at_gateway = replace(detail, exchange=replace(exchange, path=path))
    if not carries(exchange):
        return at_gateway
    attempts = tuple(
        replace(attempt, answer=_unwrapped(attempt.answer)) if attempt.answer else attempt
        for attempt in detail.attempts
    )
    return replace(at_gateway, request=_unwrapped(detail.request), attempts=attempts)


def command(detail: Detail) -> str:
    """Return the command that sends a message to its module; empty for what was none."""
    exchange = detail.exchange
    if not carries(exchange) or exchange.direction != Direction.IN:
        return ""
    words = ["kiket-console", "ipc", "send", exchange.worker, exchange.name]
    text = opened(without_credentials(detail.request.body.raw)).decode("utf-8", "replace")
    return f"{shlex.join(words)} --channel {exchange.channel} --data {shlex.quote(text)}"


def _unwrapped(message: Message) -> Message:
    """Return a message with the body that it carries for a body."""
    found = next((each.raw for each in carried(message.body.raw) if each.key == "body"), b"")
    body = Body(found, len(found), truncated=message.body.truncated)
    return replace(message, body=body)
