"""Tokens of a running module: what its secret is, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pywatt_sdk import AnnouncedEndpoint, ConfigError, JwtConfig, create_jwt_token, pywatt_module
from pywatt_sdk._assembly import assemble
from pywatt_sdk._handshake import read_given
from pywatt_sdk.testing import TestOrchestrator

OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32


def module(**settings: Any) -> Any:
    async def private(request: Any) -> PlainTextResponse:
        return PlainTextResponse(request.state.jwt_claims["sub"])

    @pywatt_module(
        endpoints=[AnnouncedEndpoint(path="/private", methods=["GET"], auth="jwt")], **settings
    )
    def create_app(app_state: Any) -> Starlette:
        return Starlette(routes=[Route("/private", private)])

    return create_app


async def statuses(running: Any, *secrets: str) -> list[int]:
    """Return how tokens that are signed with these secrets fare."""
    found = []
    for secret in secrets:
        token = create_jwt_token({"sub": "me"}, JwtConfig(secret))
        headers = {"authorization": f"Bearer {token}"}
        found.append((await running.http.get("/private", headers=headers)).status_code)
    return found


async def test_tokens_follow_a_secret_that_is_rotated() -> None:
    async with TestOrchestrator({"KEY": OLD}) as orchestrator:
        running = await orchestrator.start(module(secrets=["KEY"], jwt_secret="KEY"))
        assert await statuses(running, OLD, NEW) == [200, 401]
        await orchestrator.rotate({"KEY": NEW})
        assert await statuses(running, OLD, NEW) == [401, 200]


async def test_a_configuration_may_say_more_than_the_secret() -> None:
    config = JwtConfig(OLD, audience="this module")
    async with TestOrchestrator() as orchestrator:
        running = await orchestrator.start(module(jwt_secret=config))
        assert await statuses(running, OLD) == [401], "the token is for nobody"


@pytest.mark.parametrize("declared", [True, False])
async def test_without_jwt_secret_it_is_the_one_of_that_name(
    declared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_SECRET", OTHER)
    secrets = {"secrets": ["JWT_SECRET"]} if declared else {}
    async with TestOrchestrator({"JWT_SECRET": OLD}) as orchestrator:
        running = await orchestrator.start(module(**secrets))
        wanted = [200, 401] if declared else [401, 200]
        assert await statuses(running, OLD, OTHER) == wanted
        if declared:
            await orchestrator.rotate({"JWT_SECRET": NEW})
            assert await statuses(running, OLD, NEW) == [401, 200]


async def test_a_name_is_no_secret() -> None:
    """Whoever reads the code could sign tokens with it."""
    async with TestOrchestrator() as orchestrator:
        with pytest.raises(ConfigError, match=r"give it secrets=\['JWT_KEY'\] too"):
            await orchestrator.start(module(jwt_secret="JWT_KEY"))


async def test_offline_without_the_secret_nobody_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_KEY", raising=False)
    made = module(secrets=["JWT_KEY"], jwt_secret="JWT_KEY")
    init = {"orchestrator_api": "", "module_id": "m", "env": {}, "listen": "127.0.0.1:0"}
    found = await assemble(made.__plan__, read_given(init), None)
    assert found.state.jwt_config is None
