"""Tokens that the orchestrator makes and checks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk._link import Link
from pywatt_sdk._protocol import (
    ServiceOperation,
    ServiceOperationResult,
    ServiceRequest,
    ServiceResponse,
    ServiceType,
)
from pywatt_sdk.core.error import NetworkError
from pywatt_sdk.security.jwt_auth import JwtError
from pywatt_sdk.security.jwt_proxy import JwtProxy

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Orchestrator:
    """Opens connections, and answers operations as it is told."""

    def __init__(self, link: Link) -> None:
        self._end = FarEnd(link)
        self.operations: list[tuple[str, Any]] = []

    async def opens(self, *, error: str | None = None) -> None:
        request = await self._end.hears(ServiceRequest)
        assert request.service_type == ServiceType.JWT
        assert request.id.startswith("jwt_request_")
        opened = ServiceResponse(
            request.id, ServiceType.JWT, error is None, error, None if error else "c-1"
        )
        self._end.say(opened)

    async def answers(self, *, result: Any = None, error: str | None = None) -> None:
        asked = await self._end.hears(ServiceOperation)
        assert asked.connection_id == "c-1"
        self.operations.append((asked.operation, asked.params))
        self._end.say(ServiceOperationResult.to(asked, result=result, error=error))


async def both(work: Coroutine[Any, Any, Any], *others: Coroutine[Any, Any, None]) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        for each in others:
            await each
    return task.result()


@pytest.mark.parametrize("is_ours", [True, False])
async def test_tokens_are_made_and_checked_over_one_connection(is_ours: bool) -> None:
    async with Link(is_ours=is_ours) as link:
        orchestrator = Orchestrator(link)
        tokens = JwtProxy(link)
        made = await both(
            tokens.generate({"sub": "me"}), orchestrator.opens(), orchestrator.answers(result="t")
        )
        claims = await both(tokens.validate(made), orchestrator.answers(result={"sub": "me"}))
        await both(tokens.close(), orchestrator.answers())
        await tokens.close()
    assert claims.sub == "me"
    assert orchestrator.operations == [
        ("generate", {"claims": {"sub": "me"}}),
        ("validate", {"token": "t"}),
        ("close", {}),
    ]


async def test_a_token_that_does_not_count_is_refused_without_the_orchestrators_text() -> None:
    async with Link() as link:
        orchestrator = Orchestrator(link)
        tokens = JwtProxy(link)
        with pytest.raises(ExceptionGroup) as refused:
            await both(
                tokens.validate("t"), orchestrator.opens(), orchestrator.answers(error="expired")
            )
    [error] = refused.value.exceptions
    assert isinstance(error, JwtError)
    assert str(error) == "Unauthorized: InvalidToken"


async def test_an_orchestrator_without_tokens_says_so() -> None:
    async with Link() as link:
        orchestrator = Orchestrator(link)
        with pytest.raises(ExceptionGroup) as refused:
            await both(JwtProxy(link).connect(), orchestrator.opens(error="no secret is set."))
    [error] = refused.value.exceptions
    assert isinstance(error, NetworkError)
    assert str(error) == "network error: the orchestrator offers no tokens: no secret is set."


async def test_it_ends_with_the_link() -> None:
    async with Link() as link:
        orchestrator = Orchestrator(link)
        tokens = JwtProxy(link)
        await both(tokens.connect(), orchestrator.opens())
        link.close("the orchestrator left")
        await tokens.close()
