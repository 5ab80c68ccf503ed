"""The little of ASGI that the gateway and the platform share: bodies in, answers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from kiket_console.model import Headers

BODY_BYTES = 5 * 1024 * 1024
"""Of a request's body; one that is longer is refused."""


def headers_of(scope: Scope) -> Headers:
    """Return a request's headers as they came (names in lower case, as ASGI gives them)."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    )


def raw_path(scope: Scope) -> str:
    """Return a request's path as it came, still percent-encoded, without the query."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def with_query(path: str, scope: Scope) -> str:
    """Return *path* with the request's query, if it has one."""
    query: bytes = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


async def read_body(receive: Receive, limit: int = BODY_BYTES) -> bytes | None:
    """Return a request's body, or None when the sender left before its end.

    Of a body beyond *limit* bytes it returns what was read until then, which is longer.
    """
    chunks: list[bytes] = []
    size = 0
    while size <= limit:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


async def send_answer(send: Send, status: int, headers: Headers, raw_body: bytes) -> None:
    """Send one answer; *headers* name all but a missing Content-Length."""
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    measured = any(name.lower() == "content-length" for name, _ in headers)
    if not measured and status not in {204, 304}:
        pairs.append((b"content-length", str(len(raw_body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": raw_body})


JSON_TYPE: Headers = (
    ("content-type", "application/json"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
)
"""Of an answer of our own: JSON, that no page is to take for anything else or make use of."""


def error_body(sentence: str, **more: Any) -> bytes:
    """Return the JSON of an error: `{"error": sentence, …}`."""
    return orjson.dumps({"error": sentence, **more})
