"""Take one webhook from the socket to its handler and back.

A framework between the server and this would cost more than everything done here; where our own
server serves, even ASGI does.
Checks come in a fixed order: signature, timestamp, replay, version, handler, JSON, its type,
scopes, then the handler. Where a runtime token decides, the JSON that holds it is read first (spec
§1.8).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from kiket_core import trace
from kiket_sdk._asgi_request import AsgiRequest, asgi_request
from kiket_sdk._context import decoded
from kiket_sdk._replies import Refused, answer_of, failure
from kiket_sdk._running import in_thread, is_stopping, within
from kiket_sdk._scopes import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from kiket_core.guard import DirectRequest
    from kiket_sdk._authentication import Authenticator
    from kiket_sdk._claims import AuthContext
    from kiket_sdk._context import HandlerContext, Surroundings
    from kiket_sdk._replay import ReplayGuard
    from kiket_sdk._replies import Answer
    from kiket_sdk.routing import HandlerMetadata, HandlerRegistry, Kind
    from kiket_sdk.telemetry import TelemetryReporter

_VERSION_REQUIRED = (
    "Event version required. Provide X-Kiket-Event-Version header, version query param, "
    "or /v/{version} path."
)
_UNREAD: Final = object()


class WebhookDispatcher:
    """Judge, route and answer webhooks; an ASGI application for one extension."""

    def __init__(
        self,
        registry: HandlerRegistry,
        telemetry: TelemetryReporter,
        authenticator: Authenticator,
        surroundings: Surroundings,
        *,
        read_json: Callable[[bytes], Any],
        replays: ReplayGuard | None,
        body_limit_bytes: int,
        handler_limit_s: float | None,
    ) -> None:
        self._registry = registry
        self._telemetry = telemetry
        self._authenticator = authenticator
        self._surroundings = surroundings
        self._read_json = read_json
        self._replays = replays
        self._body_limit_bytes = body_limit_bytes
        self._handler_limit_s = handler_limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a webhook whose path parameters are `event` and maybe `version`."""
        named = scope["path_params"]
        kind = named["event"], named.get("version", "")
        await self.serve(kind, asgi_request(scope, receive, send))

    async def serve(self, kind: Kind, request: DirectRequest | AsgiRequest) -> None:
        """Answer one webhook; telemetry is posted behind the answer.

        `kind` is what the path says; the version is empty where it says none.
        """
        raw_headers, headers = request.headers, request.named
        traceparent = headers.get(b"traceparent")
        token = trace.enter(None if traceparent is None else str(traceparent, "latin-1"))
        try:
            if isinstance(request, AsgiRequest):
                message = await request.receive()
                raw_body = message.get("body")
                if not raw_body or message.get("more_body"):
                    raw_body = await request.rest(message, self._body_limit_bytes)
            else:
                raw_body = request.body
            if len(raw_body) > self._body_limit_bytes:
                raise Refused(413, f"Request body exceeds {self._body_limit_bytes} bytes")
            authenticator, replays = self._authenticator, self._replays
            is_signed = authenticator.by_signature(kind[0], raw_body, headers, raw_headers)
            document: Any = _UNREAD
            auth: AuthContext | None = None
            if authenticator.reads_tokens:
                document = self._read_json(raw_body)
                auth = await authenticator.by_token(kind[0], document, raw_body)
            delivery = None
            if replays is not None:
                delivery = await replays.admit(decoded(raw_headers), is_signed, auth)
            handler = self._registry.handlers.get(kind)
            if handler is None:
                kind = _whole(kind, headers, request.query)
                handler = self._handler(kind)
            if document is _UNREAD:
                document = self._read_json(raw_body)
            payload = document
            if handler.payload_type is not None:
                payload = handler.payload_type.read(raw_body, document)
            context = self._surroundings.context(kind, raw_headers, document, auth)
            if handler.required_scopes:
                _check_scopes(handler.required_scopes, authenticator.granted(context.auth))
            if replays is not None and delivery is not None:
                earlier = await replays.begin(delivery, *kind)
                if earlier is not None:
                    await _send(earlier, request)
                    return
            answer: Response | Answer
            told: dict[str, Any] = {}
            started_s = time.perf_counter()
            try:
                if handler.is_async and self._handler_limit_s is None:
                    result = await handler.handler(payload, context)
                else:
                    result = await self._run(handler, payload, context)
                answer = answer_of(result, context)
            except Exception as exc:
                answer, told = failure(exc, context)
            except asyncio.CancelledError as exc:
                if is_stopping():
                    if replays is not None and delivery is not None:
                        await replays.end(delivery, None)
                    raise
                answer, told = failure(exc, context)
            duration_ms = (time.perf_counter() - started_s) * 1000
            if context._brought.own_client is not None:
                await context._brought.own_client.aclose()
            if replays is not None and delivery is not None:
                await replays.end(delivery, None if told else answer)
            telemetry = self._telemetry
            record = None
            if telemetry.is_watched:
                event, version = kind
                status = "error" if told else "ok"
                record = telemetry.build(event, version, status, duration_ms, told)
                unfinished = telemetry.notify(record)
                if unfinished is not None:
                    await unfinished
            if isinstance(answer, tuple):
                sending = request.answer(*answer)
                if sending is not None:
                    await sending
            else:
                await request.pass_to(answer)
            if record is not None and telemetry.telemetry_endpoint:
                await telemetry.post(record)
        except Refused as refused:
            await _send(refused.answer(), request)
        finally:
            trace.leave(token)

    def _handler(self, kind: Kind) -> HandlerMetadata:
        """Return the handler of a webhook; raises Refused (404)."""
        handler = self._registry.handlers.get(kind)
        if handler is None:
            event, version = kind
            raise Refused(
                404, f"No handler registered for event '{event}' with version '{version}'"
            )
        return handler

    async def _run(self, handler: HandlerMetadata, payload: Any, context: HandlerContext) -> Any:
        """Return what a handler returns that is limited in time or needs a thread."""
        limit_s = self._handler_limit_s
        if handler.is_async:
            running = handler.handler(payload, context)
        else:
            running = in_thread(handler.handler, payload, context, is_limited=limit_s is not None)
        return await (running if limit_s is None else within(limit_s, running))


def _check_scopes(required: list[str], granted: list[str]) -> None:
    """Make sure that a webhook's sender granted what its handler needs; raises Refused (403)."""
    if lacking := missing(required, granted):
        detail = {
            "error": "Insufficient scopes",
            "required_scopes": required,
            "missing_scopes": lacking,
        }
        raise Refused(403, detail)


def _whole(kind: Kind, headers: dict[bytes, bytes], raw_query: bytes) -> Kind:
    """Return what a webhook is; the version is of path, header or query, the first not blank.

    Raises Refused (400) where there is none.
    """
    event, path_version = kind
    if version := path_version.strip():
        return event, version
    if version := headers.get(b"x-kiket-event-version", b"").decode("latin-1").strip():
        return event, version
    query: dict[str, str] = dict(parse_qsl(raw_query.decode("latin-1")))
    if version := query.get("version", "").strip():
        return event, version
    raise Refused(400, _VERSION_REQUIRED)


async def _send(answer: Answer, request: DirectRequest | AsgiRequest) -> None:
    sending = request.answer(*answer)
    if sending is not None:
        await sending
