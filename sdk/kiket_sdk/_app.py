"""The FastAPI application of an extension, with its webhook routes in front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from kiket_sdk._asgi_request import asgi_request
from kiket_sdk._entrance import webhook_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.types import Receive, Scope, Send

    from kiket_sdk._dispatch import WebhookDispatcher


class ExtensionApp(FastAPI):
    """Serve webhooks without FastAPI's middleware, everything else with it.

    The webhook routes are ordinary routes of the application too: they answer wrong methods and
    trailing slashes, and take the webhooks when the application has middleware of its own or is
    mounted in another one.
    """

    def __init__(
        self,
        dispatcher: WebhookDispatcher,
        *,
        lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
        debug: bool,
    ) -> None:
        super().__init__(
            title="Kiket Extension",
            lifespan=lifespan,
            docs_url="/docs" if debug else None,
            redoc_url="/redoc" if debug else None,
            openapi_url="/openapi.json" if debug else None,
        )
        self._dispatcher = dispatcher
        self.router.routes += [
            Route("/webhooks/{event}", dispatcher, methods=["POST"]),
            Route("/v/{version}/webhooks/{event}", dispatcher, methods=["POST"]),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if (
            scope["type"] == "http"
            and scope["method"] == "POST"
            and not self.user_middleware
            and not scope.get("root_path")
        ):
            webhook = webhook_of(scope["path"])
            if webhook is not None:
                await self._dispatcher.serve(webhook, asgi_request(scope, receive, send))
                return
        await super().__call__(scope, receive, send)
