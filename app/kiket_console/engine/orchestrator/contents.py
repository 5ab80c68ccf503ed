"""What recording must know of a message's inside: HTTP headers in it, and values to leave out.

Shapes: pywatt wire specification §2.2 to §2.4. Nothing raises: what cannot be read says nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_console.engine.orchestrator.ports import Frame
    from kiket_console.model import Headers

_NOTHING: Mapping[str, str] = {}
_HTTP = frozenset({"http_request", "http_response"})


class _Secret(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Init(msgspec.Struct):
    auth_token: str | None = None


class _Head(msgspec.Struct):
    headers: dict[str, str] = {}  # msgspec makes a new one for each message


class _Http(_Head):
    content: _Head | None = None  # a module's answer on stdio stands in one


_TRACE_TAIL_BYTES = 120
"""Where it stands, with what closes the message and its wrapper after it."""
_traceparent = re.compile(rb',"traceparent":"([0-9a-f-]{55})"}')

_secret = msgspec.json.Decoder(_Secret)
_init = msgspec.json.Decoder(_Init)
_http = msgspec.json.Decoder(_Http)


def headers(frame: Frame) -> Headers:
    """Return the headers of the HTTP request or answer that a message is, or carries."""
    if frame.headers or frame.op not in _HTTP:
        return frame.headers
    try:
        found = _http.decode(frame.raw)
    except msgspec.DecodeError:
        return ()
    return tuple((found.content or found).headers.items())


def trace_of(frame: Frame) -> Headers:
    """Return the `traceparent` at the end of a message of ours, as the header it stands for."""
    found = _traceparent.search(frame.raw[-_TRACE_TAIL_BYTES:])
    return () if found is None else (("traceparent", found[1].decode()),)


def private(frame: Frame, headers: Headers) -> Mapping[str, str]:
    """Return the values, by name, that are not to be stored of a message, however short they are.

    Those are a secret's value, the token of an init line, and credentials among *headers*, which
    are those of the message.
    """
    try:
        if frame.op == "secret":
            secret = _secret.decode(frame.raw)
            return {secret.name: secret.value}
        if frame.op == "init":
            token = _init.decode(frame.raw).auth_token
            return {"auth_token": token} if token else _NOTHING
    except msgspec.DecodeError:
        return _NOTHING
    return {name.lower(): value for name, value in headers if is_credential(name)} or _NOTHING
