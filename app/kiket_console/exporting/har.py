"""Exchanges as an HTTP Archive (HAR 1.2), which browsers and HTTP tools open.

What the format has no member for is in members that begin with an underscore.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from kiket_console import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kiket_console.model import Attempt, Body, Detail, Headers, Message


def har(requests: Iterable[tuple[Detail, str]]) -> dict[str, Any]:
    """Return an archive of exchanges, each with the URL it went to without its path."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "kiket-console", "version": __version__},
            "pages": [],
            "entries": [_entry(detail, url.rstrip("/")) for detail, url in requests],
        }
    }


def _entry(detail: Detail, base_url: str) -> dict[str, Any]:
    exchange = detail.exchange
    last = detail.attempts[-1] if detail.attempts else None
    time_ms = 0.0 if exchange.duration_us is None else exchange.duration_us / 1000
    entry = {
        "startedDateTime": _moment(exchange.started_us),
        "time": time_ms,
        "request": _request(detail, base_url),
        "response": _response(last, exchange.status),
        "cache": {},
        "timings": {"send": 0, "wait": time_ms, "receive": 0},
        "_exchange": exchange.id,
        "_source": exchange.source.value,
        "_event": exchange.name,
        "_version": exchange.version,
        "_worker": exchange.worker,
        "_state": exchange.state.value,
        "_signature": exchange.signature,
        "_traceId": exchange.trace_id,
        "_replayOf": exchange.replay_of,
        "_causedBy": exchange.parent_id,
    }
    if last is not None and last.error:
        entry["_error"] = last.error
    return entry


def _request(detail: Detail, base_url: str) -> dict[str, Any]:
    exchange, message = detail.exchange, detail.request
    request: dict[str, Any] = {
        "method": exchange.method or "POST",
        "url": base_url + exchange.path,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(message.headers),
        "queryString": [
            {"name": name, "value": value}
            for name, value in parse_qsl(exchange.path.partition("?")[2], keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": message.body.size,
    }
    if message.body.raw:
        request["postData"] = {
            "mimeType": message.header("content-type"),
            "params": [],
            **_text(message.body, "_encoding"),
        }
        if message.body.truncated:
            request["postData"]["_truncated"] = True
    return request


def _response(attempt: Attempt | None, status: int | None) -> dict[str, Any]:
    answer: Message | None = None if attempt is None else attempt.answer
    response: dict[str, Any] = {
        "status": status or 0,
        "statusText": _phrase(status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(answer.headers) if answer else [],
        "content": {"size": 0, "mimeType": ""},
        "redirectURL": answer.header("location") if answer else "",
        "headersSize": -1,
        "bodySize": answer.body.size if answer else -1,
    }
    if answer is not None:
        content: dict[str, Any] = {
            "size": answer.body.size,
            "mimeType": answer.header("content-type"),
        }
        if answer.body.raw:
            content |= _text(answer.body, "encoding")
        if answer.body.truncated:
            content["_truncated"] = True
        response["content"] = content
    return response


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _text(body: Body, encoding: str) -> dict[str, str]:
    """Return a body as text, or in base64, which a member called *encoding* then says."""
    try:
        return {"text": body.raw.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body.raw).decode(), encoding: "base64"}


def _moment(at_us: int) -> str:
    whole_s, rest_us = divmod(at_us, 1_000_000)
    moment = datetime.fromtimestamp(whole_s, UTC).replace(microsecond=rest_us)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _phrase(status: int | None) -> str:
    try:
        return HTTPStatus(status or 0).phrase
    except ValueError:
        return ""
