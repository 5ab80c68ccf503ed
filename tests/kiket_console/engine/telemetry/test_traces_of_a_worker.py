"""What a real worker tells of its work, by the official exporter and by the SDK's telemetry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.kiket_console.engine.test_engine import running, status_when_serving
from tests.told_spans import told_spans

from kiket_console.client import Client
from kiket_console.paths import ProjectPaths
from kiket_console.store.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.telemetry.nouns import Span

MAIN = """\
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from kiket_sdk import KiketSDK

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = trace.get_tracer("sample.orders")
sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", extension_id="com.example.sample")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    with tracer.start_as_current_span("charge", attributes={"amount": 12}):
        await context.endpoints.log_event("charging")
        with tracer.start_as_current_span("own trace", context=trace.set_span_in_context(
            trace.INVALID_SPAN
        )):
            raise ValueError("no funds")
"""


SLACK_US = 50_000
"""For clocks of the same machine, which are read and rounded in several places."""


async def test_spans_of_a_worker_stand_with_its_delivery(extension_folder: Path) -> None:
    (extension_folder / "main.py").write_text(MAIN)
    paths = ProjectPaths(extension_folder)
    async with running(paths), Client(paths) as client:
        await status_when_serving(client)
        payload = json.dumps({"issue": {"title": "Bug"}}).encode()
        result = await client.trigger("issue.created", raw_payload=payload)
        await client.stop()  # what the exporter holds back goes out when the worker ends

    with Reader(paths.store) as reader:
        assert result.exchange_id is not None
        assert result.status == 400  # an error of a handler
        delivery = reader.known(result.exchange_id)
        [call] = delivery.children  # the log line: telemetry is no call of its own
        found = {each.name: each for each in told_spans(reader, of=result.exchange_id)}
    assert found.keys() == {"charge", "own trace", "issue.created@v1"}
    charge, own, handler = found["charge"], found["own trace"], found["issue.created@v1"]
    assert {each.worker for each in found.values()} == {delivery.exchange.worker}
    assert charge.trace_id == handler.trace_id == delivery.exchange.trace_id == call.trace_id
    assert (charge.guessed, handler.guessed) == (False, False)
    assert (own.guessed, own.trace_id != charge.trace_id) == (True, True)
    assert own.parent_span_id == ""
    assert charge.message == "ValueError: no funds"
    assert dict(charge.attributes)["otel.scope.name"] == "sample.orders"
    assert dict(charge.attributes)["amount"] == "12"
    assert (handler.kind, handler.status) == ("handler", "error")
    assert dict(handler.attributes)["error.message"] == "no funds"
    assert delivery.exchange.started_us - SLACK_US <= charge.started_us
    assert ended_us(charge) <= ended_us(handler) + SLACK_US


def ended_us(span: Span) -> int:
    """Return when a span ended (unix µs); the SDK tells that of a handler, and how long it took."""
    return span.started_us + span.duration_us
