"""Take one webhook from the socket to its handler and back.

Plain ASGI: a framework between the server and this would cost more than everything done here.
Checks come in a fixed order: signature, timestamp, version, handler, JSON, then the handler.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import anyio.to_thread
import msgspec
from starlette.responses import Response

from kiket_core.secret import redactor
from kiket_sdk import _trace
from kiket_sdk._context import HandlerContext
from kiket_sdk._signing import Reason, verify, verify_sent
from kiket_sdk.auth import refusal
from kiket_sdk.client import KiketClient
from kiket_sdk.endpoints import ExtensionEndpoints
from kiket_sdk.routing import SELF_TEST_EVENT

if TYPE_CHECKING:
    from types import TracebackType

    from starlette.types import Message, Receive, Scope, Send

    from kiket_sdk.config import ExtensionConfig
    from kiket_sdk.routing import Handler, HandlerRegistry
    from kiket_sdk.telemetry import TelemetryReporter

_VERSION_REQUIRED = (
    "Event version required. Provide X-Kiket-Event-Version header, version query param, "
    "or /v/{version} path."
)
Messages = tuple["Message", "Message"]

_NOT_SIGNED = (Reason.UNSIGNED, Reason.NO_SECRET)

_OURS = frozenset({"kiket_sdk", "anyio"})
"""Whose frames lead to a handler."""

_logger = logging.getLogger("kiket_sdk.webhook")

_decode_fast = msgspec.json.Decoder().decode


class _Refused(Exception):  # noqa: N818 (an answer on its way out, not a failure)
    """A request that goes no further: the status and the detail of its answer."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


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
                raise _Refused(
                    404, f"No handler registered for event '{event}' with version '{version}'"
                )
            payload = _parsed(raw_body)
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
            failure: dict[str, Any] = {}
            started_s = time.perf_counter()
            try:
                if handler.is_async:
                    result = await handler.handler(payload, context)
                else:
                    result = await _in_thread(handler.handler, payload, context)
                answer = _answer_of(result, event, version)
            except Exception as exc:
                answer, failure = _failure(exc, event, version)
            duration_ms = (time.perf_counter() - started_s) * 1000
            if endpoints.client is not self._shared_client:
                await endpoints.client.aclose()
            telemetry = self._telemetry
            record = None
            if telemetry.is_watched:
                status = "error" if failure else "ok"
                record = telemetry.build(event, version, status, duration_ms, failure)
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
        except _Refused as refused:
            for message in _messages(refused.status, _encode({"detail": refused.detail})):
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
            raise _Refused(400, "Request body was cut off")
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
            raise _Refused(413, f"Request body exceeds {limit_bytes} bytes")
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
        raise _Refused(401, refusal(verdict))

    def _endpoints(self, version: str) -> ExtensionEndpoints:
        """Return the platform's calls for handlers of a version; shared ones while serving."""
        client = self._shared_client
        if client is None or self._shared_loop is not asyncio.get_running_loop():
            config = self._config
            client = KiketClient(config.base_url, config.workspace_token)
            return ExtensionEndpoints(client, config.extension_id, event_version=version)
        endpoints = self._shared_endpoints.get(version)
        if endpoints is None:
            endpoints = ExtensionEndpoints(client, self._config.extension_id, event_version=version)
            self._shared_endpoints[version] = endpoints
        return endpoints


def _version(headers: dict[str, str], scope: Scope) -> str:
    """Take the version from header or query, whichever is first not blank."""
    if version := headers.get("x-kiket-event-version", "").strip():
        return version
    query: dict[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
    if version := query.get("version", "").strip():
        return version
    raise _Refused(400, _VERSION_REQUIRED)


def _parsed(raw_body: bytes) -> Any:
    try:
        return _decode_fast(raw_body)
    except (msgspec.MsgspecError, RecursionError):
        pass
    # the standard reader also takes lone surrogates, NaN and UTF-16
    try:
        return json.loads(raw_body)
    except (ValueError, RecursionError):
        raise _Refused(400, "Request body is not valid JSON") from None


def _plain(value: Any) -> Any:
    """Turn an object that knows its own JSON form into it."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


async def _in_thread(handler: Handler, payload: Any, context: HandlerContext) -> Any:
    result = await anyio.to_thread.run_sync(handler, payload, context)
    return await result if inspect.isawaitable(result) else result


def _failure(exc: Exception, event: str, version: str) -> tuple[Messages, dict[str, Any]]:
    """Log what a handler raised; return the answer, and what telemetry is told."""
    raised = (type(exc), exc, _from_handler(exc.__traceback__))
    _logger.error("The handler of %s@%s failed.", event, version, exc_info=raised)
    text = redactor.redact(_text_of(exc))
    failure = {"message": text, "error_message": text, "error_class": type(exc).__name__}
    return _messages(400, _encode({"error": text})), failure


def _from_handler(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that led to the handler: they say nothing about its failure."""
    found = traceback
    while found and found.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        found = found.tb_next
    return found or traceback


def _text_of(exc: Exception) -> str:
    """Return what an exception says, as far as it can say it in UTF-8."""
    try:
        text = str(exc)
    except Exception as broken:
        text = f"{type(exc).__name__} (its text failed with {type(broken).__name__})"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _answer_of(result: Any, event: str, version: str) -> Response | Messages:
    """Return what a handler's result is on the wire."""
    if not result:
        return _messages(200, b'{"ok":true}')
    if isinstance(result, Response):
        return result
    try:
        if hasattr(result, "to_dict"):
            result = result.to_dict()
        return _messages(200, _encode(result))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        pass
    # the standard writer also takes lone surrogates and keys such as True
    try:
        return _messages(200, json.dumps(result, default=_plain).encode())
    except (TypeError, ValueError, RecursionError) as exc:
        _logger.error(
            "The handler of %s@%s returned what JSON cannot carry: %s.", event, version, exc
        )
        return _messages(500, _encode({"error": "The handler returned what JSON cannot carry"}))


def _messages(status: int, raw_json: bytes) -> Messages:
    """Return the two ASGI messages of a whole answer."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(raw_json)),
    ]
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": raw_json},
    )
