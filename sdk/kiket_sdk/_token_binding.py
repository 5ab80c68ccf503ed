"""Whether a good token belongs to the delivery that carries it (spec §1.8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from kiket_sdk._token_verdict import TokenReason, TokenRefusedError

if TYPE_CHECKING:
    from kiket_sdk._claims import JwtPayload


def check_binding(
    claims: JwtPayload,
    token: str,
    raw_body: bytes | None,
    *,
    extension_id: str | None,
    organization_id: int | str | None,
    project_id: int | str | None,
    strict: bool = False,
    needs_body: bool = False,
) -> None:
    """Make sure that a good token belongs to this extension and to this delivery.

    Ids are compared when both are there and both are of one kind, numbers or names: the platform
    numbers what manifests name. Organization and project are the payload's. Strict asks for an
    `aud` or `ext_id` that is this extension, `needs_body` for a hash of the body. Raises
    TokenRefusedError.
    """
    is_named = (
        claims.aud is not None and extension_id is not None and extension_id in claims.audience
    )
    if not is_named and (
        _differ(claims.ext_id, extension_id)
        or (strict and (extension_id is None or str(claims.ext_id) != extension_id))
    ):
        raise TokenRefusedError(
            TokenReason.EXTENSION,
            f"The runtime token is for extension {claims.ext_id!r}, and this one is "
            f"{extension_id!r}.",
        )
    for reason, claimed, found in (
        (TokenReason.ORGANIZATION, claims.org_id, organization_id),
        (TokenReason.PROJECT, claims.proj_id, project_id),
    ):
        if _differ(claimed, found):
            raise TokenRefusedError(
                reason,
                f"The runtime token is for {reason} {claimed!r}, and the payload is of {found!r}.",
            )
    if claims.bh is None and claims.body_hash is None:
        if needs_body:
            raise TokenRefusedError(
                TokenReason.UNBOUND,
                "The runtime token holds no hash of the body (bh), and no signature covers it.",
            )
        return
    if raw_body is None:
        return
    raw_wanted = body_hash(raw_body, token).encode()
    for said in (claims.bh, claims.body_hash):
        if said is not None and not hmac.compare_digest(_utf8(said), raw_wanted):
            raise TokenRefusedError(
                TokenReason.BODY, "The runtime token was issued for another body than this."
            )


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def body_hash(raw_body: bytes, token: str) -> str:
    """Return the hash that `bh` holds: the body's SHA-256 in base64url, without padding.

    A body that carries the token itself is hashed as if the token were an empty text, for that
    is how it looked before there was a token.
    """
    raw_signed = raw_body.replace(token.encode(), b"") if token else raw_body
    return base64.urlsafe_b64encode(hashlib.sha256(raw_signed).digest()).rstrip(b"=").decode()


def _differ(one: Any, other: Any) -> bool:
    """Tell whether two ids of one kind, numbers or names, differ."""
    if one is None or other is None:
        return False
    left, right = str(one), str(other)
    return left.isdecimal() == right.isdecimal() and left != right
