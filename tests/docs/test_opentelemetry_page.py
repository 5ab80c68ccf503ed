"""The example of the page on OpenTelemetry does what is said around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.docs.blocks import ROOT, block
from tests.docs.conftest import deliver

if TYPE_CHECKING:
    import pytest

    from kiket_sdk.testing.platform import FakePlatform

PYTHON = block(ROOT / "docs" / "opentelemetry.md", "Python")
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_span_is_sent_as_a_child_of_its_delivery_and_calls_as_children_of_the_span(
    platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{platform.url}/otlp/reader")
    platform.answers["POST /otlp/reader/v1/traces"] = 200, {}
    made = PYTHON.run()
    seen = InMemorySpanExporter()
    made["spans"].add_span_processor(SimpleSpanProcessor(seen))

    answer = deliver(
        made["sdk"],
        "issue.created",
        {"issue": {"key": "A-1"}},
        traceparent=f"00-{TRACE}-{CALLER}-01",
    )
    made["spans"].shutdown()  # what is held back goes out

    assert answer.json() == {"ok": True}
    [span] = seen.get_finished_spans()
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, CALLER)
    priced, sent = platform.calls
    assert priced.headers["traceparent"] == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert (sent.method, sent.path) == ("POST", "/otlp/reader/v1/traces")
    assert sent.headers["content-type"] == "application/x-protobuf"
    assert "price" in sent.body
