"""The trace of the current webhook."""

from __future__ import annotations

import asyncio

import pytest

from kiket_sdk import _trace

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"


@pytest.mark.parametrize(
    "traceparent",
    [f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00", f"01-{TRACE_ID}-{SPAN_ID}-01-x"],
)
def test_an_inbound_trace_goes_on(traceparent: str) -> None:
    token = _trace.enter(traceparent)
    child = _trace.child_traceparent()
    assert _trace.current_trace_id() == TRACE_ID
    _trace.leave(token)
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
    token = _trace.enter(traceparent)
    trace_id = _trace.current_trace_id()
    assert trace_id == _trace.current_trace_id() != TRACE_ID
    assert trace_id is not None
    assert len(trace_id) == 32
    assert int(trace_id, 16) > 0
    _trace.leave(token)


def test_there_is_none_outside() -> None:
    assert _trace.current_trace_id() is None
    assert _trace.child_traceparent() is None


async def test_tasks_of_a_webhook_share_its_trace() -> None:
    async def ask() -> str | None:
        return _trace.current_trace_id()

    token = _trace.enter(None)
    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(ask()) for _ in range(3)]
    assert {task.result() for task in found} == {_trace.current_trace_id()}
    _trace.leave(token)
