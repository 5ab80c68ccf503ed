"""What of recorded exchanges can be copied: each piece by a key, with its text."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.carried import carried, carries
from kiket_console.errors import ConsoleError
from kiket_console.exporting.as_http import as_http, command
from kiket_console.exporting.commands import Urls, base_url, curl, httpie
from kiket_console.exporting.files import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.exporting.commands import Command
    from kiket_console.exporting.files import Recorded
    from kiket_console.model import Body, Detail, Headers


class Piece(Struct, frozen=True):
    """Something to copy or to write: *what* it is begins a sentence."""

    key: str
    what: str
    text: str
    notes: tuple[str, ...] = ()
    """What a person should know of it, in sentences."""


def pieces(
    recorded: Recorded, urls: Urls, *, path: str = "", raw_value: bytes = b"", redact: bool = True
) -> list[Piece]:
    """Return what can be copied of one exchange, without what it has not.

    *path* and *raw_value* are what the cursor of the details is on. *redact* leaves what looks
    like a secret out of the forms that are made to be shown to others: JSON and Markdown.
    """
    detail = recorded.detail
    exchange, request = detail.exchange, detail.request
    answer = detail.attempts[-1].answer if detail.attempts else None
    delivery = request.header("x-kiket-delivery") or request.header("webhook-id")
    place = exchange.path.startswith("/")
    http = as_http(detail)
    found = [
        _body("b", "The request body", request.body),
        _body("r", "The response body", answer.body) if answer else None,
        *_carried(detail),
        Piece("h", "The request headers", _lines(request.headers)),
        Piece("H", "The response headers", _lines(answer.headers) if answer else ""),
        *_commands(http, urls),
        Piece("k", "The command that sends it", command(detail)),
        Piece("u", "The URL", base_url(detail, urls) + http.exchange.path if place else ""),
        Piece("i", "The delivery's id", delivery),
        Piece("n", "The number here", str(exchange.id)),
        Piece("t", "The trace id", exchange.trace_id),
        Piece("p", "The JSON path", path),
        _body("v", "The value", replace(request.body, raw=raw_value)) if path else None,
        _json(recorded, redact=redact),
        _form("m", "The report in Markdown", "markdown", [recorded], urls, redact=redact),
    ]
    return [piece for piece in found if piece is not None and piece.text]


def pieces_of_several(
    recorded: Sequence[Recorded], urls: Urls, *, redact: bool = True
) -> list[Piece]:
    """Return what can be copied of several exchanges at once."""
    details = [as_http(each.detail) for each in recorded]
    sent = [each for each in details if each.exchange.path.startswith("/")]
    commands = [curl(each, base_url(each, urls)) for each in sent]
    notes = tuple(dict.fromkeys(note for command in commands for note in command.notes))
    places = [base_url(each, urls) + each.exchange.path for each in sent]
    numbers = [str(each.exchange.id) for each in details]
    found = [
        Piece("c", "The curl commands", "\n".join(each.text for each in commands), notes),
        Piece("u", "The URLs", "\n".join(places)),
        Piece("n", "The numbers here", " ".join(numbers)),
        _form("j", "The exchanges as JSON lines", "jsonl", recorded, urls, redact=redact),
        _form("m", "The reports in Markdown", "markdown", recorded, urls, redact=redact),
    ]
    return [piece for piece in found if piece.text]


def _body(key: str, what: str, body: Body) -> Piece:
    try:
        return Piece(key, what, body.raw.decode())
    except UnicodeDecodeError:
        return Piece(key, f"{what} (base64)", base64.b64encode(body.raw).decode())


def _carried(detail: Detail) -> list[Piece]:
    """Return what a module's message carries, and its reply."""
    if not carries(detail.exchange):
        return []
    answer = detail.attempts[-1].answer if detail.attempts else None
    sides = [("d", "request", detail.request.body), ("D", "reply", answer.body if answer else None)]
    return [
        _body(key, f"What the {side} carries", replace(body, raw=found[0].raw))
        for key, side, body in sides
        if body is not None and (found := carried(body.raw))
    ]


def _lines(headers: Headers) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers)


def _commands(detail: Detail, urls: Urls) -> list[Piece]:
    try:
        url = base_url(detail, urls)
        made_of: list[tuple[str, str, Command]] = [
            ("c", "The curl command", curl(detail, url)),
            ("e", "The HTTPie command", httpie(detail, url)),
        ]
    except ConsoleError:  # it was no HTTP request
        return []
    return [Piece(key, what, command.text, command.notes) for key, what, command in made_of]


def _json(recorded: Recorded, *, redact: bool) -> Piece:
    raw = made("jsonl", [recorded], Urls(), redact=redact)
    text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    return Piece("j", "The exchange as JSON", text)


def _form(
    key: str, what: str, name: str, recorded: Sequence[Recorded], urls: Urls, *, redact: bool
) -> Piece:
    return Piece(key, what, made(name, recorded, urls, redact=redact).decode("utf-8", "replace"))
