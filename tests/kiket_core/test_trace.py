"""The trace of the current request."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import ModuleType

import pytest
from opentelemetry import trace as telemetry
from opentelemetry.sdk.trace import TracerProvider

from kiket_core import trace

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00", f"01-{TRACE_ID}-{SPAN_ID}-01-x"],
)
def test_an_inbound_trace_goes_on(traceparent: str) -> None:
    token = trace.enter(traceparent)
    child = trace.child_traceparent()
    assert trace.current_trace_id() == TRACE_ID
    trace.leave(token)
    assert child is not None
    assert child[:36] == f"00-{TRACE_ID}-"
    assert child[-2:] == traceparent.split("-")[3]
    assert SPAN_ID not in child


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}",
    ],
)
def test_otherwise_a_new_one_begins(traceparent: str | None) -> None:
    token = trace.enter(traceparent)
    trace_id = trace.current_trace_id()
    assert trace_id == trace.current_trace_id() != TRACE_ID
    assert trace_id is not None
    assert len(trace_id) == 32
    assert int(trace_id, 16) > 0
    trace.leave(token)


def test_there_is_none_outside() -> None:
    assert trace.current_trace_id() is None
    assert trace.child_traceparent() is None


async def test_tasks_of_a_webhook_share_its_trace() -> None:
    async def ask() -> str | None:
        return trace.current_trace_id()

    token = trace.enter(None)
    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(ask()) for _ in range(3)]
    assert {task.result() for task in found} == {trace.current_trace_id()}
    trace.leave(token)


TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


@pytest.fixture(scope="module")
def tracer() -> telemetry.Tracer:
    return TracerProvider(shutdown_on_exit=False).get_tracer("tests")


def test_spans_of_open_telemetry_are_children_of_the_request(tracer: telemetry.Tracer) -> None:
    """And what is called during one is a child of that."""
    token = trace.enter(TRACEPARENT)
    with tracer.start_as_current_span("work") as span:
        child = trace.child_traceparent()
    outside = trace.child_traceparent()
    trace.leave(token)

    seen = span.get_span_context()
    assert seen is not None
    assert f"{seen.trace_id:032x}" == TRACE_ID
    assert span.parent is not None  # type: ignore[attr-defined]
    assert f"{span.parent.span_id:016x}" == SPAN_ID  # type: ignore[attr-defined]
    assert child == f"00-{TRACE_ID}-{seen.span_id:016x}-01"
    assert outside is not None
    assert outside[:36] == child[:36]
    assert SPAN_ID not in outside
    assert outside != child
    assert not telemetry.get_current_span().get_span_context().is_valid


def test_a_request_that_is_not_sampled_records_no_span(tracer: telemetry.Tracer) -> None:
    token = trace.enter(f"{TRACEPARENT[:-2]}00")
    with tracer.start_as_current_span("work") as span:
        assert not span.is_recording()
    trace.leave(token)


def test_a_span_that_is_already_there_stays(tracer: telemetry.Tracer) -> None:
    """What serves the request is instrumented itself, or the code began a trace of its own."""
    with tracer.start_as_current_span("server") as server:
        token = trace.enter(TRACEPARENT)
        assert telemetry.get_current_span() is server
        assert (trace.child_traceparent() or "")[:36] == TRACEPARENT[:36]
        trace.leave(token)
        assert telemetry.get_current_span() is server


def test_the_next_request_takes_the_place_of_one_that_was_not_left() -> None:
    other = f"00-{'a' * 32}-{SPAN_ID}-01"
    tokens = trace.enter(TRACEPARENT), trace.enter(other)
    assert telemetry.get_current_span().get_span_context().trace_id == int("a" * 32, 16)
    for token in reversed(tokens):
        trace.leave(token)
    assert not telemetry.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("traceparent", ["nonsense", None])
def test_nothing_is_attached_without_a_trace(traceparent: str | None) -> None:
    token = trace.enter(traceparent)
    assert not telemetry.get_current_span().get_span_context().is_valid
    trace.leave(token)


def test_what_is_only_half_imported_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    token = trace.enter(TRACEPARENT)
    assert (trace.child_traceparent() or "")[:36] == TRACEPARENT[:36]
    trace.leave(token)


def test_open_telemetry_is_not_imported_by_us() -> None:
    code = (
        "import sys; from kiket_core import trace; trace.leave(trace.enter("
        f"{TRACEPARENT!r})); sys.exit('opentelemetry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
