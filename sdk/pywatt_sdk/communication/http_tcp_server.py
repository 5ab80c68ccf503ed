"""Answering over framed TCP (pywatt wire specification §5.3)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, cast

from pywatt_sdk._channels import ChannelClosedError, Frames
from pywatt_sdk._protocol import ProtocolError
from pywatt_sdk.communication.connection_config import is_loopback
from pywatt_sdk.communication.http_tcp import HttpTcpRequest
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.core.error import ConfigError, NetworkError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from types import TracebackType

    from pywatt_sdk.communication.connection_config import ConnectionConfig
    from pywatt_sdk.communication.http_tcp import HttpTcpRouter
    from pywatt_sdk.services.registration import ModuleInfo

DRAIN_S: Final = 5.0
_MOST_AT_ONCE: Final = 100
_MOST_CONNECTIONS: Final = 100
_REQUEST_BYTES: Final = 8 * 1024 * 1024
"""A body is an array of numbers there, about four bytes for each of its own."""


class HttpTcpServer:
    """Serves a router; used with `async with`.

    Args:
        router: who answers.
        host: where to listen; another address than this machine's own needs `tls`.
        port: the port; 0 takes a free one.
        tls: the certificate to show, in an SSL context of a server.
        drain_s: how long requests that are under way may take at the end, in seconds.

    Up to 100 requests of a connection are answered at once; more are not read meanwhile. A request
    has 8 MiB at most, and there are 100 connections at most; the next are closed at once.
    """

    def __init__(
        self,
        router: HttpTcpRouter,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        drain_s: float = DRAIN_S,
    ) -> None:
        if tls is None and not is_loopback(host):
            raise ConfigError(
                f"listening on {host} in the clear would serve other machines; set tls, "
                "or listen on 127.0.0.1"
            )
        self._router = router
        self._host, self._port, self._tls = host, port, tls
        self._server: asyncio.Server | None = None
        self._drain_s = drain_s
        self._tasks = asyncio.TaskGroup()
        self._under_way: set[asyncio.Task[None]] = set()
        self._connections: set[_Connection] = set()

    @property
    def port(self) -> int:
        """Give the port that is really listened on; 0 before it is."""
        if self._server is None:
            return 0
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, self._host, self._port, ssl=self._tls
            )
        except OSError as fault:
            raise NetworkError(f"cannot listen on {self._host}:{self._port}", fault) from None
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening, finish what is under way in time, close the connections."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.stop()
        if self._under_way and error is None:
            await asyncio.wait(self._under_way, timeout=self._drain_s)
        for task in self._under_way:
            task.cancel()
        await self._tasks.__aexit__(None, None, None)
        for connection in tuple(self._connections):
            connection.frames.close()

    @contextmanager
    def meanwhile(self, work: Coroutine[Any, Any, None]) -> Iterator[None]:
        """Run something beside the block, and no longer than it."""
        task = self._tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()

    def _connection(self) -> asyncio.Protocol:
        if len(self._connections) >= _MOST_CONNECTIONS:
            return _Refused()
        return _Connection(self._router, self._start, self._connections).frames

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


class _Refused(asyncio.Protocol):
    """A client too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


class _Connection:
    """One client."""

    def __init__(
        self,
        router: HttpTcpRouter,
        start: Callable[[Coroutine[Any, Any, None]], None],
        connections: set[_Connection],
    ) -> None:
        self._router = router
        self._start = start
        self._connections = connections
        self._under_way = 0
        self._is_stopping = False
        self.frames = Frames(
            self._take,
            on_closed=lambda _: connections.discard(self),
            limit_bytes=_REQUEST_BYTES,
        )
        connections.add(self)

    def stop(self) -> None:
        """Take no more requests."""
        self._is_stopping = True
        self.frames.pause()

    def _take(self, raw: bytes) -> None:
        try:
            request = HttpTcpRequest.from_json(raw)
        except ProtocolError:
            self.frames.close()  # no id to answer to, so nobody would ever know
            return
        self._under_way += 1
        if self._under_way >= _MOST_AT_ONCE:
            self.frames.pause()
        self._start(self._answer(request))

    async def _answer(self, request: HttpTcpRequest) -> None:
        try:
            response = await self._router.answer(request)
            self.frames.send(EncodedMessage(response.to_json()).to_frame())
            await self.frames.drain()
        except ChannelClosedError:
            pass  # who asked is gone
        finally:
            self._under_way -= 1
            if not self._is_stopping:
                self.frames.resume()


@asynccontextmanager
async def start_http_server(
    orchestrator: ConnectionConfig,
    module_info: ModuleInfo,
    router: HttpTcpRouter,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    heartbeat_s: float = 30.0,
) -> AsyncIterator[HttpTcpServer]:
    """Serve a router and keep it registered with an orchestrator while the block runs.

    It registers, advertises the router's routes and sends a heartbeat every `heartbeat_s` seconds;
    at the end it takes the registration back.

    Raises:
        RegistrationError: if the orchestrator refuses.
        NetworkError: if it cannot be reached, or the port is taken.
    """
    from pywatt_sdk.services.registration import (
        Capabilities,
        Endpoint,
        HealthStatus,
        RegistrationClient,
    )

    async with HttpTcpServer(router, host=host, port=port, tls=tls) as server:
        address = f"{host}:{server.port}"
        async with RegistrationClient(orchestrator) as client:
            await client.register(module_info.with_metadata("address", address))
            endpoints = tuple(Endpoint(path, methods) for path, methods in router.endpoints)
            await client.advertise(Capabilities(endpoints))
            beats = client.heartbeats(lambda: HealthStatus.HEALTHY, heartbeat_s)
            try:
                with server.meanwhile(beats):
                    yield server
            finally:
                await client.unregister()
