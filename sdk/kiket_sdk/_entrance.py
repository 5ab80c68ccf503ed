"""Where an extension's requests come in: webhooks go past FastAPI, which is loaded for the rest.

Loading FastAPI takes longer than all else of an extension together.
"""

from __future__ import annotations

import traceback
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kiket_sdk._asgi_request import asgi_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from kiket_core.guard import Taker
    from kiket_sdk._dispatch import WebhookDispatcher
    from kiket_sdk.routing import Kind

HEALTH = "/health"
_SEGMENTS = 5  # around the slashes of /v/{version}/webhooks/{event}


@lru_cache(maxsize=64)  # an extension has few handlers, and senders repeat themselves
def webhook_of(path: str) -> Kind | None:
    """Return the webhook that a path names, maybe with an empty version; None for another path."""
    match path.split("/", _SEGMENTS):
        case ["", "v", version, "webhooks", event] if version and event:
            return event, version
        case ["", "webhooks", event] if event:
            return event, ""
    return None


@lru_cache(maxsize=64)
def webhook_at(target: bytes) -> Kind | None:
    """Return the webhook that a request's target names, as `webhook_of` does for its path."""
    try:
        return webhook_of(unquote(target.partition(b"?")[0].decode("ascii")))
    except UnicodeDecodeError:
        return None


class Entrance:
    """Serve webhooks, health checks, start and end of an extension; `whole_app` all the rest.

    `loaded_app` is what `whole_app` has returned, None before; once it is there it gets
    everything, for it may have been given routes and middleware.
    """

    def __init__(
        self,
        dispatcher: WebhookDispatcher,
        *,
        health: Callable[[Request | None], Awaitable[Response]],
        lifespan: Callable[[], AbstractAsyncContextManager[None]],
        loaded_app: Callable[[], Starlette | None],
        whole_app: Callable[[], ASGIApp],
    ) -> None:
        self._dispatcher = dispatcher
        self._health = health
        self._lifespan = lifespan
        self._loaded_app = loaded_app
        self._whole_app = whole_app

    def taker_of(self, target: bytes) -> Taker | None:
        """Return who takes a POST without ASGI: webhooks need none, unless middleware does."""
        app = self._loaded_app()
        webhook = webhook_at(target) if app is None or not app.user_middleware else None
        return None if webhook is None else partial(self._dispatcher.serve, webhook)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        app: ASGIApp | None = self._loaded_app()
        if app is None:
            if scope["type"] == "lifespan":
                await self._live(receive, send)
                return
            if scope["type"] == "http" and not scope.get("root_path"):
                webhook = webhook_of(scope["path"]) if scope["method"] == "POST" else None
                if webhook is not None:
                    await self._dispatcher.serve(webhook, asgi_request(scope, receive, send))
                    return
                if scope["method"] == "GET" and scope["path"] == HEALTH:
                    await (await self._health(None))(scope, receive, send)
                    return
            app = self._whole_app()
        await app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start, and end when the server does."""
        step = "startup"
        try:
            await receive()
            async with self._lifespan():
                await send({"type": "lifespan.startup.complete"})
                step = "shutdown"
                await receive()
        except BaseException:
            await send({"type": f"lifespan.{step}.failed", "message": traceback.format_exc()})
            raise
        await send({"type": "lifespan.shutdown.complete"})
