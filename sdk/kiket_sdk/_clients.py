"""The platform as handlers see it: one set of connections, a runtime token for each delivery."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from threading import get_ident
from typing import TYPE_CHECKING

from kiket_sdk.client import KiketClient
from kiket_sdk.endpoints import ExtensionEndpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kiket_sdk.config import ExtensionConfig


class PlatformClients:
    """Hand out the platform's calls, over connections that are shared while a server runs.

    Without a server that runs (an application mounted in another one, or tested without its
    lifespan), and on another event loop than its own, each webhook opens its own connections.
    """

    def __init__(self, config: ExtensionConfig) -> None:
        self._config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0  # that it runs in
        self._clients: dict[str, KiketClient] = {}  # by base URL; each is configured

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Share connections among the webhooks of the running event loop."""
        self._loop, self._thread = asyncio.get_running_loop(), get_ident()
        try:
            yield
        finally:
            clients = list(self._clients.values())
            self._loop = None
            self._clients = {}
            for client in clients:
                await client.aclose()

    def is_sharing(self, thread: int) -> bool:
        """Tell whether webhooks that come in in a thread, by its identifier, share connections."""
        # a thread runs one loop at a time; to ask for the running one costs a system call
        return self._loop is not None and self._thread == thread and self._loop.is_running()

    def calls(
        self, version: str, base_url: str, runtime_token: str | None, *, share: bool
    ) -> ExtensionEndpoints:
        """Return the calls of one webhook, in any thread; unshared connections are to be closed.

        What its handler sets or closes is not the others'. `base_url` is a configured one; the
        workspace's credentials go to the extension's platform alone.
        """
        if share:
            shared = self._clients.get(base_url)
            if shared is None:
                shared = self._clients.setdefault(base_url, self._client(base_url))
            client = shared.for_delivery(runtime_token)
        else:
            client = self._client(base_url)
            client.runtime_token = runtime_token
        config = self._config
        return ExtensionEndpoints(
            client, config.extension_id, event_version=version, providers=config.secret_providers
        )

    def _client(self, base_url: str) -> KiketClient:
        config = self._config
        if base_url == config.base_url:
            return KiketClient.of(config)
        return KiketClient(base_url, None, retries=config.retries)
