"""What modules ask of the orchestrator is answered, whatever they ask."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from tests.kiket_console.engine.orchestrator.parties import Notes, Party

from kiket_console.engine.orchestrator.allocation import Ports
from kiket_console.engine.orchestrator.orchestrator import Orchestrator
from kiket_console.errors import ConsoleError
from pywatt_sdk._protocol import (
    DiscoverServiceProviders,
    DiscoverServiceProvidersResponse,
    PortRequest,
    PortResponse,
    RegisterServiceProvider,
    RegisterServiceProviderResponse,
    ServiceOperation,
    ServiceOperationResult,
    ServiceRequest,
    ServiceResponse,
    ServiceType,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "a-key-of-32-bytes-or-more-for-hs256!"


class House:
    """An orchestrator with one module."""

    def __init__(self) -> None:
        self.secrets = {"JWT_SECRET": KEY, "SHORT": "x" * 31}
        self.tape = Notes()
        self.orchestrator = Orchestrator(
            self.tape,
            Ports(),
            secret=self._secret,
            is_starting=lambda _: False,
            known=lambda: ("a",),
            note=lambda _, __: None,
        )
        self.module = Party("a")
        self.orchestrator.joined(self.module)

    async def _secret(self, module: str, name: str) -> str | None:
        assert module == "a"
        if name == "LOCKED":
            raise ConsoleError("The keyring did not answer within 3 s.")
        return self.secrets.get(name)

    async def ask(self, message: Any) -> Any:
        """Let the module say something; return what it is answered."""
        before = len(self.module.sent)
        self.orchestrator.heard(self.module, message, 7, "tcp")
        async with asyncio.timeout(120):
            await self.module.told.wait()
        self.module.told.clear()
        assert len(self.module.sent) == before + 1
        assert (self.module.errands[-1].answers, self.module.errands[-1].channel) == (7, "tcp")
        return self.module.sent[-1]

    async def connect(self, config: Any = None) -> str:
        """Open a connection for tokens."""
        answer = await self.ask(ServiceRequest("r-1", ServiceType.JWT, config))
        assert isinstance(answer, ServiceResponse)
        assert answer.success, answer.error
        return answer.connection_id or ""

    async def operate(self, connection: str, operation: str, params: Any) -> ServiceOperationResult:
        """Ask for an operation; return its result."""
        asked = ServiceOperation(connection, ServiceType.JWT, operation, params, "op-9")
        result = await self.ask(asked)
        assert isinstance(result, ServiceOperationResult)
        assert result.params is not None  # the echo, by which a Rust module finds who waits
        assert (result.params.connection_id, result.params.operation_id) == (connection, "op-9")
        assert result.params.params == params
        return result


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(made.orchestrator.run())
        yield made
        running.cancel()


async def test_a_service_is_registered_found_and_gone_with_its_module(house: House) -> None:
    kind = ServiceType.custom("search")
    asked = RegisterServiceProvider(service_type=kind, name="idx", address="127.0.0.1:9200")
    registered = await house.ask(asked)
    assert isinstance(registered, RegisterServiceProviderResponse)
    assert registered.success

    found = await house.ask(DiscoverServiceProviders(service_type=kind))
    assert isinstance(found, DiscoverServiceProvidersResponse)
    assert [each.provider_id for each in found.providers] == [registered.provider_id]
    assert house.orchestrator.services_of("a#1")[0].name == "idx"
    house.orchestrator.gone(house.module)
    assert house.orchestrator.registry.providers() == ()


async def test_a_registration_that_is_refused_says_why(house: House) -> None:
    answer = await house.ask(
        RegisterServiceProvider(service_type=ServiceType.CACHE, name="", address="x")
    )

    assert isinstance(answer, RegisterServiceProviderResponse)
    assert not answer.success
    assert "name" in (answer.error or "")


async def test_a_port_is_given(house: House) -> None:
    answer = await house.ask(PortRequest("p-1"))

    assert isinstance(answer, PortResponse)
    assert (answer.request_id, answer.success) == ("p-1", True)
    assert answer.port >= 1024


async def test_tokens_are_made_and_checked_with_the_modules_secret(house: House) -> None:
    connection = await house.connect()
    claims = {"sub": "u1", "exp": int(time.time()) + 60}

    made = await house.operate(connection, "generate", {"claims": claims})
    checked = await house.operate(connection, "validate", {"token": made.result})

    assert (made.success, checked.result) == (True, claims)
    assert jwt.decode(made.result, KEY, algorithms=["HS256"]) == claims


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (jwt.encode({"exp": 1}, KEY), "has expired"),
        (jwt.encode({"exp": 4e9}, "another-key-that-is-long-enough!"), "not signed with"),
        (jwt.encode({"sub": "x"}, KEY), "has no exp"),
        (jwt.encode({"exp": 4_000_000_000}, KEY * 2, "HS512"), "not signed by HS256"),
        (jwt.encode({"exp": 4_000_000_000}, "", "none"), "not signed by HS256"),
        ("x", "is no token"),
        (None, "params.token is missing"),
    ],
)
async def test_a_token_that_is_not_good_says_why(house: House, token: str | None, why: str) -> None:
    connection = await house.connect()

    result = await house.operate(connection, "validate", {"token": token})

    assert not result.success
    assert why in (result.error or "")
    assert KEY not in (result.error or "")


async def test_claims_without_an_end_are_made_no_token_of(house: House) -> None:
    connection = await house.connect()

    result = await house.operate(connection, "generate", {"claims": {"sub": "u1"}})

    assert "claims.exp is missing" in (result.error or "")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"secret": "SHORT"}, "fewer than 32 bytes"),
        ({"secret": "OTHER"}, "OTHER has no value"),
        ({"secret": "LOCKED"}, "The keyring did not answer"),
    ],
)
async def test_a_secret_that_cannot_sign_opens_no_connection(
    house: House, config: Any, why: str
) -> None:
    answer = await house.ask(ServiceRequest("r-1", ServiceType.JWT, config))

    assert isinstance(answer, ServiceResponse)
    assert (answer.id, answer.success) == ("r-1", False)
    assert why in (answer.error or "")


@pytest.mark.parametrize("kind", [ServiceType.DATABASE, ServiceType.CACHE])
async def test_what_is_not_there_yet_is_said_to_come(house: House, kind: ServiceType) -> None:
    answer = await house.ask(ServiceRequest("r-1", kind, {"database": "app"}))
    result = await house.ask(ServiceOperation("c", kind, "query", {}))

    assert isinstance(answer, ServiceResponse)
    assert isinstance(result, ServiceOperationResult)
    assert not answer.success
    assert not result.success
    assert "a later release brings it" in (answer.error or "")
    assert answer.error == result.error


async def test_a_connection_is_its_starts_alone_and_may_be_closed_twice(house: House) -> None:
    connection = await house.connect()
    other = Party("b")
    asked = ServiceOperation(connection, ServiceType.JWT, "validate", {"token": "x"})
    house.orchestrator.heard(other, asked, None, "tcp")
    assert "is not open" in other.sent[0].error

    for _ in range(2):
        assert (await house.operate(connection, "close", {})).success
    assert "is not open" in ((await house.operate(connection, "validate", {})).error or "")


async def test_a_module_that_has_ended_costs_nobody_anything(house: House) -> None:
    house.module.has_ended = True

    house.orchestrator.heard(house.module, PortRequest("p-1"), 7, "stdio")

    assert house.tape.ended == [(7, "a#1 takes nothing any more.")]
