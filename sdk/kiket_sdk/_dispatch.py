"""Take one webhook from the socket to its handler and back.

Plain ASGI: a framework between the server and this would cost more than everything done here.
Checks come in a fixed order: signature, timestamp, version, handler, JSON, then the handler.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.responses import Response

from kiket_sdk import _json, _trace
from kiket_sdk._context import HandlerContext
from kiket_sdk._replies import Messages, Refused, answer_of, failure
from kiket_sdk._signing import Reason, verify, verify_sent
from kiket_sdk.auth import refusal
from kiket_sdk.client import KiketClient
from kiket_sdk.endpoints import ExtensionEndpoints
from kiket_sdk.routing import SELF_TEST_EVENT

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from kiket_sdk.config import ExtensionConfig
    from kiket_sdk.routing import Handler, HandlerRegistry
    from kiket_sdk.telemetry import TelemetryReporter

_VERSION_REQUIRED = (
    "Event version required. Provide X-Kiket-Event-Version header, version query param, "
    "or /v/{version} path."
)
_NOT_SIGNED = (Reason.UNSIGNED, Reason.NO_SECRET)

_logger = logging.getLogger("kiket_sdk.webhook")


class WebhookDispatcher:
    """Judge, route and answer webhooks; an ASGI application for one extension.

    `shared_client` is set while the server runs, with the event loop it belongs to; without it
    (an application mounted in another one, or tested without its lifespan) every request that
    calls the platform opens its own connections.
    """

    def __init__(
        self,
        config: ExtensionConfig,
        registry: HandlerRegistry,
        telemetry: TelemetryReporter,
        *,
        accept: tuple[str, ...],
        allow_unsigned: bool,
        body_limit_bytes: int,
    ) -> None:
        self._config = config
        self._registry = registry
        self._telemetry = telemetry
        self._accept = accept
        self._allow_unsigned = allow_unsigned
        self._body_limit_bytes = body_limit_bytes
        self._shared_client: KiketClient | None = None
        self._shared_loop: asyncio.AbstractEventLoop | None = None
        self._shared_endpoints: dict[str, ExtensionEndpoints] = {}  # by registered version

    def share_client(self, client: KiketClient | None) -> None:
        """Use one client for every request on the running event loop; None ends it."""
        self._shared_client = client
        self._shared_endpoints = {}
        self._shared_loop = asyncio.get_running_loop() if client else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a webhook whose path parameters are `event` and maybe `version`."""
        parameters = scope["path_params"]
        await self.dispatch(parameters["event"], parameters.get("version"), scope, receive, send)

    async def dispatch(
        self, event: str, path_version: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one webhook; telemetry is posted behind the answer."""
        raw_headers = scope["headers"]
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in reversed(raw_headers)  # the first of repeated ones counts
        }
        token = _trace.enter(headers.get("traceparent"))
        try:
            message = await receive()
            raw_body = message.get("body", b"")
            if message.get("more_body") or message["type"] == "http.disconnect":
                raw_body = await self._rest_of_body(message, receive)
            self._admit(event, raw_body, headers, raw_headers)
            version = path_version.strip() if path_version else ""
            if not version:
                version = _version(headers, scope)
            handler = self._registry.get(event, version)
            if handler is None:
                raise Refused(
                    404, f"No handler registered for event '{event}' with version '{version}'"
                )
            payload = _json.read(raw_body)
            if handler.payload_type is not None:
                payload = handler.payload_type.read(raw_body, payload)
            endpoints = self._endpoints(version)
            config = self._config
            context = HandlerContext(
                event,
                version,
                headers,
                endpoints.client,
                endpoints,
                config.settings.raw,
                config.extension_id,
                config.extension_version,
                endpoints.secrets,
            )
            answer: Response | Messages
            told: dict[str, Any] = {}
            started_s = time.perf_counter()
            try:
                if handler.is_async:
                    result = await handler.handler(payload, context)
                else:
                    result = await _in_thread(handler.handler, payload, context)
                answer = answer_of(result, event, version)
            except Exception as exc:
                answer, told = failure(exc, event, version)
            duration_ms = (time.perf_counter() - started_s) * 1000
            if endpoints.client is not self._shared_client:
                await endpoints.client.aclose()
            telemetry = self._telemetry
            record = None
            if telemetry.is_watched:
                status = "error" if told else "ok"
                record = telemetry.build(event, version, status, duration_ms, told)
                unfinished = telemetry.notify(record)
                if unfinished is not None:
                    await unfinished
            if isinstance(answer, Response):
                await answer(scope, receive, send)
            else:
                start, body = answer
                await send(start)
                await send(body)
            if record is not None and telemetry.telemetry_endpoint:
                await telemetry.post(record)
        except Refused as refused:
            for message in refused.messages():
                await send(message)
        finally:
            _trace.leave(token)

    async def _rest_of_body(self, message: Message, receive: Receive) -> bytes:
        """Read a body that came in several messages, at most one message past the limit."""
        chunks = [message.get("body", b"")]
        size = len(chunks[0])
        while message.get("more_body") and size <= self._body_limit_bytes:
            message = await receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
        if message["type"] == "http.disconnect":
            raise Refused(400, "Request body was cut off")
        return b"".join(chunks)

    def _admit(
        self,
        event: str,
        raw_body: bytes,
        headers: dict[str, str],
        raw_headers: list[tuple[bytes, bytes]],
    ) -> None:
        limit_bytes = self._body_limit_bytes
        if len(raw_body) > limit_bytes:
            raise Refused(413, f"Request body exceeds {limit_bytes} bytes")
        config = self._config
        secrets = (config.webhook_secret or "", *config.previous_webhook_secrets)
        if len(headers) == len(raw_headers):
            verdict = verify_sent(secrets, raw_body, headers, accept=self._accept)
        else:
            pairs = [
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in raw_headers
            ]
            verdict = verify(secrets, raw_body, pairs, accept=self._accept)
        if verdict.ok or (self._allow_unsigned and verdict.reason in _NOT_SIGNED):
            return
        if event != SELF_TEST_EVENT:  # who asks for it says what came of it, again and again
            _logger.warning("Webhook refused: %s", verdict.sentence)
        raise Refused(401, refusal(verdict))

    def _endpoints(self, version: str) -> ExtensionEndpoints:
        """Return the platform's calls for handlers of a version; shared ones while serving."""
        client = self._shared_client
        if client is None or self._shared_loop is not asyncio.get_running_loop():
            return self._new_endpoints(KiketClient.of(self._config), version)
        endpoints = self._shared_endpoints.get(version)
        if endpoints is None:
            endpoints = self._new_endpoints(client, version)
            self._shared_endpoints[version] = endpoints
        return endpoints

    def _new_endpoints(self, client: KiketClient, version: str) -> ExtensionEndpoints:
        config = self._config
        return ExtensionEndpoints(
            client, config.extension_id, event_version=version, providers=config.secret_providers
        )


def _version(headers: dict[str, str], scope: Scope) -> str:
    """Take the version from header or query, whichever is first not blank."""
    if version := headers.get("x-kiket-event-version", "").strip():
        return version
    query: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if version := query.get("version", "").strip():
        return version
    raise Refused(400, _VERSION_REQUIRED)


async def _in_thread(handler: Handler, payload: Any, context: HandlerContext) -> Any:
    result = await anyio.to_thread.run_sync(handler, payload, context)
    return await result if inspect.isawaitable(result) else result
