"""The platform as handlers see it: one set of connections, a runtime token for each delivery."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from kiket_sdk.client import KiketClient
from kiket_sdk.endpoints import ExtensionEndpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kiket_sdk.config import ExtensionConfig


class PlatformClients:
    """Hand out the platform's calls, over connections that are shared while a server runs.

    Without a server that runs (an application mounted in another one, or tested without its
    lifespan), and on another event loop than its own, each webhook opens its own connections.
    """

    def __init__(self, config: ExtensionConfig) -> None:
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[str, KiketClient] = {}  # by base URL; each is configured

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Share connections among the webhooks of the running event loop."""
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            clients = list(self._clients.values())
            self._loop = None
            self._clients = {}
            for client in clients:
                await client.aclose()

    def opener(
        self, version: str, base_url: str, runtime_token: str | None
    ) -> tuple[Callable[[], ExtensionEndpoints], bool]:
        """Return what makes the calls of one webhook, and whether to close their connections.

        Most handlers ask for none. What is returned may be called in any thread. `base_url` is a
        configured one; the workspace's credentials go to the extension's platform alone.
        """
        if self._loop is None or self._loop is not asyncio.get_running_loop():
            client = self._client(base_url)
            client.runtime_token = runtime_token
            return partial(self._calls, client, version), True
        shared = self._clients.get(base_url)
        if shared is None:
            shared = self._clients[base_url] = self._client(base_url)
        return partial(self._view, shared, runtime_token, version), False

    def _view(
        self, shared: KiketClient, runtime_token: str | None, version: str
    ) -> ExtensionEndpoints:
        """Return calls of one webhook's own: what its handler sets or closes is not the others'."""
        return self._calls(shared.for_delivery(runtime_token), version)

    def _client(self, base_url: str) -> KiketClient:
        config = self._config
        if base_url == config.base_url:
            return KiketClient.of(config)
        return KiketClient(base_url, None, retries=config.retries)

    def _calls(self, client: KiketClient, version: str) -> ExtensionEndpoints:
        config = self._config
        return ExtensionEndpoints(
            client, config.extension_id, event_version=version, providers=config.secret_providers
        )
