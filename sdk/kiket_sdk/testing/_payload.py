"""Signed webhook payloads, as the platform would send them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from urllib.parse import quote

from kiket_sdk._signing import sign

if TYPE_CHECKING:
    from kiket_sdk.sdk import KiketSDK

TEST_SECRET = "kiket-test-secret-of-32-bytes-ok"  # noqa: S105 (for tests only)


class SignedPayload(TypedDict):
    """A webhook ready to be posted: `client.post(p["path"], content=p["body"], headers=…)`.

    `path` is empty when no event was named.
    """

    body: str
    headers: dict[str, str]
    path: str


class PayloadFactory(Protocol):
    """Sign one body; keywords that are left out are the factory's."""

    def __call__(
        self,
        body: Any,
        *,
        event: str | None = None,
        version: str | None = None,
        dialect: str | None = None,
    ) -> SignedPayload:
        """Return body, headers and path of one webhook."""
        ...


def webhook_payload_factory(
    secret: str | None = None,
    *,
    event: str | None = None,
    version: str | None = "v1",
    dialect: str = "k0",
) -> PayloadFactory:
    """Return a function that signs bodies with `secret`, now, in a dialect (k0, kr, k1 or sw1).

    Without a secret payloads are unsigned.
    """
    default_event, default_version, default_dialect = event, version, dialect

    def factory(
        body: Any,
        *,
        event: str | None = None,
        version: str | None = None,
        dialect: str | None = None,
    ) -> SignedPayload:
        event = event or default_event
        version = version or default_version
        text = json.dumps(body)
        headers = {"Content-Type": "application/json"}
        if version:
            headers["X-Kiket-Event-Version"] = version
        if event:
            headers["X-Kiket-Event"] = event
        if secret:
            headers |= sign(
                dialect or default_dialect,
                secret,
                text.encode(),
                message_id=f"msg_{uuid.uuid4().hex}",
            )
        return {"body": text, "headers": headers, "path": webhook_path(event, version)}

    return factory


def payloads_for(sdk: KiketSDK) -> PayloadFactory:
    """Return a factory that signs as an extension expects."""
    return webhook_payload_factory(sdk.config.webhook_secret, dialect=sdk.accepted_dialects[0])


def webhook_path(event: str | None, version: str | None) -> str:
    """Return the path that webhooks of an event are posted to, empty without an event."""
    if not event:
        return ""
    versioned = f"/v/{quote(version, safe='')}" if version else ""
    return f"{versioned}/webhooks/{quote(event, safe='')}"
