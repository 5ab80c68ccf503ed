"""A message says of which request it is a part, to this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_core import trace
from kindo_message_client._url import trace_for
from kindo_message_client.aio import ProducerClient
from kindo_message_client.producer import send_to_producer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kindo_message_client.testing import FakeProducer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
MESSAGE: dict[str, Any] = {
    "event_type": "user.notification",
    "message_channel": "email",
    "behavior": "instant",
    "payload": {},
}


@pytest.fixture
def request_under_way() -> Iterator[None]:
    """Be in the middle of a webhook."""
    token = trace.enter(f"00-{TRACE_ID}-b7ad6b7169203331-01")
    yield
    trace.leave(token)


@pytest.mark.usefixtures("request_under_way")
def test_a_message_carries_the_trace_of_the_request_during_which_it_is_sent(
    producer: FakeProducer,
) -> None:
    send_to_producer(producer.url, dict(MESSAGE))
    [call] = producer.calls
    assert call.verdict.ok
    assert call.headers["traceparent"].startswith(f"00-{TRACE_ID}-")


async def test_so_do_those_of_the_asynchronous_client(producer: FakeProducer) -> None:
    async with ProducerClient(producer.url) as client:
        await client.send(dict(MESSAGE))
        token = trace.enter(f"00-{TRACE_ID}-b7ad6b7169203331-01")
        await client.send(dict(MESSAGE))
        async for sent in client.send_many([dict(MESSAGE)]):
            assert sent.error is None
        trace.leave(token)
    outside, *inside = [call.headers.get("traceparent", "") for call in producer.calls]
    assert outside == ""
    assert [each[:36] for each in inside] == [f"00-{TRACE_ID}-"] * 2


@pytest.mark.usefixtures("request_under_way")
def test_nobody_else_is_told() -> None:
    assert trace_for("https://f.lambda-url.ap-southeast-2.on.aws/") == {}
    assert set(trace_for("http://localhost:8800/producer")) == {"traceparent"}
