"""HTTP requests over framed TCP, asked and answered."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.pywatt_sdk.communication.conftest import serving
from tests.pywatt_sdk.communication.registering import Registry

from pywatt_sdk._protocol import ProtocolError
from pywatt_sdk.communication import http_tcp_server
from pywatt_sdk.communication.connection_config import ConnectionConfig, TlsConfig
from pywatt_sdk.communication.http_tcp import (
    HttpTcpClient,
    HttpTcpError,
    HttpTcpRequest,
    HttpTcpResponse,
    HttpTcpRouter,
    HttpTcpServer,
    start_http_server,
)
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.core.error import ConfigError, NetworkError, ReplyTimeoutError
from pywatt_sdk.services.registration import HealthStatus, ModuleInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.certificates import Certificates

router = HttpTcpRouter()


@router.get("/now")
async def now(request: HttpTcpRequest) -> dict[str, Any]:
    return {"celsius": 21, "place": request.query.get("place")}


@router.post("/echo")
async def echo_body(request: HttpTcpRequest) -> HttpTcpResponse:
    return HttpTcpResponse(request.request_id, 201, dict(request.headers), request.body)


@router.put("/number")
async def number(request: HttpTcpRequest) -> Any:
    return request.json() + 1


@router.delete("/mine")
async def mine(_: HttpTcpRequest) -> Any:
    raise HttpTcpError.forbidden("Not yours")


@router.get("/broken")
async def broken(_: HttpTcpRequest) -> Any:
    raise RuntimeError("the password is hush")


@router.get("/slow")
async def slow(_: HttpTcpRequest) -> Any:
    await asyncio.Event().wait()


@asynccontextmanager
async def asking() -> AsyncIterator[HttpTcpClient]:
    async with (
        HttpTcpServer(router, drain_s=0) as server,
        HttpTcpClient(ConnectionConfig("127.0.0.1", server.port)) as client,
    ):
        yield client


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """Return what still comes before the other end closes the connection, however it does."""
    try:
        return await asyncio.wait_for(reader.read(), 120)
    except ConnectionError:
        return b""


class TestAnswers:
    async def test_are_wrapped_as_successes(self) -> None:
        async with asking() as client:
            response = await client.get("/now?x=1", query={"place": "Łódź & more"})
        assert response.status_code == 200
        assert response.headers == {"Content-Type": "application/json"}
        data = {"celsius": 21, "place": "Łódź & more"}
        assert response.json() == {"status": "success", "data": data}

    async def test_may_be_whole_responses(self) -> None:
        async with asking() as client:
            response = await client.post("/echo", body=bytes(range(256)), headers={"A": "b"})
        assert (response.status_code, response.headers) == (201, {"A": "b"})
        assert response.body == bytes(range(256))

    @pytest.mark.parametrize(
        ("method", "path", "status_code", "message"),
        [
            ("GET", "/nope?x=1", 404, "Not found: /nope"),
            ("POST", "/now", 404, "Not found: /now"),
            ("GET", "/now/", 404, "Not found: /now/"),
            ("DELETE", "/mine", 403, "Not yours"),
            ("PUT", "/number", 400, "The request's body is not JSON: input data was truncated."),
            ("GET", "/broken", 500, "The request failed."),
        ],
    )
    async def test_may_say_what_went_wrong(
        self, method: str, path: str, status_code: int, message: str
    ) -> None:
        async with asking() as client:
            response = await client.request(method, path)
        assert response.status_code == status_code
        assert response.json() == {"status": "error", "message": message}

    async def test_come_in_any_order_and_to_the_right_one(self) -> None:
        async with asking() as client, asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(client.put("/number", json=n)) for n in range(150)]
        assert [each.result().json()["data"] for each in asked] == list(range(1, 151))

    async def test_are_waited_for_no_longer_than_told(self) -> None:
        async with asking() as client:
            with pytest.raises(ReplyTimeoutError, match=r"GET /slow was not answered within 0\.01"):
                await client.get("/slow", timeout_s=0.01)
            assert (await client.get("/now")).status_code == 200  # and the connection goes on

    async def test_fail_when_the_connection_is_lost(self) -> None:
        async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await EncodedMessage.read_from_async(reader)
            writer.close()

        async with serving(leave) as server:
            async with HttpTcpClient(ConnectionConfig("127.0.0.1", server.port)) as client:
                for _ in range(2):  # each time over a connection of its own
                    with pytest.raises(NetworkError, match="the connection was lost meanwhile"):
                        await client.get("/now")
            await server.has(2)


class TestServers:
    async def test_finish_what_is_under_way(self) -> None:
        begun, finish = asyncio.Event(), asyncio.Event()
        patient = HttpTcpRouter()

        async def wait(_: HttpTcpRequest) -> str:
            begun.set()
            await finish.wait()
            return "done"

        patient.get("/wait", wait)
        async with asyncio.TaskGroup() as tasks:
            async with HttpTcpServer(patient) as server:
                client = HttpTcpClient(ConnectionConfig("127.0.0.1", server.port))
                asked = tasks.create_task(client.get("/wait"))
                await begun.wait()
                asyncio.get_running_loop().call_later(0.01, finish.set)
            response = await asked
            await client.close()
        assert response.json()["data"] == "done"

    async def test_hang_up_on_what_is_no_request(self) -> None:
        async with HttpTcpServer(router) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await EncodedMessage(b'{"op":"heartbeat"}').write_to_async(writer)
            assert await reader.read() == b""
            writer.close()

    async def test_take_no_more_connections_than_they_have_room_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http_tcp_server, "_MOST_CONNECTIONS", 1)
        async with HttpTcpServer(router) as server:
            address = ConnectionConfig("127.0.0.1", server.port)
            async with HttpTcpClient(address) as client:
                await client.request("GET", "/now")
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                assert await _rest(reader) == b""
                writer.close()
                assert (await client.request("GET", "/now")).status_code == 200

    async def test_read_no_request_that_is_too_large(self) -> None:
        async with HttpTcpServer(router) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write((8 * 1024 * 1024 + 1).to_bytes(4, "big") + b"\x01")
            assert await _rest(reader) == b""
            writer.close()

    async def test_say_when_a_port_is_taken(self) -> None:
        async with HttpTcpServer(router) as server:
            with pytest.raises(NetworkError, match=f"cannot listen on 127.0.0.1:{server.port}"):
                async with HttpTcpServer(router, port=server.port):
                    pass

    async def test_show_who_they_are(self, certificates: Certificates) -> None:
        tls = TlsConfig(ca_cert_path=certificates.ca)
        async with HttpTcpServer(router, host="0.0.0.0", tls=certificates.server()) as server:  # noqa: S104
            config = ConnectionConfig("127.0.0.1", server.port, tls_config=tls)
            async with HttpTcpClient(config) as client:
                assert (await client.get("/now")).status_code == 200

    def test_serve_no_other_machine_in_the_clear(self) -> None:
        with pytest.raises(ConfigError, match="set tls"):
            HttpTcpServer(router, host="0.0.0.0")  # noqa: S104  # which is refused

    async def test_may_be_registered_while_they_run(self) -> None:
        registry = Registry()
        async with serving(registry.serve) as orchestrator:
            where = ConnectionConfig("127.0.0.1", orchestrator.port)
            info = ModuleInfo.new("thermometer", "1.0.0", "Measures")
            async with start_http_server(where, info, router, heartbeat_s=0.01) as server:
                await registry.beaten.wait()
                (module,) = registry.modules.values()
                assert module.info.name == "thermometer"
                assert module.info.metadata == {"address": f"127.0.0.1:{server.port}"}
                offered = registry.capabilities[module.id].endpoints
                assert ("/now", ("GET",)) in [(each.path, each.methods) for each in offered]
                assert registry.statuses[module.id] is HealthStatus.HEALTHY
            assert registry.modules == {}


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"id":"1","content":{"request_id":"1"}}', b"[1]"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    for kind in (HttpTcpRequest, HttpTcpResponse):
        with pytest.raises(ProtocolError):
            kind.from_json(raw)
