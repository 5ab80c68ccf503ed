"""What tests of authentication share: an extension, deliveries with tokens, and their answers."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any

from tests.vectors import forge

from kiket_sdk import KiketSDK
from kiket_sdk._signing import sign

if TYPE_CHECKING:
    from kiket_sdk import HandlerContext

SECRET = "a webhook secret of more than 24 bytes"
HOME = "https://platform.example"
STAGING = "https://staging.example"
EXTENSION = forge.EXTENSION
EVENT = "issue.created"
V1 = f"/v/v1/webhooks/{EVENT}"


class Extension:
    """An extension, and what its handler was given."""

    def __init__(self, **options: Any) -> None:
        given = {"base_url": HOME, "extension_id": EXTENSION, "workspace_token": "wk_test"}
        self.sdk = KiketSDK(**{**given, **options})
        self.contexts: list[HandlerContext] = []
        self.sdk.register(EVENT, self._handle, version="v1")
        self._client = self.sdk.create_test_client()

    async def _handle(self, _payload: Any, context: HandlerContext) -> None:
        self.contexts.append(context)

    def post(
        self, payload: Any, headers: dict[str, str] | None = None, path: str = V1
    ) -> tuple[int, Any]:
        raw_body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        reply = self._client.post(path, content=raw_body, headers=headers or {})
        return reply.status_code, reply.json()

    def signed(self, payload: Any, dialect: str = "k1") -> tuple[int, Any]:
        raw_body = json.dumps(payload).encode()
        return self.post(raw_body, sign(dialect, SECRET, raw_body, message_id="m1"))


@functools.cache
def with_secret() -> Extension:
    """One for many tests: what it was given before is of no interest to them."""
    return Extension(webhook_secret=SECRET)


@functools.cache
def without_secret() -> Extension:
    return Extension()


def claims(**members: Any) -> dict[str, Any]:
    """Return the claims of a token that is good now; None leaves one out."""
    now = int(time.time())
    found = {**forge.FULL, "iat": now, "exp": now + 600, **members}
    return {name: value for name, value in found.items() if value is not None}


def carrying(token: Any, **payload: Any) -> dict[str, Any]:
    """Return a payload with a token."""
    return {"issue": {"id": 1}, "authentication": {"runtime_token": token}, **payload}


def told(detail: Any, status: int = 401) -> tuple[int, Any]:
    """Return the answer to a webhook that is not let in."""
    return status, {"detail": detail}


OK = (200, {"ok": True})
MISSING = told("Missing runtime_token in payload")
NO_SIGNATURE = told("Missing X-Kiket-Signature header")
