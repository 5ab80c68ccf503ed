"""Read OTLP in protobuf, one span after the other, so that what it costs is bounded.

    body ──pieces()──► ResourceSpans ──► ScopeSpans ──► bytes of one span ──► opentelemetry-proto

A message of a few MiB can hold millions of empty ones, each of which would be an object of a
hundred bytes. So the three outer levels ("Protocol Buffers, Encoding": tag, length, content) are
walked here, and the library is given one span at a time. Field numbers are those of OTLP's
`trace.proto` and `trace_service.proto`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kiket_console.engine.telemetry.otel_span import (
    DEEPEST,
    REPEATED,
    VALUE,
    Event,
    Gathered,
    MalformedError,
    Origin,
    Told,
    cut,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIECE: Final = 256 * 1024
"""Bytes of one span, or of what a resource says of itself; a larger one is not read."""
OUTER: Final = 1000
"""Resources in one request, and scopes in one resource."""

_NOT_PROTOBUF: Final = "The body is no protobuf message of OTLP."
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read(raw: bytes, now_us: int) -> Gathered:
    """Return the spans of an `ExportTraceServiceRequest`; *now_us* is the time (Unix µs).

    Raises `MalformedError` for what is none, `ImportError` without `opentelemetry-proto`.
    """
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

    gathered = Gathered(now_us)
    for resource_spans in _some(raw, 1):
        service = _service(_message(Resource, _first(resource_spans, 1)))
        for scope_spans in _some(resource_spans, 2):
            scope = _message(InstrumentationScope, _first(scope_spans, 1))
            origin = Origin(service, cut(scope.name, VALUE))
            for piece in pieces(scope_spans, 2):
                gathered.add(partial(_read_span, Message, piece), origin)
                if gathered.is_full:
                    return gathered
    return gathered


def _read_span(kind: Any, piece: memoryview) -> Told:
    if len(piece) > PIECE:
        raise MalformedError(f"A span has more than {PIECE // 1024} KiB.")
    return _told(_message(kind, bytes(piece)))


def _message(kind: Any, raw: bytes) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return kind.FromString(raw)
    except DecodeError:
        raise MalformedError(_NOT_PROTOBUF) from None


def pieces(raw: bytes | memoryview, wanted: int) -> Iterator[memoryview]:
    """Give the content of each field of number *wanted* that has one, in order.

    Raises `MalformedError` where *raw* is no message.
    """
    view = memoryview(raw)
    at, end = 0, len(view)
    while at < end:
        tag, at = _varint(view, at)
        kind, number = tag & 7, tag >> 3
        if number == 0:
            raise MalformedError(_NOT_PROTOBUF)
        if kind == _VARINT:
            at = _varint(view, at)[1]
        elif kind == _BYTES:
            length, at = _varint(view, at)
            if number == wanted and at + length <= end:
                yield view[at : at + length]
            at += length
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        else:  # a group, which OTLP never had
            raise MalformedError(_NOT_PROTOBUF)
    if at > end:
        raise MalformedError(_NOT_PROTOBUF)


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at *at*, and where it has ended."""
    value = shift = 0
    while at < len(view) and shift < 70:
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise MalformedError(_NOT_PROTOBUF)


def _some(raw: bytes | memoryview, wanted: int) -> Iterator[memoryview]:
    for count, piece in enumerate(pieces(raw, wanted)):
        if count == OUTER:
            raise MalformedError(f"The request has more than {OUTER:,} resources or scopes.")
        yield piece


def _first(raw: memoryview, wanted: int) -> bytes:
    """Return a field's content; nothing where there is none, or where it is too large to read."""
    piece = next(pieces(raw, wanted), memoryview(b""))
    return bytes(piece) if len(piece) <= PIECE else b""


def _service(resource: Any) -> str:
    for each in resource.attributes[:REPEATED]:
        if each.key == "service.name":
            return cut(_text(each.value), VALUE)
    return ""


def _told(message: Any) -> Told:
    return Told(
        trace_id=message.trace_id,
        span_id=message.span_id,
        parent_span_id=message.parent_span_id,
        kind=message.kind,
        name=message.name,
        start_ns=message.start_time_unix_nano,
        end_ns=message.end_time_unix_nano,
        status=message.status.code,
        message=message.status.message,
        attributes=_pairs(message.attributes),
        events=[
            Event(cut(each.name, VALUE), each.time_unix_nano, tuple(_pairs(each.attributes)))
            for each in message.events[:REPEATED]
        ],
        links=[(each.trace_id.hex(), each.span_id.hex()) for each in message.links[:REPEATED]],
    )


def _pairs(attributes: Sequence[Any]) -> list[tuple[str, str]]:
    return [(each.key, _text(each.value)) for each in attributes[:REPEATED]]


def _text(value: Any) -> str:
    """Return an `AnyValue` as text: a text as it is, bytes in hexadecimal, lists as JSON."""
    plain = _plain(value, DEEPEST)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any, deeper: int) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "bytes_value":
        return found.hex()
    if kind == "array_value":
        items = found.values[:REPEATED] if deeper else ()
        return [_plain(each, deeper - 1) for each in items]
    if kind == "kvlist_value":
        pairs = found.values[:REPEATED] if deeper else ()
        return {each.key: _plain(each.value, deeper - 1) for each in pairs}
    return found
