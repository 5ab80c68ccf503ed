"""The signed POST that benchmarks send: the bytes of a whole request, made once."""

from __future__ import annotations

import json
from typing import Any

SECRET = "a webhook secret of more than 24 bytes"
EVENT, VERSION = "issue.created", "v1"
PATH = f"/v/{VERSION}/webhooks/{EVENT}"
BODY_BYTES = 1024


def issue_body() -> bytes:
    """Return the JSON of an event, of `BODY_BYTES`."""
    body: dict[str, Any] = {
        "event": EVENT,
        "event_version": VERSION,
        "issue": {
            "id": 1042,
            "key": "MKT-1042",
            "title": "Spring campaign: landing page",
            "labels": ["marketing", "web", "q2"],
            "assignee": {"id": 7, "name": "Ada", "email": "ada@example.com"},
            "description": "",
        },
        "context": {"user_id": 7, "workspace": "example"},
    }
    body["issue"]["description"] = "x" * (BODY_BYTES - len(json.dumps(body)))
    return json.dumps(body).encode()


def signed_post(
    path: str,
    raw_body: bytes,
    secret: str = SECRET,
    *,
    dialect: str = "k0",
    keep_alive: bool = True,
) -> bytes:
    """Return a signed request, which holds as long as its timestamp is fresh."""
    from kiket_sdk._signing import sign

    signature = sign(dialect, secret, raw_body, message_id="msg_1")
    return post(path, raw_body, signature, keep_alive=keep_alive)


def post(
    path: str, raw_body: bytes, more: dict[str, str] | None = None, *, keep_alive: bool = True
) -> bytes:
    """Return a request with *more* headers."""
    headers = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(raw_body)),
        "Accept": "*/*",
        "User-Agent": "kiket-benchmark",
        **({} if keep_alive else {"Connection": "close"}),
        **(more or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + raw_body
