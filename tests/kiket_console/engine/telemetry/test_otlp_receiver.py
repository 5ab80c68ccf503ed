"""Traces that come over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from google.rpc.status_pb2 import Status as Refusal  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.kiket_console.engine.telemetry.test_otlp import FULL_JSON, request

from kiket_console.engine.refusals import Refusals
from kiket_console.engine.telemetry import otlp_receiver
from kiket_console.engine.telemetry.otlp import JSON, PROTOBUF
from kiket_console.engine.telemetry.otlp_receiver import OtlpReceiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from starlette.types import Receive, Scope, Send

    from kiket_console.engine.telemetry.placing import Untold
    from kiket_console.store.records import NewLog


class World:
    """A receiver, and who it tells what."""

    def __init__(self, crew: Any) -> None:
        crew.names = ("marketing", "crm")
        self.told: list[Untold] = []
        self.logs: list[NewLog] = []
        self.refusals = Refusals(self.logs.append)
        self.dropped = 0
        receiver = OtlpReceiver(crew, self.refusals, self.take)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(receiver.before(elsewhere)), base_url="http://127.0.0.1:9"
        )

    def take(self, told: Iterable[Untold]) -> int:
        """Take spans, and say that there was no room for some."""
        self.told += told
        return self.dropped

    async def post(
        self, raw: bytes, path: str = "/v1/traces", kind: str = PROTOBUF, **headers: str
    ) -> httpx.Response:
        return await self.client.post(path, content=raw, headers={"content-type": kind} | headers)


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is not for the receiver."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def world(crew: Any) -> World:
    return World(crew)


@pytest.mark.parametrize(
    ("path", "service", "workers"),
    [
        ("/otlp/crm/v1/traces", "whatever", ("crm",)),
        ("/otlp/nobody/v1/traces", "crm", ("crm",)),
        ("/otlp/v1/traces", "crm", ("crm",)),
        ("/v1/traces", "com.example.marketing", ("marketing", "crm")),
        ("/v1/traces", "whatever", ()),
    ],
)
async def test_a_span_is_told_by_whom_the_path_or_else_the_service_says(
    world: World, path: str, service: str, workers: tuple[str, ...]
) -> None:
    """Several workers may run the same extension, as for two of its releases."""
    message = request()
    message.resource_spans[0].resource.attributes[0].value.string_value = service

    answer = await world.post(message.SerializeToString(), path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == PROTOBUF
    [untold] = world.told
    assert (untold.span.name, untold.workers) == ("charge", workers)


async def test_json_and_compressed_bodies_are_taken(world: World) -> None:
    answer = await world.post(json.dumps(FULL_JSON).encode(), kind=JSON)
    assert (answer.status_code, answer.json()) == (200, {})

    raw = gzip.compress(request(3).SerializeToString())
    answer = await world.post(raw, **{"content-encoding": "gzip"})
    assert answer.status_code == 200
    assert len(world.told) == 4


async def test_what_could_not_be_kept_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    message = request(2)
    message.resource_spans[0].scope_spans[0].spans[1].span_id = b""
    world.dropped = 1

    answer = await world.post(message.SerializeToString())

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_spans, partial.error_message) == (
        2,
        "More spans came than can be kept.",
    )
    assert caplog.messages == [
        "1 span of OTLP could not be read. A span's id is not 8 bytes, or only zeros."
    ]
    assert world.refusals.total == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("POST", "/v1/traces", 400, "The body is no JSON of OTLP: "),
        ("GET", "/v1/traces", 405, "Traces are sent with POST."),
        ("POST", "/otlp/v1/logs", 404, "Of OpenTelemetry traces are kept, not logs; turn them off"),
        ("POST", "/otlp/crm/v1/metrics", 404, "Of OpenTelemetry traces are kept, not metrics; "),
    ],
)
async def test_what_is_refused_is_told_to_both_sides(
    world: World, method: str, path: str, status: int, sentence: str
) -> None:
    answer = await world.client.request(method, path, content=b"{", headers={"content-type": JSON})

    assert answer.status_code == status
    assert answer.json()["message"].startswith(sentence)
    assert (answer.headers.get("allow") == "POST") == (status == 405)
    assert world.refusals.total == 1
    assert world.logs[0].text.startswith(f"otlp {status}: {sentence}")


@pytest.mark.parametrize("path", ["/", "/v1/trace", "/otlp", "/otlp/a/b/v1/traces", "/v1/traces/x"])
async def test_the_rest_is_left_to_the_platform(world: World, path: str) -> None:
    assert (await world.client.post(path)).status_code == 299


async def test_who_stalls_takes_nobodys_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_receiver, "BODY_S", 0)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"\x0a"
        await asyncio.Event().wait()

    answer = await world.client.post(
        "/v1/traces", content=stalled(), headers={"content-type": JSON}
    )

    assert answer.status_code == 408
    assert answer.json()["message"] == "The body did not come within 0 s."


async def test_who_sends_much_at_once_is_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request under way holds its body in memory."""
    monkeypatch.setattr(otlp_receiver, "AT_ONCE", 2)
    sent, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Any:
        sent.set()
        await go_on.wait()
        yield request().SerializeToString()

    async with asyncio.TaskGroup() as tasks:
        kinds = {"content-type": PROTOBUF}
        slow_ones = []
        for _ in range(2):
            sent.clear()
            posting = world.client.post("/v1/traces", content=slow(), headers=kinds)
            slow_ones.append(tasks.create_task(posting))
            await sent.wait()
        refused = await world.post(request().SerializeToString())
        go_on.set()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert Refusal.FromString(refused.content).code == 14  # UNAVAILABLE
    assert [(await each).status_code for each in slow_ones] == [200, 200]
    assert (await world.post(request().SerializeToString())).status_code == 200
