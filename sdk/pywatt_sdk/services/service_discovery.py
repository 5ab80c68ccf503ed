"""Offer services to other modules, and find theirs (pywatt wire specification §8.1)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pywatt_sdk import _protocol
from pywatt_sdk.core.error import NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywatt_sdk._link import Link

__all__ = ["ServiceDiscoveryClient", "ServiceDiscoveryError", "ServiceProviderInfo", "ServiceType"]

DEFAULT_TIMEOUT_S: Final = 30.0


class ServiceDiscoveryError(NetworkError):
    """The orchestrator refused to register a service or to look for one."""


class ServiceType(enum.StrEnum):
    """How services are often called; any other text is a type too.

    `pywatt_sdk.ServiceType` is the type of the wire, which these become.
    """

    HTTP = "http"
    GRPC = "grpc"
    WEBSOCKET = "websocket"
    CUSTOM = "custom"


class ServiceProviderInfo(Struct, frozen=True, kw_only=True):
    """One provider of a service.

    `address` is as the provider gave it, such as `127.0.0.1:8080`. `service_type` is a plain text,
    such as `database` or a type of your own.
    """

    name: str
    address: str
    service_type: str = "custom"
    provider_id: str = ""
    module_id: str = ""
    version: str | None = None
    metadata: dict[str, str] = {}
    is_healthy: bool = True


class ServiceDiscoveryClient:
    """The registry of services, seen from one module."""

    def __init__(self, link: Link, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._link = link
        self._timeout_s = timeout_s

    async def register(
        self,
        *,
        name: str,
        service_type: str | _protocol.ServiceType,
        address: str,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Offer a service until the module ends; return the id that it was given.

        Raises:
            ServiceDiscoveryError: if the orchestrator refuses.
            NetworkError: if it does not answer.
        """
        request = _protocol.RegisterServiceProvider(
            service_type=_wire_type(service_type),
            name=name,
            version=version,
            address=address,
            metadata=None if metadata is None else dict(metadata),
        )
        reply: _protocol.RegisterServiceProviderResponse = await self._link.ask(
            request, timeout_s=self._timeout_s
        )
        if not reply.success or reply.provider_id is None:
            raise ServiceDiscoveryError(
                f"Registration failed: {reply.error or 'the orchestrator gave no reason'}"
            )
        return reply.provider_id

    async def discover(
        self, service_type: str | _protocol.ServiceType, all_providers: bool | None = None
    ) -> list[ServiceProviderInfo]:
        """Return the providers of a service: the first healthy one, or *all_providers*.

        Raises:
            ServiceDiscoveryError: if the orchestrator refuses.
            NetworkError: if it does not answer.
        """
        request = _protocol.DiscoverServiceProviders(_wire_type(service_type), bool(all_providers))
        reply: _protocol.DiscoverServiceProvidersResponse = await self._link.ask(
            request, timeout_s=self._timeout_s
        )
        if not reply.success:
            raise ServiceDiscoveryError(
                f"Discovery failed: {reply.error or 'the orchestrator gave no reason'}"
            )
        return [_info(provider) for provider in reply.providers]


def _wire_type(service_type: str | _protocol.ServiceType) -> _protocol.ServiceType:
    if isinstance(service_type, _protocol.ServiceType):
        return service_type
    return _protocol.ServiceType.parse(str(service_type))


def _info(provider: _protocol.ServiceProvider) -> ServiceProviderInfo:
    return ServiceProviderInfo(
        name=provider.name,
        address=provider.address,
        service_type=provider.service_type.name,
        provider_id=provider.provider_id,
        module_id=provider.module_id,
        version=provider.version,
        metadata=provider.metadata,
        is_healthy=provider.is_healthy,
    )
