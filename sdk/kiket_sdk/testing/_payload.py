"""Signed webhook payloads, as the platform would send them."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from urllib.parse import quote

from kiket_sdk._signing import sign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_sdk.sdk import KiketSDK
    from kiket_sdk.testing._tokens import RuntimeTokens
    from kiket_sdk.testing.platform import FakePlatform

TEST_SECRET = "kiket-test-secret-of-32-bytes-ok"  # noqa: S105 (for tests only)
TOKEN_DIALECT = "es256"  # noqa: S105 (a way to sign)

_OPAQUE_TOKEN = "rt_test"  # noqa: S105 (for tests only)


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
        scopes: Sequence[str] | None = None,
        timestamp: float | None = None,
    ) -> SignedPayload:
        """Return body, headers and path of one webhook, signed at `timestamp` (unix seconds)."""
        ...


def webhook_payload_factory(
    secret: str | None = None,
    *,
    event: str | None = None,
    version: str | None = "v1",
    dialect: str = "k0",
    tokens: RuntimeTokens | None = None,
    scopes: Sequence[str] | None = None,
    claims: Mapping[str, Any] | None = None,
    base_url: str | None = None,
) -> PayloadFactory:
    """Return a function that signs bodies, now, in a dialect.

    k0, kr, k1 and sw1 sign with `secret`, sw1a with a `whsk_…` key; without a secret payloads are
    unsigned. In es256 a body that is an object carries a new runtime token of `tokens` instead,
    with `claims` and for `scopes`, all of them when none are named. In the other dialects it
    carries one when `scopes` are named; without `tokens` that is one which nobody can verify.
    What a body says of its own `authentication` and `api` stays. `base_url` is the platform's.

    The function raises ValueError for an unknown dialect and for es256 without `tokens`.
    """
    defaults = event, version, dialect, scopes

    def factory(
        body: Any,
        *,
        event: str | None = None,
        version: str | None = None,
        dialect: str | None = None,
        scopes: Sequence[str] | None = None,
        timestamp: float | None = None,
    ) -> SignedPayload:
        event = event or defaults[0]
        version = version or defaults[1]
        dialect = dialect or defaults[2]
        scopes = defaults[3] if scopes is None else scopes
        if dialect == TOKEN_DIALECT and tokens is None:
            raise ValueError("es256 is a runtime token's signature; pass tokens=RuntimeTokens().")
        if isinstance(body, dict) and (dialect == TOKEN_DIALECT or scopes is not None):
            body = _with_token(body, tokens, scopes, claims or {}, base_url)
        text = json.dumps(body)
        headers = {"Content-Type": "application/json"}
        if version:
            headers["X-Kiket-Event-Version"] = version
        if event:
            headers["X-Kiket-Event"] = event
        if secret and dialect != TOKEN_DIALECT:
            headers |= sign(
                dialect,
                secret,
                text.encode(),
                message_id=f"msg_{uuid.uuid4().hex}",
                timestamp=timestamp,
            )
        return {"body": text, "headers": headers, "path": webhook_path(event, version)}

    return factory


def payloads_for(
    sdk: KiketSDK, platform: FakePlatform | None = None, *, dialect: str = ""
) -> PayloadFactory:
    """Return a factory that signs as an extension expects, or in another dialect.

    Where that is a runtime token, it is one of the platform's.
    """
    config = sdk.config
    return webhook_payload_factory(
        config.webhook_secret,
        dialect=dialect or (sdk.accepted_dialects[0] if config.webhook_secret else TOKEN_DIALECT),
        tokens=platform.tokens if platform is not None else None,
        scopes=("*",) if config.webhook_secret and config.jwks_url else None,
        claims={"ext_id": config.extension_id},
        base_url=platform.url if platform is not None else None,
    )


def webhook_path(event: str | None, version: str | None) -> str:
    """Return the path that webhooks of an event are posted to, empty without an event."""
    if not event:
        return ""
    versioned = f"/v/{quote(version, safe='')}" if version else ""
    return f"{versioned}/webhooks/{quote(event, safe='')}"


def _with_token(
    body: dict[str, Any],
    tokens: RuntimeTokens | None,
    scopes: Sequence[str] | None,
    claims: Mapping[str, Any],
    base_url: str | None,
) -> dict[str, Any]:
    """Return a body with the `authentication` and `api` of the platform's envelope (spec §1.9)."""
    api = {"base_url": base_url, "runtime_header": "X-Kiket-Runtime-Token"} if base_url else None
    whole = ({"api": api} if api else {}) | body
    if "authentication" in body:
        return whole
    granted = ["*"] if scopes is None else list(scopes)
    if tokens is None:
        opaque = {"runtime_token": _OPAQUE_TOKEN, "token_type": "runtime", "scopes": granted}
        return whole | {"authentication": opaque}
    from kiket_sdk._tokens import body_hash

    given = tokens.authentication(scopes=granted, **claims)
    # what the token's hash covers is the body as it was before there was a token
    bare = json.dumps(whole | {"authentication": {**given, "runtime_token": ""}})
    token = tokens.mint(scopes=granted, **{"bh": body_hash(bare.encode(), ""), **claims})
    return whole | {"authentication": {**given, "runtime_token": token}}
