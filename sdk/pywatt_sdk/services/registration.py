"""Registering with an orchestrator that did not start this program (specification §4).

    client = RegistrationClient(ConnectionConfig("127.0.0.1", 9901))
    await client.register(ModuleInfo.new("thermometer", "1.0.0", "Measures"))
    await client.advertise(Capabilities.new().with_endpoint(Endpoint.new("/now", ["GET"])))
    await client.heartbeats(lambda: HealthStatus.HEALTHY)   # until it is cancelled

A module that the orchestrator starts needs none of this.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar

from pywatt_sdk._protocol import ProtocolError
from pywatt_sdk._wire_registration import (
    Advertise,
    AdvertiseReply,
    Beat,
    BeatReply,
    Capabilities,
    Endpoint,
    HealthStatus,
    ModuleInfo,
    Register,
    RegisteredModule,
    RegisterReply,
    RegistrationReply,
    RegistrationRequest,
    Unregister,
    UnregisterReply,
    decode_reply,
    encode_request,
)
from pywatt_sdk.communication.connection_config import ConnectionConfig, ReconnectPolicy
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.communication.tcp_channel import TcpChannel
from pywatt_sdk.core.error import NetworkError, PyWattSDKError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType

__all__ = [
    "Capabilities",
    "Endpoint",
    "HealthStatus",
    "ModuleInfo",
    "RegisteredModule",
    "RegistrationClient",
    "RegistrationError",
    "advertise_capabilities",
    "heartbeat",
    "register_module",
    "start_heartbeat_loop",
    "unregister_module",
]

TIMEOUT_S: Final = 30.0
HEARTBEAT_S: Final = 30.0
_HEADER_BYTES: Final = 5
_log = logging.getLogger("pywatt_sdk.registration")
_R = TypeVar("_R", bound=RegistrationReply)


class RegistrationError(PyWattSDKError):
    """The orchestrator refused a request, or its reply makes no sense."""


class RegistrationClient:
    """One program's registration, over one connection.

    Args:
        config: where the orchestrator's registration port is; `localhost:9901` is usual.
        timeout_s: how long a reply may take, in seconds.

    Each request raises `RegistrationError` if it is refused, and `NetworkError` if the orchestrator
    cannot be reached or does not reply in time.
    """

    def __init__(
        self, config: ConnectionConfig | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        config = config or ConnectionConfig(port=9901)
        # A reply belongs to the connection that the request went out on, so none is replaced.
        self._channel = TcpChannel(config.with_reconnect_policy(ReconnectPolicy.none()))
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self.module: RegisteredModule | None = None
        """What the orchestrator made of us; None before `register`."""

    @classmethod
    def resumed(cls, module: RegisteredModule) -> RegistrationClient:
        """Go on with a registration that was made before."""
        client = cls(ConnectionConfig(module.orchestrator_host, module.orchestrator_port))
        client.module = module
        return client

    async def register(self, module_info: ModuleInfo) -> RegisteredModule:
        """Register; the token in the answer is kept and used from then on."""
        reply = await self._ask(Register(module_info), RegisterReply)
        if not reply.success:
            _reject(reply.error)
        if reply.module is None:
            _reject("No module information in response")
        self.module = reply.module
        return reply.module

    async def heartbeat(
        self, status: HealthStatus, details: Mapping[str, str] | None = None
    ) -> HealthStatus:
        """Say how the program fares; learn what the orchestrator makes of it."""
        module = self._registered()
        notes = None if details is None else dict(details)
        reply = await self._ask(Beat(module.id, module.token, status, notes), BeatReply)
        if not reply.success:
            _reject(reply.error)
        return reply.status

    async def advertise(self, capabilities: Capabilities) -> None:
        """Say what the program offers; it replaces what was said before."""
        module = self._registered()
        reply = await self._ask(Advertise(module.id, module.token, capabilities), AdvertiseReply)
        if not reply.success:
            _reject(reply.error)

    async def unregister(self) -> None:
        """Take the registration back and close the connection."""
        module = self._registered()
        reply = await self._ask(Unregister(module.id, module.token), UnregisterReply)
        if not reply.success:
            _reject(reply.error)
        self.module = None
        await self.close()

    async def heartbeats(
        self,
        status: Callable[[], HealthStatus | Awaitable[HealthStatus]],
        interval_s: float = HEARTBEAT_S,
    ) -> NoReturn:
        """Say how the program fares, now and every `interval_s` seconds, until cancelled.

        A heartbeat that fails is logged; the next one is sent all the same.
        """
        while True:
            try:
                current = status()
                await self.heartbeat(await current if inspect.isawaitable(current) else current)
            except PyWattSDKError as fault:
                _log.warning("A heartbeat failed: %s", fault)
            await asyncio.sleep(interval_s)

    async def close(self) -> None:
        """Close the connection; a later request opens another."""
        await self._channel.disconnect()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _registered(self) -> RegisteredModule:
        if self.module is None:
            raise RegistrationError("this program is not registered; call register() first")
        return self.module

    async def _ask(self, request: RegistrationRequest, kind: type[_R]) -> _R:
        """Send a request and read its reply; they take turns, for a reply names no request."""
        frame = encode_request(request)
        async with self._turn:
            await self._channel.connect()
            try:
                await self._channel.send(EncodedMessage(frame[_HEADER_BYTES:]))
                answer = await self._channel.receive(self._timeout_s)
                reply = decode_reply(answer.data)
            except TimeoutError:
                await self.close()  # a late reply would answer the next request
                raise NetworkError(
                    f"the orchestrator did not reply within {self._timeout_s:g} s"
                ) from None
            except ProtocolError as fault:
                await self.close()
                raise RegistrationError(str(fault)) from None
            except BaseException:  # cancelled, too: what comes then is nobody's
                await self.close()
                raise
        if not isinstance(reply, kind):
            _reject(getattr(reply, "error", None) or "The reply answers something else")
        return reply


def _reject(error: str | None) -> NoReturn:
    raise RegistrationError(f"the orchestrator refused: {error or 'Unknown error'}")


# --- one registration each, kept by the module's id ---

_clients: dict[str, RegistrationClient] = {}


def _client_of(module: RegisteredModule) -> RegistrationClient:
    if module.id not in _clients:
        _clients[module.id] = RegistrationClient.resumed(module)
    return _clients[module.id]


async def register_module(config: ConnectionConfig, module_info: ModuleInfo) -> RegisteredModule:
    """Register a program; its connection is kept for what follows."""
    client = RegistrationClient(config)
    module = await client.register(module_info)
    _clients[module.id] = client
    return module


async def heartbeat(
    module: RegisteredModule, status: HealthStatus, details: Mapping[str, str] | None = None
) -> HealthStatus:
    """Say how a registered program fares; learn what the orchestrator makes of it."""
    return await _client_of(module).heartbeat(status, details)


async def advertise_capabilities(module: RegisteredModule, capabilities: Capabilities) -> None:
    """Say what a registered program offers."""
    await _client_of(module).advertise(capabilities)


async def start_heartbeat_loop(
    module: RegisteredModule,
    interval_s: float,
    status: Callable[[], HealthStatus | Awaitable[HealthStatus]],
) -> NoReturn:
    """Send heartbeats until cancelled; run it in a task of your own."""
    await _client_of(module).heartbeats(status, interval_s)


async def unregister_module(module: RegisteredModule) -> None:
    """Take a registration back and close its connection."""
    await _client_of(module).unregister()
    _clients.pop(module.id, None)
