"""Read OTLP in JSON: names in lowerCamelCase, identifiers in hexadecimal, long numbers as text.

See "OpenTelemetry Protocol Specification", JSON Protobuf Encoding. Members that are not known are
skipped without being made; a span is read for itself, so that a broken one spoils no other.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

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
    from collections.abc import Sequence

JSON_BYTES: Final = 4 * 1024 * 1024
"""Of a body in JSON; one in protobuf says as much in a third of that."""
PARTS: Final = 500_000
"""Objects and lists in one body."""
_Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_T = TypeVar("_T")


class _KeyValue(msgspec.Struct, rename="camel"):
    key: str
    value: Any = None


class _Event(msgspec.Struct, rename="camel"):
    time_unix_nano: _Nanoseconds = 0
    name: str = ""
    attributes: list[_KeyValue] = []


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""


class _Status(msgspec.Struct, rename="camel"):
    message: str = ""
    code: int = 0


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str
    start_time_unix_nano: _Nanoseconds
    name: str = ""
    end_time_unix_nano: _Nanoseconds = 0
    parent_span_id: str | None = ""
    kind: int = 0
    attributes: list[_KeyValue] = []
    events: list[_Event] = []
    links: list[_Link] = []
    status: _Status | None = None


class _Scope(msgspec.Struct):
    name: str = ""


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] = []


class _Resource(msgspec.Struct):
    attributes: list[_KeyValue] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] = []


def read(raw: bytes, now_us: int) -> Gathered:
    """Return the spans of an `ExportTraceServiceRequest`; *now_us* is the time (Unix µs).

    Raises `MalformedError` for what is none.
    """
    if raw.count(b"{") + raw.count(b"[") > PARTS:
        raise MalformedError(f"The body has more than {PARTS:,} objects and lists.")
    request = _decoded(raw, _Request, "The body is no JSON of OTLP")
    gathered = Gathered(now_us)
    for resource_spans in request.resource_spans:
        service = _service(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_spans.scope
            origin = Origin(service, cut(scope.name, VALUE) if scope else "")
            for piece in scope_spans.spans:
                gathered.add(partial(_read_span, piece), origin)
                if gathered.is_full:
                    return gathered
    return gathered


def _read_span(piece: msgspec.Raw) -> Told:
    return _told(_decoded(piece, _Span, "A span is no JSON of OTLP"))


def _decoded(raw: bytes | msgspec.Raw, kind: type[_T], trouble: str) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"{trouble}: {_said(error)}.") from None


def _said(error: Exception) -> str:
    """Return what is wrong, without the words of who reads it."""
    return cut(str(error).removesuffix("."), VALUE)


def _service(resource: _Resource | None) -> str:
    for each in resource.attributes[:REPEATED] if resource else ():
        if each.key == "service.name":
            return cut(_text(each.value), VALUE)
    return ""


def _told(found: _Span) -> Told:
    status = found.status or _Status()
    return Told(
        trace_id=_id(found.trace_id),
        span_id=_id(found.span_id),
        parent_span_id=_id(found.parent_span_id or ""),
        kind=found.kind,
        name=found.name,
        start_ns=found.start_time_unix_nano,
        end_ns=found.end_time_unix_nano,
        status=status.code,
        message=status.message,
        attributes=_pairs(found.attributes),
        events=[
            Event(cut(each.name, VALUE), each.time_unix_nano, tuple(_pairs(each.attributes)))
            for each in found.events[:REPEATED]
        ],
        links=[(cut(each.trace_id, 32), cut(each.span_id, 16)) for each in found.links[:REPEATED]],
    )


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise MalformedError("A span's identifier is not hexadecimal.") from None


def _pairs(attributes: Sequence[_KeyValue]) -> list[tuple[str, str]]:
    return [(each.key, _text(each.value)) for each in attributes[:REPEATED]]


def _text(value: Any) -> str:
    plain = _plain(value, DEEPEST)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any, deeper: int) -> Any:
    """Return what an `AnyValue` stands for; null for what is none."""
    if not isinstance(value, dict) or not value:
        return None
    kind, found = next(iter(value.items()))
    if kind == "intValue":
        return _number(found)
    if kind == "arrayValue":
        items = _values(found) if deeper else []
        return [_plain(each, deeper - 1) for each in items]
    if kind == "kvlistValue":
        pairs = [each for each in _values(found) if isinstance(each, dict)] if deeper else []
        return {str(each.get("key", "")): _plain(each.get("value"), deeper - 1) for each in pairs}
    return found if isinstance(found, str | bool | int | float) else None


def _number(found: Any) -> Any:
    """Return a whole number that is written as text, or as one."""
    text = found if isinstance(found, str) else ""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else found


def _values(found: Any) -> list[Any]:
    values = found.get("values") if isinstance(found, dict) else None
    return values[:REPEATED] if isinstance(values, list) else []
