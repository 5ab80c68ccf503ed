"""OTLP bodies as exporters make them, and as nobody should. The official classes are the oracle."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from google.rpc.status_pb2 import Status as Refusal  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest as Request,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse as Response,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from kiket_console.engine.telemetry import otel_span, otlp, otlp_json, otlp_protobuf
from kiket_console.engine.telemetry.otlp import JSON, PROTOBUF, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_US = 1_700_000_000_000_000
START_NS = NOW_US * 1000
_GZIP = partial(gzip.compress, mtime=0)
TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(1, 9)), bytes(range(2, 10))


def attribute(name: str, **value: Any) -> KeyValue:
    """Return an attribute of a value of one of OTLP's kinds."""
    return KeyValue(key=name, value=AnyValue(**value))


def request(count: int = 1) -> Request:
    """Return a request with *count* spans, the first of which has all that a span can have."""
    made = Request()
    resource = made.resource_spans.add()
    resource.resource.attributes.append(attribute("service.name", string_value="shop"))
    scope = resource.scope_spans.add()
    scope.scope.name = "shop.orders"
    for number in range(count):
        scope.spans.add(
            trace_id=TRACE,
            span_id=(number + 1).to_bytes(8, "big"),
            name="work",
            start_time_unix_nano=START_NS,
            end_time_unix_nano=START_NS + 5_000_000,
        )
    if not count:
        return made
    span = scope.spans[0]
    span.span_id, span.parent_span_id, span.kind = SPAN, PARENT, 3
    span.name, span.status.code = "charge", 2
    span.attributes.extend(
        [
            attribute("http.request.method", string_value="POST"),
            attribute("retries", int_value=-3),
            attribute("cost", double_value=1.5),
            attribute("cached", bool_value=False),
            attribute("digest", bytes_value=b"\x01\xff"),
            KeyValue(key="ids", value=_list(AnyValue(int_value=1), AnyValue(string_value="b"))),
            KeyValue(key="nothing"),
        ]
    )
    event = span.events.add(name="exception", time_unix_nano=START_NS)
    event.attributes.extend(
        [
            attribute("exception.message", string_value="no funds"),
            attribute("exception.type", string_value="PaymentError"),
        ]
    )
    note = span.events.add(name="cache miss", time_unix_nano=START_NS + 1_250_000)
    note.attributes.append(attribute("key", string_value="a"))
    span.links.add(trace_id=b"\x0a" * 16, span_id=b"\x0b" * 8)
    return made


def _list(*items: AnyValue) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(items)
    return made


FULL_JSON = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}],
                "unknown": [1, {"a": 2}],
            },
            "scopeSpans": [
                {
                    "scope": {"name": "shop.orders", "version": "1"},
                    "spans": [
                        {
                            "traceId": TRACE.hex().upper(),
                            "spanId": SPAN.hex(),
                            "parentSpanId": PARENT.hex(),
                            "kind": 3,
                            "name": "charge",
                            "startTimeUnixNano": str(START_NS),
                            "endTimeUnixNano": START_NS + 5_000_000,
                            "status": {"code": 2},
                            "attributes": [
                                {"key": "http.request.method", "value": {"stringValue": "POST"}},
                                {"key": "retries", "value": {"intValue": "-3"}},
                                {"key": "cost", "value": {"doubleValue": 1.5}},
                                {"key": "cached", "value": {"boolValue": False}},
                                {"key": "digest", "value": {"bytesValue": "01ff"}},
                                {
                                    "key": "ids",
                                    "value": {
                                        "arrayValue": {
                                            "values": [{"intValue": 1}, {"stringValue": "b"}]
                                        }
                                    },
                                },
                                {"key": "nothing", "value": {}},
                            ],
                            "events": [
                                {
                                    "name": "exception",
                                    "timeUnixNano": str(START_NS),
                                    "attributes": [
                                        {
                                            "key": "exception.message",
                                            "value": {"stringValue": "no funds"},
                                        },
                                        {
                                            "key": "exception.type",
                                            "value": {"stringValue": "PaymentError"},
                                        },
                                    ],
                                },
                                {
                                    "name": "cache miss",
                                    "timeUnixNano": str(START_NS + 1_250_000),
                                    "attributes": [{"key": "key", "value": {"stringValue": "a"}}],
                                },
                            ],
                            "links": [{"traceId": "0a" * 16, "spanId": "0b" * 8}],
                        }
                    ],
                }
            ],
        }
    ]
}


def read(raw: bytes, kind: str = PROTOBUF, compression: str = "") -> otel_span.Gathered:
    """Read a body as it came with these headers."""
    headers = (("content-type", kind), ("content-encoding", compression))
    return otlp.read(headers, raw, NOW_US)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        pytest.param(request().SerializeToString(), PROTOBUF, id="protobuf"),
        pytest.param(json.dumps(FULL_JSON).encode(), f"{JSON}; charset=utf-8", id="json"),
    ],
)
def test_a_span_is_read_whole_in_either_encoding(raw: bytes, kind: str) -> None:
    gathered = read(raw, kind)

    [span] = gathered.spans
    assert (gathered.left_out, gathered.why) == (0, "")
    assert (span.trace_id, span.span_id, span.parent_span_id) == (
        TRACE.hex(),
        SPAN.hex(),
        PARENT.hex(),
    )
    assert (span.kind, span.name, span.status) == ("client", "charge", "error")
    assert (span.started_us, span.duration_us) == (NOW_US, 5_000)
    assert span.message == "PaymentError: no funds"
    assert span.attributes == (
        ("http.request.method", "POST"),
        ("retries", "-3"),
        ("cost", "1.5"),
        ("cached", "false"),
        ("digest", "01ff"),
        ("ids", '[1, "b"]'),
        ("nothing", "null"),
        ("exception.type", "PaymentError"),
        ("exception.message", "no funds"),
        ("event.cache miss", "after 1.250 ms: key=a"),
        ("link", f"{'0a' * 16}-{'0b' * 8}"),
        ("service.name", "shop"),
        ("otel.scope.name", "shop.orders"),
    )


def test_of_a_request_ten_thousand_spans_are_taken() -> None:
    gathered = read(request(otel_span.SPANS + 3).SerializeToString())

    assert len(gathered.spans) == otel_span.SPANS
    assert (gathered.left_out, gathered.why) == (
        3,
        "There are more than 10,000 spans in one request.",
    )


def broken(**fields: Any) -> bytes:
    """Return a request with one span that is as it should be, and one with these fields."""
    made = request()
    whole = made.resource_spans[0].scope_spans[0].spans[0]
    made.resource_spans[0].scope_spans[0].spans.add().MergeFrom(whole)
    for name, value in fields.items():
        setattr(made.resource_spans[0].scope_spans[0].spans[1], name, value)
    raw: bytes = made.SerializeToString()
    return raw


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("trace_id", b"short", "A span's trace id is not 16 bytes, or only zeros."),
        ("trace_id", bytes(16), "A span's trace id is not 16 bytes, or only zeros."),
        ("span_id", b"", "A span's id is not 8 bytes, or only zeros."),
        ("start_time_unix_nano", 0, "A span's start is missing, or more than a day ahead."),
        ("start_time_unix_nano", 2**64 - 1, "A span's start is missing, or more than a day ahead."),
        ("end_time_unix_nano", 2**64 - 1, "A span's end is more than a day ahead."),
        ("name", "x" * 300_000, "A span has more than 256 KiB."),
    ],
)
def test_a_broken_span_spoils_no_other(field: str, value: Any, why: str) -> None:
    gathered = read(broken(**{field: value}))

    assert (len(gathered.spans), gathered.left_out, gathered.why) == (1, 1, why)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"traceId": "zz"}, "A span's identifier is not hexadecimal."),
        ({"startTimeUnixNano": "soon"}, "A span is no JSON of OTLP: "),
        ({"attributes": 3}, "A span is no JSON of OTLP: "),
        ({"endTimeUnixNano": "9" * 30}, "A span is no JSON of OTLP: "),
        ({"events": [{"timeUnixNano": "9" * 400}]}, "A span is no JSON of OTLP: "),
    ],
)
def test_so_it_is_in_json(fields: dict[str, Any], why: str) -> None:
    body = json.loads(json.dumps(FULL_JSON))
    [whole] = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].append(whole | fields)

    gathered = read(json.dumps(body).encode(), JSON)

    assert (len(gathered.spans), gathered.left_out) == (1, 1)
    assert gathered.why.startswith(why)


def test_clocks_that_went_back_make_no_negative_span() -> None:
    [_, span] = read(broken(end_time_unix_nano=START_NS - 1)).spans

    assert span.duration_us == 0


def test_what_a_span_says_is_bounded() -> None:
    made = request()
    span = made.resource_spans[0].scope_spans[0].spans[0]
    span.ClearField("attributes")
    span.name = "n" * 1000
    span.status.message = "m" * 5000
    span.attributes.extend(attribute("k" * 500, string_value="v" * 9000) for _ in range(10))
    span.attributes.extend(attribute(f"a{each}", string_value="") for each in range(300))
    nested = AnyValue(string_value="deep")
    for _ in range(30):
        nested = _list(nested)
    span.attributes.insert(0, KeyValue(key="deep", value=nested))

    [found] = read(made.SerializeToString()).spans

    assert len(found.name) == otel_span.TITLE + 1
    assert len(found.message) == otel_span.VALUE + 1
    assert found.attributes[0] == ("deep", "[" * 9 + "]" * 9)
    assert found.attributes[1] == (f"{'k' * 128}…", f"{'v' * 2048}…")
    assert len(found.attributes) == otel_span.ATTRIBUTES + 1
    assert found.attributes[-1] == ("…", "more is left out")


def test_of_a_long_traceback_the_end_is_kept() -> None:
    made = request()
    event = made.resource_spans[0].scope_spans[0].spans[0].events[0]
    trace = "x" * 20_000 + "ValueError: here"
    event.attributes.append(attribute("exception.stacktrace", string_value=trace))

    [span] = read(made.SerializeToString()).spans

    shown = dict(span.attributes)["exception.stacktrace"]
    assert shown.endswith("ValueError: here")
    assert len(shown) == otel_span.STACK + 1


def bomb() -> bytes:
    """Return 24 MiB in little: made in its test, not in each process that collects tests."""
    return _GZIP(bytes(otlp.BODY_BYTES * 3))


@pytest.mark.parametrize(
    ("raw", "kind", "compression", "status", "sentence"),
    [
        (b"not protobuf", PROTOBUF, "", 400, "The body is no protobuf message of OTLP."),
        (b"\x0a\xff", PROTOBUF, "", 400, "The body is no protobuf message of OTLP."),
        (b"\x0a\x05ab", PROTOBUF, "", 400, "The body is no protobuf message of OTLP."),
        (b"\xff" * 20, PROTOBUF, "", 400, "The body is no protobuf message of OTLP."),
        (b"\x0b\x0c", PROTOBUF, "", 400, "The body is no protobuf message of OTLP."),
        (b"{", JSON, "", 400, "The body is no JSON of OTLP: Input data was truncated."),
        (b"[" * 900_000, JSON, "", 400, "The body has more than 500,000 objects and lists."),
        (b"[" * 90_000, JSON, "", 400, "The body is no JSON of OTLP: "),
        (b"", "text/plain", "", 415, "The body must be OTLP as application/x-protobuf or "),
        (b"", PROTOBUF, "br", 415, "The body may be compressed with gzip or deflate alone."),
        (b"plain", PROTOBUF, "gzip", 400, "The body is no gzip."),
        (_GZIP(b"x" * 99)[:-9], PROTOBUF, "gzip", 400, "The body is gzip that ends too "),
        (b" " * (otlp.SENT_BYTES + 1), PROTOBUF, "", 413, "The body has more than 4 MiB; send "),
        (
            bomb,
            PROTOBUF,
            "gzip",
            413,
            "The body has more than 8 MiB; send fewer spans at once.",
        ),
        (_GZIP(b" " * 5_000_000), JSON, "gzip", 413, "The body has more than 4 MiB; "),
    ],
    ids=lambda value: (
        value[:12].hex()
        if isinstance(value, bytes)
        else getattr(value, "__name__", str(value)[:24])
    ),
)
def test_what_is_no_otlp_is_refused_with_one_sentence(
    raw: bytes | Callable[[], bytes], kind: str, compression: str, status: int, sentence: str
) -> None:
    raw = raw() if callable(raw) else raw
    body = raw() if callable(raw) else raw

    with pytest.raises(RefusedError) as refused:
        read(body, kind, compression)

    assert refused.value.status == status
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_bodies_may_be_compressed(compress: Any) -> None:
    compression = "gzip" if compress is gzip.compress else "deflate"

    assert len(read(compress(request().SerializeToString()), PROTOBUF, compression).spans) == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for kind, compression in ((PROTOBUF, ""), (JSON, ""), (PROTOBUF, "gzip")):
        with suppress(RefusedError):
            read(raw, kind, compression)


@given(st.lists(st.binary(max_size=20), max_size=5), st.integers(0, 2**63 - 1))
def test_fields_are_found_as_the_library_writes_them(contents: list[bytes], number: int) -> None:
    message = Request.FromString(b"")
    span = message.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=number)
    span.attributes.extend(KeyValue(key=each.hex()) for each in contents)
    raw = span.SerializeToString() + b"\x98\x06\x01\xa1\x06" + bytes(8) + b"\xa5\x06" + bytes(4)

    found = [KeyValue.FromString(bytes(each)).key for each in otlp_protobuf.pieces(raw, 9)]

    assert found == [each.hex() for each in contents]


def test_of_a_hundred_thousand_empty_spans_some_are_looked_at() -> None:
    """Each would be an object of more than a hundred bytes, and each is told apart as broken."""
    spans = b"\x12\x00" * 100_000
    scope = b"\x12" + otlp._varint(len(spans)) + spans
    raw = b"\x0a" + otlp._varint(len(scope)) + scope

    gathered = read(raw)

    assert (len(gathered.spans), gathered.left_out) == (0, otel_span.COUNTED)


def test_an_answer_is_what_exporters_expect() -> None:
    whole, part = otlp.taken(PROTOBUF, 0, ""), otlp.taken(PROTOBUF, 300, "Too many.")

    assert (whole.status, whole.raw_body) == (200, b"")
    partial = Response.FromString(part.raw_body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (300, "Too many.")
    assert json.loads(otlp.taken(JSON, 0, "").raw_body) == {}
    assert json.loads(otlp.taken(JSON, 3, "Too many.").raw_body) == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "Too many."}
    }


def test_a_refusal_is_a_status_in_the_encoding_of_the_request() -> None:
    error = RefusedError(400, "The body is no protobuf message of OTLP.")

    protobuf = otlp.refused((("Content-Type", PROTOBUF),), error)
    assert (protobuf.status, protobuf.content_type) == (400, PROTOBUF)
    said = Refusal.FromString(protobuf.raw_body)
    assert (said.code, said.message) == (3, str(error))
    assert json.loads(otlp.refused((), error).raw_body) == {"code": 3, "message": str(error)}


def test_without_the_extra_protobuf_is_refused_and_json_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.proto")]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(RefusedError) as refused:
        read(request().SerializeToString())

    assert refused.value.status == 415
    assert "kiket-console[otlp]" in str(refused.value)
    assert len(read(json.dumps(FULL_JSON).encode(), JSON).spans) == 1


def test_objects_and_lists_of_a_body_in_json_are_bounded() -> None:
    raw = b'{"resourceSpans":[' + b"{}," * otlp_json.PARTS + b"{}]}"

    with pytest.raises(RefusedError, match="more than 500,000 objects"):
        read(raw, JSON)
