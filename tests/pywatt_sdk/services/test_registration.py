"""Registering with an orchestrator that did not start the program."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.pywatt_sdk.communication.conftest import serving
from tests.pywatt_sdk.communication.registering import ID, TOKEN, Registry

from kiket_core.frames import LengthFrames
from pywatt_sdk import _wire_registration as wire
from pywatt_sdk._protocol import ProtocolError
from pywatt_sdk.communication.connection_config import ConnectionConfig
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.core.error import NetworkError
from pywatt_sdk.services.registration import (
    Capabilities,
    Endpoint,
    HealthStatus,
    ModuleInfo,
    RegistrationClient,
    RegistrationError,
    advertise_capabilities,
    heartbeat,
    register_module,
    start_heartbeat_loop,
    unregister_module,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

THERMOMETER = ModuleInfo.new("thermometer", "1.0.0", "Measures").with_metadata("room", "attic")
OFFER = (
    Capabilities.new()
    .with_endpoint(Endpoint.new("/now", ["GET"]).with_auth("jwt"))
    .with_message_type("measured")
    .with_additional("unit", "celsius")
)


def at(port: int) -> ConnectionConfig:
    return ConnectionConfig("127.0.0.1", port)


async def test_a_registration_lives_and_ends() -> None:
    registry = Registry()
    async with serving(registry.serve) as server, RegistrationClient(at(server.port)) as client:
        module = await client.register(THERMOMETER)
        assert (module.id, module.token, module.info) == (ID, TOKEN, THERMOMETER)
        assert TOKEN not in repr(module)
        assert await client.heartbeat(HealthStatus.DEGRADED) is HealthStatus.HEALTHY
        await client.advertise(OFFER)
        assert registry.statuses == {ID: HealthStatus.DEGRADED}
        assert registry.capabilities == {ID: OFFER}
        await client.unregister()
        assert registry.modules == {}
        with pytest.raises(RegistrationError, match=r"call register\(\) first"):
            await client.heartbeat(HealthStatus.HEALTHY)


async def test_functions_keep_its_connection() -> None:
    registry = Registry()
    async with serving(registry.serve) as server:
        module = await register_module(at(server.port), THERMOMETER)
        await advertise_capabilities(module, OFFER)
        assert await heartbeat(module, HealthStatus.HEALTHY, {"queue": "0"}) is HealthStatus.HEALTHY
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(
                start_heartbeat_loop(module, 0.001, lambda: HealthStatus.UNHEALTHY)
            )
            while registry.statuses[ID] is not HealthStatus.UNHEALTHY or registry.beats < 3:
                registry.beaten.clear()
                await registry.beaten.wait()
            beating.cancel()
        await unregister_module(module)
        assert registry.modules == {}


async def test_heartbeats_go_on_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    asked = asyncio.Event()

    async def status() -> HealthStatus:
        if registry.beats_refused:
            asked.set()
        return HealthStatus.HEALTHY

    async with serving(registry.serve) as server, RegistrationClient(at(server.port)) as client:
        module = await client.register(THERMOMETER)
        del registry.modules[ID]  # the orchestrator forgot
        async with asyncio.TaskGroup() as tasks:
            beating = tasks.create_task(client.heartbeats(status, 0.001))
            await asked.wait()
            registry.modules[ID] = module
            await registry.beaten.wait()
            beating.cancel()
    assert "the orchestrator refused: Unknown module" in caplog.text


async def test_a_refusal_says_why() -> None:
    registry = Registry()
    async with serving(registry.serve) as server, RegistrationClient(at(server.port)) as client:
        with pytest.raises(RegistrationError, match="the orchestrator refused: Module name taken"):
            await client.register(ModuleInfo.new("taken", "1", ""))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (b'{"response_type":"register","success":false}', "Unknown error"),
        (b'{"response_type":"register","success":true}', "No module information in response"),
        (b'{"response_type":"unknown","success":false,"error":"Unknown request type"}', "request"),
        (b'{"response_type":"unregister","success":true}', "answers something else"),
        (b"{}", "registration reply cannot be read"),
        (b"no", "registration reply is not JSON"),
    ],
)
async def test_a_strange_reply_is_an_error(reply: bytes, reason: str) -> None:
    async with (
        serving(saying(EncodedMessage(reply).to_frame())) as server,
        RegistrationClient(at(server.port)) as client,
    ):
        with pytest.raises(RegistrationError, match=reason):
            await client.register(THERMOMETER)


async def test_a_reply_that_comes_too_late_answers_nothing_else() -> None:
    registry = Registry()
    late = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not late.is_set():
            await late.wait()
        await registry.serve(reader, writer)

    async with (
        serving(serve) as server,
        RegistrationClient(at(server.port), timeout_s=0.02) as client,
    ):
        with pytest.raises(NetworkError, match=r"did not reply within 0\.02 s"):
            await client.register(ModuleInfo.new("taken", "1", ""))
        late.set()
        client._timeout_s = 30.0  # what follows is no question of time
        assert (await client.register(THERMOMETER)).info == THERMOMETER


def saying(frame: bytes) -> Callable[..., Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await EncodedMessage.read_from_async(reader)
        writer.write(frame)

    return serve


class TestOlderSpelling:
    def test_of_request_types_and_statuses_is_understood(self) -> None:
        raw = b'{"request_type":"registration","module_info":{"name":"a","version":"1",'
        raw += b'"description":"","id":null,"metadata":null}}'
        assert wire.decode_request(raw) == wire.Register(ModuleInfo.new("a", "1", ""))
        raw = b'{"request_type":"unregistration","module_id":"1","token":"t"}'
        assert wire.decode_request(raw) == wire.Unregister("1", "t")
        raw = b'{"request_type":"heartbeat","module_id":"1","token":"t","status":"healthy"}'
        assert wire.decode_request(raw) == wire.Beat("1", "t", HealthStatus.HEALTHY)

    @pytest.mark.parametrize(
        ("raw", "kind"),
        [
            (b'{"request_type":"dance"}', "dance"),
            (b'{"request_type":"register"}', "register"),
            (b'{"content":{"request_type":"heartbeat","status":"Fine"}}', "heartbeat"),
            (b"{}", ""),
            (b"[]", ""),
            (b"[" * 100_000, ""),
        ],
    )
    def test_of_anything_else_is_refused_by_its_name(self, raw: bytes, kind: str) -> None:
        with pytest.raises(ProtocolError) as refused:
            wire.decode_request(raw)
        assert refused.value.op == kind

    def test_is_not_written(self) -> None:
        (frame,) = LengthFrames(1000).feed(wire.encode_reply(wire.UnknownReply()))
        expected = b'{"response_type":"unknown","success":false,"error":"Unknown request type"}'
        assert frame.raw == expected
