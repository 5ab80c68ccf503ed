"""Services of modules: offered, and found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk._link import Link
from pywatt_sdk._protocol import (
    DiscoverServiceProviders,
    DiscoverServiceProvidersResponse,
    RegisterServiceProvider,
    RegisterServiceProviderResponse,
    ServiceProvider,
    ServiceType,
)
from pywatt_sdk.core.error import NetworkError
from pywatt_sdk.services import service_discovery
from pywatt_sdk.services.service_discovery import ServiceDiscoveryClient, ServiceProviderInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async with Link(is_ours=True) as link:
        yield link


@pytest.fixture
def orchestrator(link: Link) -> FarEnd:
    return FarEnd(link)


async def test_a_service_is_registered_under_any_type(link: Link, orchestrator: FarEnd) -> None:
    client = ServiceDiscoveryClient(link)
    async with asyncio.TaskGroup() as group:
        registered = group.create_task(
            client.register(
                name="my-api",
                service_type="api",
                address="127.0.0.1:8080",
                version="1.0",
                metadata={"region": "eu"},
            )
        )
        request = await orchestrator.hears(RegisterServiceProvider)
        orchestrator.say(RegisterServiceProviderResponse(success=True, provider_id="prov-1"))

    assert registered.result() == "prov-1"
    assert request == RegisterServiceProvider(
        service_type=ServiceType.custom("api"),
        name="my-api",
        version="1.0",
        address="127.0.0.1:8080",
        metadata={"region": "eu"},
    )


@pytest.mark.parametrize(
    ("given", "on_wire"),
    [
        ("database", ServiceType.DATABASE),
        ("Cache", ServiceType.CACHE),
        (ServiceType.JWT, ServiceType.JWT),
        (service_discovery.ServiceType.GRPC, ServiceType.custom("grpc")),
        ("search", ServiceType.custom("search")),
    ],
)
async def test_providers_are_found_by_type(
    link: Link, orchestrator: FarEnd, given: str | ServiceType, on_wire: ServiceType
) -> None:
    found = ServiceProvider(
        provider_id="prov-1",
        module_id="mod-b",
        service_type=on_wire,
        name="idx",
        address="127.0.0.1:9200",
        metadata={},
        is_healthy=True,
    )
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ServiceDiscoveryClient(link).discover(given, all_providers=True))
        request = await orchestrator.hears(DiscoverServiceProviders)
        orchestrator.say(DiscoverServiceProvidersResponse(success=True, providers=(found,)))

    assert request == DiscoverServiceProviders(on_wire, True)
    (provider,) = asked.result()
    assert provider == ServiceProviderInfo(
        name="idx",
        address="127.0.0.1:9200",
        service_type=on_wire.name,
        provider_id="prov-1",
        module_id="mod-b",
    )


async def test_a_refusal_is_told_with_its_reason(link: Link, orchestrator: FarEnd) -> None:
    client = ServiceDiscoveryClient(link)
    async with asyncio.TaskGroup() as group:
        refused = group.create_task(
            _error_of(client.register(name="x", service_type="api", address="nowhere"))
        )
        await orchestrator.hears(RegisterServiceProvider)
        orchestrator.say(RegisterServiceProviderResponse(success=False, error="no such address"))
        unfound = group.create_task(_error_of(client.discover("api")))
        await orchestrator.hears(DiscoverServiceProviders)
        orchestrator.say(DiscoverServiceProvidersResponse(success=False, providers=()))

    assert str(refused.result()) == "network error: Registration failed: no such address"
    assert "Discovery failed: the orchestrator gave no reason" in str(unfound.result())


async def test_a_registry_that_does_not_answer_is_told(link: Link, orchestrator: FarEnd) -> None:
    with pytest.raises(NetworkError, match="did not answer discover_service_providers"):
        await ServiceDiscoveryClient(link, timeout_s=0.01).discover("api")


async def _error_of(asked: Awaitable[object]) -> NetworkError:
    with pytest.raises(NetworkError) as raised:
        await asked
    return raised.value
