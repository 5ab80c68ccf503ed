"""Writing messages exactly as Rust does (pywatt wire specification §2.1, §3.2)."""

from __future__ import annotations

import itertools
import os
from typing import Any, Final

import msgspec
from msgspec.structs import fields as fields_of
from msgspec.structs import replace
from pybase64 import b64encode

from kiket_core.frames import encode_length, length_header
from pywatt_sdk import _wire_messages as m
from pywatt_sdk._wire_values import bytes_as_numbers, write_custom

_encoder: Final = msgspec.json.Encoder(enc_hook=write_custom)
_encode: Final = _encoder.encode
_encode_lines: Final = _encoder.encode_lines
_INIT_REQUIRED: Final = frozenset(
    {"orchestrator_api", "module_id", "env", "listen", "security_level"}
)
_NO_BODY: Final = b"[]"


def encode_json(message: m.ToModule | m.ToOrchestrator, *, base64: bool = False) -> bytes:
    """Write a message as the bare object `{"op":…}`; bodies as numbers, or as base64 text.

    Base64 is for peers that said in `Hello` that they accept it; Rust does not.
    """
    return _written(message, base64, _BRACE)


def encode_line(
    message: m.ToModule | m.ToOrchestrator,
    *,
    base64: bool = False,
    source: str = "unknown_module",
    traceparent: str = "",
) -> bytes:
    """Write a message as a line of stdin or stdout, its line feed included.

    An HTTP response goes out as Rust writes it there: without `op`, in a wrapper that names
    `source`, the module; its body is never null. With base64 it is a message like any other.
    `traceparent` (W3C Trace Context) is ours: of what request the message is a part.
    """
    if not base64 and isinstance(message, m.HttpResponse):
        return _http_reply(message, source) + b"\n"
    return _written(message, base64, _traced(traceparent) + b"\n" if traceparent else _LINE_END)


def encode_frame(
    message: m.ToModule | m.ToOrchestrator,
    *,
    to: str = "module",
    base64: bool = False,
    traceparent: str = "",
) -> bytes:
    """Write a message as a frame of TCP or UDS, its 5 bytes of header included.

    Args:
        message: what to write.
        to: `"module"` (a bare object) or `"orchestrator"` (wrapped, with a new id).
        base64: write bodies as base64 text.
        traceparent: of what request the message is a part; ours, as in `encode_line`.
    """
    raw = _written(message, base64, _traced(traceparent) if traceparent else _BRACE)
    if to != "orchestrator":
        return encode_length(raw)
    header = length_header(len(raw) + _WRAPPER_BYTES)
    return _WRAPPER % (header, _WRAPPERS, next(_wrapper_numbers), raw)


def _written(message: Any, base64: bool, end: bytes) -> bytes:
    """Write a message with `end` in place of its last brace; a long body is copied just once."""
    kind = type(message)
    if kind in _WITH_BODY and message.body is not None:
        head = _encode(replace(message, body=None))[:_BODY_AT]
        if base64:
            return b"".join((head, b'"', b64encode(message.body), b'"', end))
        return b"".join((head, bytes_as_numbers(message.body), end))
    if kind in (_UNREADY_BASE64 if base64 else _UNREADY):
        message = _ready(message, base64=base64)
    if end is _LINE_END:
        return _encode_lines((message,))
    raw = _encode(message)
    return raw if end is _BRACE else raw[:-1] + end


def _traced(traceparent: str) -> bytes:
    """Put a trace at the end of a message, where a reader finds it without reading the rest."""
    return b',"traceparent":"%s"}' % traceparent.encode()


def new_uuid() -> str:
    """Make a random UUID (RFC 9562, version 4) without the cost of importing `uuid`."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    text = octets.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _ready(message: Any, *, base64: bool) -> Any:
    """Give what msgspec writes as the wire wants it."""
    if isinstance(message, m.Init):
        return _without_absent(message, keep=_INIT_REQUIRED)
    if isinstance(message, m.ServiceOperationResult):
        if message.params is None:
            return _without_absent(message, keep=frozenset({"success", "result", "error"}))
        return message
    if isinstance(message, m.RouteToModule | m.RoutedModuleMessage | m.RoutedModuleResponse):
        return message if base64 else replace(message, payload=_numbers(message.payload))
    return message


def _numbers(payload: m.Payload) -> m.Payload:
    return replace(payload, data=bytes_as_numbers(payload.data))


def _without_absent(message: msgspec.Struct, *, keep: frozenset[str]) -> dict[str, Any]:
    """Give a message's fields, leaving out those at their default but for `keep`."""
    tag = message.__struct_config__.tag
    ready: dict[str, Any] = {} if tag is None else {"op": tag}
    for each in fields_of(type(message)):
        value = getattr(message, each.name)
        if each.name in keep or value != each.default:
            ready[each.name] = value
    return ready


def _http_reply(response: m.HttpResponse, source: str) -> bytes:
    body = bytes_as_numbers(response.body) if response.body else msgspec.Raw(_NO_BODY)
    reply = {
        "content": {
            "body": body,
            "headers": response.headers,
            "request_id": response.request_id,
            "status_code": response.status_code,
        },
        "metadata": {
            "id": new_uuid(),
            "properties": {"correlation_id": response.request_id},
            "source": source,
        },
    }
    return _encode(reply)


_BRACE: Final = b"}"
_LINE_END: Final = b"}\n"
_WITH_BODY: Final = frozenset({m.HttpRequest, m.HttpResponse})
"""Messages that end in their body."""
_BODY_AT: Final = -len(b"null}")

_UNREADY_BASE64: Final = frozenset({m.Init, m.ServiceOperationResult, m.RoutedModuleMessage})
"""Messages that msgspec does not write as the wire wants them by itself."""

_UNREADY: Final = _UNREADY_BASE64 | {
    m.RouteToModule,
    m.RoutedModuleResponse,
}
"""The same, where bodies are arrays of numbers."""

_WRAPPERS: Final = new_uuid()[:24].encode()
_wrapper_numbers: Final = itertools.count()
"""Nobody asks for a wrapper's id, but each has to have one: a number after random digits."""
_WRAPPER: Final = b'%s{"id":"%s%012x","content":%s,"metadata":{}}'
_WRAPPER_BYTES: Final = len(_WRAPPER % (b"", _WRAPPERS, 0, b""))
