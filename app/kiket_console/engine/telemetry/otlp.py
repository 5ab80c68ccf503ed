"""OTLP over HTTP: what a request's body says, and what it is answered.

See "OpenTelemetry Protocol Specification", OTLP/HTTP: bodies in protobuf or JSON, as they are or
compressed; the answer in the encoding of the request; a refusal is a `google.rpc.Status`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

import orjson
from msgspec import Struct

from kiket_console.engine.headers import value_of
from kiket_console.engine.telemetry import otlp_json, otlp_protobuf
from kiket_console.engine.telemetry.otel_span import MalformedError

if TYPE_CHECKING:
    from kiket_console.engine.telemetry.otel_span import Gathered
    from kiket_console.model import Headers

SENT_BYTES: Final = 4 * 1024 * 1024
"""Of a body as it comes."""
BODY_BYTES: Final = 8 * 1024 * 1024
"""Of a body once it is no longer compressed."""
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

_PLAIN: Final = frozenset({"", "identity", "none"})
_COMPRESSED: Final = frozenset({"gzip", "deflate"})
_EITHER_HEADER: Final = zlib.MAX_WBITS | 32
_INVALID_ARGUMENT, _EXHAUSTED, _UNIMPLEMENTED, _UNAVAILABLE = 3, 8, 12, 14  # google.rpc.Code


class Answer(Struct, frozen=True):
    """What a request is answered."""

    status: int
    content_type: str
    raw_body: bytes


class RefusedError(Exception):
    """A request that is not taken; `status` is that of the answer, the text one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def encoding_of(headers: Headers) -> str:
    """Return `PROTOBUF` or `JSON`, whichever a request is in; raises `RefusedError` for another."""
    said = value_of(headers, "content-type").partition(";")[0].strip().lower()
    if said in {PROTOBUF, JSON}:
        return said
    raise RefusedError(415, f"The body must be OTLP as {PROTOBUF} or {JSON}.")


def read(headers: Headers, raw_body: bytes, now_us: int) -> Gathered:
    """Return the spans that a request brings; *now_us* is the time (Unix µs).

    It may take a second: not on an event loop. Raises `RefusedError` for what cannot be taken.
    """
    encoding = encoding_of(headers)
    raw = _unpacked(value_of(headers, "content-encoding").strip().lower(), raw_body)
    try:
        if encoding == PROTOBUF:
            return otlp_protobuf.read(raw, now_us)
        if len(raw) > otlp_json.JSON_BYTES:
            raise _too_large(otlp_json.JSON_BYTES)
        return otlp_json.read(raw, now_us)
    except MalformedError as error:
        raise RefusedError(400, str(error)) from None
    except ImportError:
        raise RefusedError(
            415,
            "OTLP in protobuf is read with the extra otlp: install kiket-console[otlp], or send "
            "JSON (OTEL_EXPORTER_OTLP_PROTOCOL=http/json).",
        ) from None


def taken(encoding: str, left_out: int, why: str) -> Answer:
    """Return the answer to what was taken, or in part: *left_out* spans were not, and *why*."""
    if encoding == JSON:
        body: dict[str, Any] = {}
        if left_out:  # numbers of 64 bits are text in the JSON of protobuf
            body["partialSuccess"] = {"rejectedSpans": str(left_out), "errorMessage": why}
        return Answer(200, JSON, orjson.dumps(body))
    partial = _number(1, left_out) + _content(2, why.encode()) if left_out else b""
    return Answer(200, PROTOBUF, _content(1, partial) if partial else b"")


def refused(headers: Headers, error: RefusedError) -> Answer:
    """Return the answer to what was not taken, in the encoding of the request where it has one."""
    codes = {404: _UNIMPLEMENTED, 413: _EXHAUSTED, 415: _UNIMPLEMENTED, 503: _UNAVAILABLE}
    code = codes.get(error.status, _INVALID_ARGUMENT)
    said = value_of(headers, "content-type").partition(";")[0].strip().lower()
    if said == PROTOBUF:
        raw = _number(1, code) + _content(2, str(error).encode())
        return Answer(error.status, PROTOBUF, raw)
    return Answer(error.status, JSON, orjson.dumps({"code": code, "message": str(error)}))


def _unpacked(compression: str, raw_body: bytes) -> bytes:
    if len(raw_body) > SENT_BYTES:
        raise _too_large(SENT_BYTES)
    if compression in _PLAIN:
        return raw_body
    if compression not in _COMPRESSED:
        raise RefusedError(415, "The body may be compressed with gzip or deflate alone.")
    unpacking = zlib.decompressobj(_EITHER_HEADER)
    try:
        raw = unpacking.decompress(raw_body, BODY_BYTES)
    except zlib.error:
        raise RefusedError(400, f"The body is no {compression}.") from None
    if unpacking.unconsumed_tail:
        raise _too_large(BODY_BYTES)
    if not unpacking.eof:
        raise RefusedError(400, f"The body is {compression} that ends too early.")
    return raw


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        413, f"The body has more than {limit // 1024**2} MiB; send fewer spans at once."
    )


def _number(field: int, value: int) -> bytes:
    """Return a field of a protobuf message that holds a number from 0 on."""
    return _varint(field << 3) + _varint(value)


def _content(field: int, raw: bytes) -> bytes:
    """Return a field of a protobuf message that holds text or a message."""
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)
