"""Take one webhook from the socket to its handler and back.

Plain ASGI: a framework between the server and this would cost more than everything done here.
Checks come in a fixed order: signature, timestamp, replay, version, handler, JSON, its type,
scopes, then the handler. Where a runtime token decides, the JSON that holds it is read first (spec
§1.8).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from kiket_core import trace
from kiket_sdk._context import decoded
from kiket_sdk._replies import Messages, Refused, answer_of, failure
from kiket_sdk._running import in_thread, is_stopping, within
from kiket_sdk._scopes import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

    from kiket_sdk._authentication import Authenticator
    from kiket_sdk._claims import AuthContext
    from kiket_sdk._context import Surroundings
    from kiket_sdk._replay import ReplayGuard
    from kiket_sdk.routing import HandlerRegistry
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
        parameters = scope["path_params"]
        await self.dispatch(parameters["event"], parameters.get("version"), scope, receive, send)

    async def dispatch(
        self, event: str, path_version: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer one webhook; telemetry is posted behind the answer."""
        raw_headers = scope["headers"]
        headers: dict[bytes, bytes] = dict(reversed(raw_headers))  # the first of repeated counts
        traceparent = headers.get(b"traceparent")
        token = trace.enter(None if traceparent is None else str(traceparent, "latin-1"))
        try:
            message = await receive()
            raw_body = message.get("body", b"")
            if message.get("more_body") or message["type"] == "http.disconnect":
                raw_body = await self._rest_of_body(message, receive)
            if len(raw_body) > self._body_limit_bytes:
                raise Refused(413, f"Request body exceeds {self._body_limit_bytes} bytes")
            authenticator = self._authenticator
            verdict = authenticator.by_signature(event, raw_body, headers, raw_headers)
            document: Any = _UNREAD
            auth: AuthContext | None = None
            if authenticator.reads_tokens:
                document = self._read_json(raw_body)
                auth = await authenticator.by_token(event, document, raw_body)
            replays = self._replays
            delivery = None
            if replays is not None:
                delivery = await replays.admit(decoded(raw_headers), verdict, auth)
            version = path_version.strip() if path_version else ""
            if not version:
                version = _version(headers, scope)
            handler = self._registry.handlers.get((event, version))
            if handler is None:
                raise Refused(
                    404, f"No handler registered for event '{event}' with version '{version}'"
                )
            if document is _UNREAD:
                document = self._read_json(raw_body)
            payload = document
            if handler.payload_type is not None:
                payload = handler.payload_type.read(raw_body, document)
            context, brought = self._surroundings.context(
                event, version, raw_headers, document, auth
            )
            if handler.required_scopes:
                _check_scopes(handler.required_scopes, authenticator.granted(context.auth))
            if replays is not None and delivery is not None:
                earlier = await replays.begin(delivery, event, version)
                if earlier is not None:
                    await _send(earlier, send)
                    return
            answer: Response | Messages
            told: dict[str, Any] = {}
            limit_s = self._handler_limit_s
            started_s = time.perf_counter()
            try:
                if handler.is_async:
                    running = handler.handler(payload, context)
                else:
                    running = in_thread(
                        handler.handler, payload, context, is_limited=limit_s is not None
                    )
                result = await (running if limit_s is None else within(limit_s, running))
                answer = answer_of(result, event, version)
            except Exception as exc:
                answer, told = failure(exc, context)
            except asyncio.CancelledError as exc:
                if is_stopping():
                    if replays is not None and delivery is not None:
                        await replays.end(delivery, None)
                    raise
                answer, told = failure(exc, context)
            duration_ms = (time.perf_counter() - started_s) * 1000
            if brought.own_client is not None:
                await brought.own_client.aclose()
            if replays is not None and delivery is not None:
                await replays.end(delivery, None if told else answer)
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
            await _send(refused.messages(), send)
        finally:
            trace.leave(token)

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


def _check_scopes(required: list[str], granted: list[str]) -> None:
    """Make sure that a webhook's sender granted what its handler needs; raises Refused (403)."""
    if lacking := missing(required, granted):
        detail = {
            "error": "Insufficient scopes",
            "required_scopes": required,
            "missing_scopes": lacking,
        }
        raise Refused(403, detail)


def _version(headers: dict[bytes, bytes], scope: Scope) -> str:
    """Take the version from header or query, whichever is first not blank."""
    if version := headers.get(b"x-kiket-event-version", b"").decode("latin-1").strip():
        return version
    query: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if version := query.get("version", "").strip():
        return version
    raise Refused(400, _VERSION_REQUIRED)


async def _send(answer: Messages, send: Send) -> None:
    start, body = answer
    await send(start)
    await send(body)
