"""What a module's message carries: the bytes of a body or a payload, written as JSON can.

{"op":"http_request",…,"body":[123,34,97,34,…]}            numbers
{"op":"http_request",…,"body":"eyJhIjox…"}                 base64
{…,"payload":{"data":[123,34,…],"format":"Json"}}          a payload

A stored message may have the marker of a secret where the secret's bytes stood, also among
numbers, so that it is no JSON any more; it is read all the same, and the marker stands as text in
the bytes. Forms: pywatt wire specification §2.1, and base64 between us and our own SDK.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.ipc import Channel, Kind
from kiket_console.model import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kiket_console.model import Detail, Exchange, Message

_MARKER: Final = re.compile(rb"\[secret(?::[^\]\"\\]*)?\]")
_NUMBERS: Final = rb"\[[\d\s,]*(?:\[secret(?::[^\]\"\\]*)?\][\d\s,]*)*\]"
_BASE64: Final = rb"\"[A-Za-z0-9+/]+={0,2}\""
_FORMAT: Final = rb"\s*,\s*\"format\"\s*:"
_VALUE: Final = re.compile(
    rb"\"(?P<key>body|data)\"\s*:\s*(?:(?P<numbers>"
    + _NUMBERS
    + rb")|(?P<base64>"
    + _BASE64
    + rb"))"
    rb"(?P<payload>" + _FORMAT + rb")?"
)
_HTTP: Final = re.compile(rb"\"(?:http_request|http_response)\"|\"status_code\"\s*:")
_LEFT_OUT: Final = rb'"([^"\\]+)"\s*:\s*"\[secret:([^"\\\]]+)\]"'
_HEADER: Final = re.compile(rb"\s*,\s*" + _LEFT_OUT + rb"|" + _LEFT_OUT + rb"\s*,?\s*")
_NUMBER: Final = re.compile(rb"\d{1,3}")


class Carried(Struct, frozen=True):
    """Bytes in a message, whose value stands at `raw[start:end]` of its text."""

    key: str
    start: int
    end: int
    raw: bytes
    is_base64: bool = False


def carried(raw: bytes) -> tuple[Carried, ...]:
    """Return what a message's text *raw* carries, in its order."""
    found = []
    is_http: bool | None = None
    for match in _VALUE.finditer(raw):
        numbers = match["numbers"]
        if numbers is not None:
            content = _from_numbers(numbers)
        elif match["payload"]:
            content = _from_base64(match["base64"])
        else:  # a plain text may look like base64; only HTTP has bytes there
            if is_http is None:
                is_http = _HTTP.search(raw) is not None
            is_body = is_http and match["key"] == b"body"
            content = _from_base64(match["base64"]) if is_body else None
        if content is not None:
            name = "base64" if numbers is None else "numbers"
            key = match["key"].decode()
            found.append(Carried(key, *match.span(name), content, numbers is None))
    return tuple(found)


def replaced(raw: bytes, found: Sequence[Carried], written: Callable[[Carried], bytes]) -> bytes:
    """Return a message's text with what *written* returns in the place of what it carries."""
    pieces: list[bytes] = []
    at = 0
    for each in found:
        pieces += raw[at : each.start], written(each)
        at = each.end
    return b"".join([*pieces, raw[at:]])


def carries(exchange: Exchange) -> bool:
    """Return whether the bodies of an exchange are messages, which may carry bodies in turn."""
    is_message = exchange.source is Source.IPC and exchange.kind != Kind.INVALID
    return is_message and exchange.channel != Channel.HTTP


def opened(raw: bytes) -> bytes:
    """Return a message's text with what it carries as a person reads it; see `as_read`."""
    return replaced(raw, carried(raw), as_read)


def as_read(each: Carried) -> bytes:
    """Return JSON for what is carried: `{"json": …}`, `{"text": "…"}`, or an array of numbers."""
    try:
        text = each.raw.decode()
    except UnicodeDecodeError:
        return as_numbers(each.raw)
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return b'{"text": %s}' % json.dumps(text, ensure_ascii=False).encode()
    return b'{"json": %s}' % each.raw


def readable(detail: Detail) -> Detail:
    """Return an exchange with its messages as a person reads them; any other as it is."""
    if not carries(detail.exchange):
        return detail
    attempts = tuple(
        replace(attempt, answer=_readable(attempt.answer)) if attempt.answer else attempt
        for attempt in detail.attempts
    )
    return replace(detail, request=_readable(detail.request), attempts=attempts)


def _readable(message: Message) -> Message:
    return replace(message, body=replace(message.body, raw=opened(message.body.raw)))


def without_credentials(raw: bytes) -> bytes:
    """Return a stored message without the headers whose values were left out of it."""
    from kiket_core.secret import is_credential  # not for a screen's start

    def kept(match: re.Match[bytes]) -> bytes:
        name, marker = (match[1], match[2]) if match[1] is not None else (match[3], match[4])
        is_one = name.lower() == marker and is_credential(name.decode("utf-8", "replace"))
        return b"" if is_one else match[0]

    return _HEADER.sub(kept, raw)


def as_numbers(content: bytes) -> bytes:
    """Write bytes as a JSON array of numbers; the markers of secrets stay what they are."""
    pieces: list[bytes] = []
    at = 0
    for match in _MARKER.finditer(content):
        pieces += [b"%d" % byte for byte in content[at : match.start()]]
        pieces.append(match[0])
        at = match.end()
    pieces += [b"%d" % byte for byte in content[at:]]
    return b"[" + b",".join(pieces) + b"]"


def as_base64(content: bytes) -> bytes:
    """Write bytes as base64 text, quotes included."""
    return b'"' + base64.b64encode(content) + b'"'


def _from_numbers(text: bytes) -> bytes | None:
    """Return the bytes of an array of numbers; None when it is another array."""
    if _MARKER.search(text) is None:
        import msgspec

        try:
            return bytes(msgspec.json.decode(text, type=list[int])) or None
        except (ValueError, msgspec.DecodeError):
            return None
    pieces: list[bytes] = []
    inner, at = text[1:-1], 0
    try:
        for match in _MARKER.finditer(inner):
            pieces += [_plain(inner[at : match.start()]), match[0]]
            at = match.end()
        return b"".join([*pieces, _plain(inner[at:])])
    except ValueError:
        return None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"JSON has no {word}.")


def _plain(text: bytes) -> bytes:
    return bytes(int(number) for number in _NUMBER.findall(text))


def _from_base64(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text[1:-1], validate=True)
    except binascii.Error:
        return None
