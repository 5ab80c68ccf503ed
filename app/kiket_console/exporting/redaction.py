"""What is left out of an exchange before it is shown to others.

The store keeps no bytes of a known secret and no credentials of headers. Here goes what only looks
like a secret: signatures, and the texts of JSON members, of query parameters and of a form's
fields that are called token, password and the like.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from msgspec.structs import replace

from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.model import Attempt, Body, Detail, Headers, Message

LEFT_OUT: Final = "[redacted]"
_SIGNATURES: Final = frozenset({"x-kiket-signature", "webhook-signature"})
_PARTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|[^"]+', re.DOTALL)
"""Strings, the last of which may be cut, and what is between them."""
_PARAMETER: Final = re.compile(r"([?&])([^=&#?]+)=([^&#\s<>\"]*)")
_POSTED_TO: Final = re.compile(r"(/webhooks/ext/)[^/\s?\"<>]+")
"""Where others post for an extension: the address's token is all that they have to know."""
_FORM: Final = "application/x-www-form-urlencoded"
_MARKED: Final = ("[secret:", "[redacted]")


def for_others(detail: Detail) -> Detail:
    """Return an exchange as it can be shown to others."""
    return replace(
        detail,
        exchange=replace(detail.exchange, path=_address(detail.exchange.path)),
        request=_message(detail.request),
        attempts=tuple(_attempt(attempt) for attempt in detail.attempts),
        children=tuple(replace(child, path=_address(child.path)) for child in detail.children),
    )


def _attempt(attempt: Attempt) -> Attempt:
    answer = attempt.answer
    return attempt if answer is None else replace(attempt, answer=_message(answer))


def _message(message: Message) -> Message:
    is_form = message.header("content-type").partition(";")[0].strip().lower() == _FORM
    body = _body(message.body, _form if is_form else _json)
    return replace(message, headers=_headers(message.headers), body=body)


def _headers(headers: Headers) -> Headers:
    return tuple(
        (name, LEFT_OUT if _is_secret(name) and not _is_marked(value) else _address(value))
        for name, value in headers
    )


def _is_secret(name: str) -> bool:
    return name.lower() in _SIGNATURES or is_credential(name)


def _is_marked(value: str) -> bool:
    return any(mark in value for mark in _MARKED)


def _address(text: str) -> str:
    """Leave out parameters of an address, be it a path alone, by their names; and its token."""
    return _PARAMETER.sub(
        lambda found: (
            f"{found[1]}{found[2]}={LEFT_OUT}"
            if is_credential(unquote_plus(found[2])) and not _is_marked(found[3])
            else found[0]
        ),
        _without_token(text),
    )


def _without_token(text: str) -> str:
    return _POSTED_TO.sub(rf"\1{LEFT_OUT}", text)


def _form(text: str) -> str:
    return _address(f"&{text}")[1:]


def _body(body: Body, shown_of: Callable[[str], str]) -> Body:
    """Leave texts out of a body as *shown_of* does; bytes that are no text stay as they are."""
    try:
        text = body.raw.decode()
    except UnicodeDecodeError:
        return body
    shown = _without_token(shown_of(text))
    if shown == text:
        return body
    raw = shown.encode()
    return replace(body, raw=raw, size=len(raw) if not body.truncated else body.size)


def _json(text: str) -> str:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    parts = _PARTS.findall(text)
    for at in range(len(parts) - 2):
        key, between, value = parts[at : at + 3]
        if (
            between.strip() == ":"
            and value[:1] == key[:1] == '"'
            and is_credential(key[1:-1])
            and not _is_marked(value)
        ):
            parts[at + 2] = f'"{LEFT_OUT}"'
    return "".join(parts)
