"""What a webhook is answered with: a handler's result, a failure or a refusal."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from kiket_core.secret import Redactor, RedactorFullError, redactor
from kiket_sdk.exceptions import HandlerTimeoutError, ScopeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from kiket_sdk._context import HandlerContext

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body; the body's length is among the headers."""

_OURS = frozenset({"kiket_sdk", "anyio"})
"""Whose frames lead to a handler."""

_logger = logging.getLogger("kiket_sdk.webhook")


class Refused(Exception):  # noqa: N818 (an answer on its way out, not a failure)
    """A request that goes no further: the status, the body and further headers of its answer.

    `detail` is what stands under the key of that name: a sentence, or an object. `errors` is a
    list beside it.
    """

    def __init__(
        self,
        status: int,
        detail: str | dict[str, Any],
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def answer(self) -> Answer:
        """Return the answer."""
        content: dict[str, Any] = {"detail": self.detail}
        if self.errors is not None:
            content["errors"] = self.errors
        return json_answer(self.status, encode(content), self.headers)


def _plain(value: Any) -> Any:
    """Turn an object that knows its own JSON form into it."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if hasattr(value, "model_dump"):  # a pydantic model
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


encode = msgspec.json.Encoder(enc_hook=_plain).encode
"""Return a value as JSON bytes; raises TypeError, ValueError or RecursionError."""


def json_answer(
    status: int, raw_json: bytes, extra_headers: Iterable[tuple[bytes, bytes]] = ()
) -> Answer:
    """Return the answer with a body of JSON."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(raw_json)),
        *extra_headers,
    ]
    return status, headers, raw_json


def answer_of(result: Any, context: HandlerContext) -> Response | Answer:
    """Return what a handler's result is on the wire."""
    if not result:
        return json_answer(200, b'{"ok":true}')
    try:
        if type(result) is not dict:  # as most are
            if isinstance(result, Response):
                return result
            if hasattr(result, "to_dict"):
                result = result.to_dict()
        return json_answer(200, encode(result))
    except (TypeError, ValueError, msgspec.MsgspecError, RecursionError):
        pass
    # the standard writer also takes lone surrogates and keys such as True
    try:
        return json_answer(200, json.dumps(result, default=_plain).encode())
    except (TypeError, ValueError, RecursionError) as exc:
        _logger.error(
            "The handler of %s@%s returned what JSON cannot carry: %s.",
            context.event,
            context.event_version,
            exc,
        )
        return json_answer(500, encode({"error": "The handler returned what JSON cannot carry"}))


def failure(exc: BaseException, context: HandlerContext) -> tuple[Answer, dict[str, Any]]:
    """Log what a handler raised; return the answer, and what telemetry is told."""
    event, version = context.event, context.event_version
    text = _without_secrets(_text_of(exc), context)
    told = {"message": text, "error_message": text, "error_class": type(exc).__name__}
    if isinstance(exc, ScopeError):
        _logger.warning("The handler of %s@%s refused: %s.", event, version, text)
        scopes = {"required_scopes": exc.required_scopes, "missing_scopes": exc.missing_scopes}
        return json_answer(403, encode({"error": text, **scopes})), told
    if isinstance(exc, HandlerTimeoutError):
        _logger.error("The handler of %s@%s took longer than %g s.", event, version, exc.limit_s)
        return json_answer(504, encode({"error": text})), told
    raised = (type(exc), exc, _from_handler(exc.__traceback__))
    _logger.error("The handler of %s@%s failed.", event, version, exc_info=raised)
    return json_answer(400, encode({"error": text})), told


def _from_handler(traceback: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that led to the handler: they say nothing about its failure."""
    found = traceback
    while found and found.tb_frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        found = found.tb_next
    return found or traceback


def _without_secrets(text: str, context: HandlerContext) -> str:
    """Take known secrets out of a text, and those that the webhook itself brought."""
    brought = Redactor()
    try:
        for name, secret in context.payload_secrets.items():
            if isinstance(secret, str):
                brought.add(name, secret)
        brought.add("runtime_token", context.auth.runtime_token or "")
    except RedactorFullError:
        return "The handler failed"  # and its text may hold a secret that nobody looked for
    return redactor.redact(brought.redact(text))


def _text_of(exc: BaseException) -> str:
    """Return what an exception says, as far as it can say it in UTF-8."""
    if isinstance(exc, asyncio.CancelledError):
        return "Work of the handler was cancelled"
    try:
        text = str(exc)
    except Exception as broken:
        text = f"{type(exc).__name__} (its text failed with {type(broken).__name__})"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
