"""What a module's code is given: with an orchestrator, and without one."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.pywatt_sdk.far_end import FarEnd

from pywatt_sdk import _protocol as p
from pywatt_sdk._link import Link
from pywatt_sdk.communication.channel_types import ChannelPreferences, ChannelType
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.core.state import AppState
from pywatt_sdk.internal.messaging import InternalMessagingError
from pywatt_sdk.security.jwt_auth import JwtConfig, create_jwt_token

TCP, IPC = ChannelType.TCP, ChannelType.IPC


def state(**options: Any) -> AppState[Any]:
    return AppState("me", "http://orchestrator", **options)


async def test_services_of_others_are_found_by_type() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        finding = group.create_task(state(link=link).discover_services("database"))
        asked = await far.hears(p.DiscoverServiceProviders)
        provider = p.ServiceProvider(
            provider_id="1",
            module_id="store",
            service_type=asked.service_type,
            name="main",
            address="127.0.0.1:5432",
            metadata={},
            is_healthy=True,
        )
        far.say(p.DiscoverServiceProvidersResponse(success=True, providers=(provider,)))
    assert asked.service_type == p.ServiceType.DATABASE
    assert [service.address for service in finding.result()] == ["127.0.0.1:5432"]


async def test_a_service_of_its_own_is_registered_at_its_own_address_unless_told() -> None:
    async with Link() as link, asyncio.TaskGroup() as group:
        far = FarEnd(link)
        mine = state(link=link)
        mine.address = "127.0.0.1:8080"
        registering = group.create_task(mine.register_service("search", "search"))
        asked = await far.hears(p.RegisterServiceProvider)
        far.say(p.RegisterServiceProviderResponse(success=True, provider_id="p1"))
    assert (asked.address, asked.service_type.name) == ("127.0.0.1:8080", "search")
    assert registering.result() == "p1"


async def test_without_an_orchestrator_what_needs_one_says_so() -> None:
    with pytest.raises(NetworkError, match="needs an orchestrator"):
        await state().discover_services("database")
    with pytest.raises(InternalMessagingError, match="no orchestrator"):
        await state().send_message("other", {"type": "x"})


async def test_a_module_without_secrets_confirms_rotations_once() -> None:
    async with Link(is_ours=True) as link:
        far = FarEnd(link)
        lonely = state(link=link)
        for rotation_id in ("r-1", "r-2"):
            far.say(p.Rotated(("API_KEY",), rotation_id))
            assert await far.hears(p.RotationAck) == p.RotationAck(rotation_id, "success")
    assert lonely.link is link


async def test_who_asks_a_module_without_handlers_is_answered_at_once() -> None:
    async with Link(is_ours=True) as link:
        far = FarEnd(link)
        lonely = state(link=link)
        payload = p.Payload(b'{"ping":1}')
        far.say(p.RoutedModuleMessage("other", p.new_uuid(), payload, "greet", True))
        reply = await far.hears(p.RouteToModule)
        assert b"error" in reply.payload.data
        lonely.on_message("ping")(lambda message: {"pong": message["ping"]})
        asked = p.Payload(b'{"type":"ping","ping":2}')
        far.say(p.RoutedModuleMessage("other", p.new_uuid(), asked, None, True))
        reply = await far.hears(p.RouteToModule)
    assert (reply.target_module_id, reply.payload.data) == ("other", b'{"pong":2}')


async def test_it_knows_which_channels_are_open() -> None:
    async with Link() as link:
        mine = state(link=link)
        assert mine.available_channels() == []
        FarEnd(link, "tcp")
        assert mine.available_channels() == [TCP]
        assert await mine.channel_health() == {TCP: True, IPC: False}
        assert mine.channel_capabilities(IPC) is None
        assert mine.channel_capabilities(TCP) is not None


@pytest.mark.parametrize(
    ("target", "preferences", "channel"),
    [
        ("other-module", None, IPC),
        ("127.0.0.1:80", None, IPC),
        ("192.0.2.1:80", None, TCP),
        ("other-module", ChannelPreferences.prefer_tcp(), TCP),
        ("192.0.2.1:80", ChannelPreferences.ipc_only(), IPC),
    ],
)
async def test_it_recommends_the_channel_that_suits_a_target(
    target: str, preferences: ChannelPreferences | None, channel: ChannelType
) -> None:
    async with Link() as link:
        FarEnd(link, "tcp")
        FarEnd(link, "uds")
        assert state(link=link).recommend_channel(target, preferences) is channel


async def test_everything_is_closed_whatever_fails() -> None:
    mine, closed = state(), []

    async def fail() -> None:
        raise LookupError("first")

    mine.on_close(lambda: closed.append("last"))
    mine.on_close(fail)
    with pytest.raises(ExceptionGroup):
        await mine.close()
    assert closed == ["last"]
    await mine.close()  # and nothing is closed twice


def test_a_token_cannot_be_checked_without_a_secret() -> None:
    with pytest.raises(ConfigError, match="give jwt_secret"):
        state().validate_jwt_token("a.b.c")


async def test_a_secret_of_its_own_is_remembered_and_kept_out_of_texts() -> None:
    mine = state()
    mine.set_secret("KEY", "sesame-4711")
    secret = await mine.get_secret("KEY")
    assert secret.expose_secret() == "sesame-4711"
    assert "sesame" not in str(secret)


def test_it_has_settings_and_metrics_of_its_own() -> None:
    mine = state()
    assert mine.config.ipc_timeout_ms == 30_000
    mine.metrics.counter("requests_total").inc()
    assert b"requests_total 1.0" in mine.metrics.exposition("")[1]
    assert "me" in repr(mine)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("db", "The database .* comes with a later release"),
        ("tcp_channel", "has_channel"),
        ("secret_manager", "get_secret asks the orchestrator"),
        ("colour", "no attribute 'colour'"),
    ],
)
def test_what_it_has_not_is_said_with_what_to_do_instead(name: str, words: str) -> None:
    mine = state()
    with pytest.raises(AttributeError, match=words):
        getattr(mine, name)
    assert not hasattr(mine, name)
    setattr(mine, name, "of my own")
    assert getattr(mine, name) == "of my own"


def test_tokens_are_checked_as_those_of_protected_endpoints() -> None:
    mine = state()
    assert mine.jwt_validator is None
    mine.jwt_config = JwtConfig("a secret of thirty-two bytes, or more")
    claims = {"sub": "ada", "exp": int(time.time()) + 60}
    token = create_jwt_token(claims, mine.jwt_config)
    assert mine.validate_jwt_token(token)["sub"] == "ada"
