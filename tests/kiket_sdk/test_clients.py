"""Connections to the platform: shared while serving, and each delivery's own otherwise."""

from __future__ import annotations

import asyncio
from threading import get_ident
from typing import TYPE_CHECKING

from kiket_sdk._clients import PlatformClients
from kiket_sdk.config import ExtensionConfig

if TYPE_CHECKING:
    from tests.kiket_sdk.conftest import Platform

    from kiket_sdk.endpoints import ExtensionEndpoints

OTHER = "https://staging.example"


def config(platform: Platform) -> ExtensionConfig:
    return ExtensionConfig(base_url=platform.url, workspace_token="wk_1", extension_api_key="ek_1")


def opened(
    clients: PlatformClients, version: str, base_url: str, runtime_token: str | None
) -> tuple[ExtensionEndpoints, bool]:
    """Return the calls of a webhook whose handler asks for them, and whether they are its own."""
    shares = clients.is_sharing(get_ident())
    return clients.calls(version, base_url, runtime_token, share=shares), not shares


async def test_while_serving_everything_goes_over_the_same_connections(platform: Platform) -> None:
    clients = PlatformClients(config(platform))
    async with clients.shared():
        plain, is_own = opened(clients, "v1", platform.url, None)
        other, _ = opened(clients, "v2", platform.url, None)
        with_token, _ = opened(clients, "v1", platform.url, "rt_1")
        assert not is_own
        assert len({id(each.client._client) for each in (plain, other, with_token)}) == 1
        await asyncio.gather(plain.client.get("/a"), with_token.client.get("/b"))
        http = plain.client._client
    assert http.is_closed
    sent = {call.path: call.headers for call in platform.calls}
    assert "x-kiket-runtime-token" not in sent["/a"]
    assert sent["/a"]["x-kiket-api-key"] == "ek_1"
    assert sent["/b"]["x-kiket-runtime-token"] == "rt_1"


async def test_another_platform_is_given_no_credential_of_the_workspace(
    platform: Platform,
) -> None:
    clients = PlatformClients(config(platform))
    async with clients.shared():
        for token in (None, "rt_1"):
            client = opened(clients, "v1", OTHER, token)[0].client
            assert (client.base_url, client.runtime_token) == (OTHER, token)
            assert (client.workspace_token, client.extension_api_key) == (None, None)


async def test_without_a_server_that_runs_each_delivery_has_its_own(platform: Platform) -> None:
    clients = PlatformClients(config(platform))
    one, is_own = opened(clients, "v1", platform.url, "rt_1")
    two, _ = opened(clients, "v1", platform.url, None)
    assert is_own
    assert one.client._client is not two.client._client
    assert (one.client.runtime_token, two.client.runtime_token) == ("rt_1", None)
    for each in (one, two):
        await each.client.aclose()


async def test_another_event_loop_does_not_borrow_the_servers_connections(
    platform: Platform,
) -> None:
    clients = PlatformClients(config(platform))

    async def elsewhere() -> bool:
        return opened(clients, "v1", platform.url, None)[1]

    async with clients.shared():
        assert await asyncio.to_thread(asyncio.run, elsewhere())


def test_a_server_that_stands_still_lends_nothing_to_the_next_loop_of_its_thread() -> None:
    clients = PlatformClients(ExtensionConfig(base_url="http://127.0.0.1:1"))

    async def is_sharing() -> bool:
        return clients.is_sharing(get_ident())

    with asyncio.Runner() as server, asyncio.Runner() as other:
        shared = clients.shared()
        server.run(shared.__aenter__())
        assert server.run(is_sharing())
        assert not other.run(is_sharing())
        server.run(shared.__aexit__(None, None, None))


async def test_what_a_handler_changes_of_its_client_is_its_own(platform: Platform) -> None:
    """A handler for several workspaces may set the token of the one that it works for."""
    clients = PlatformClients(config(platform))
    async with clients.shared():
        one, _ = opened(clients, "v1", platform.url, None)
        one.client.workspace_token, one.client.runtime_token = "wk_of_a_tenant", "rt_of_a_tenant"
        two, _ = opened(clients, "v1", platform.url, None)
        assert (two.client.workspace_token, two.client.runtime_token) == ("wk_1", None)
        assert two.client._client is one.client._client


async def test_a_handler_that_closes_its_client_leaves_the_others_theirs(
    platform: Platform,
) -> None:
    """The first releases gave each webhook a client of its own, and `async with` was a habit."""
    clients = PlatformClients(ExtensionConfig(base_url=platform.url, workspace_token="wk"))
    async with clients.shared():
        mine, _ = opened(clients, "v1", platform.url, None)
        theirs, _ = opened(clients, "v2", platform.url, None)
        await theirs.client.get("/before")
        async with mine.client as client:
            await client.get("/mine")
        assert not theirs.client._client.is_closed
        await theirs.client.get("/after")
    assert [call.path for call in platform.calls] == ["/before", "/mine", "/after"]
