"""Who a webhook speaks for: what a runtime token claims, and what handlers are told of it."""

from __future__ import annotations

import base64
import binascii
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from kiket_sdk._scopes import listed

_READ_LIMIT = 8192
"""Characters of a token that is read; what longer ones claim is nobody's."""
_REMEMBERED = 256  # a platform may use one token for many deliveries
OBJECTS = (dict, Mapping)
"""What a payload may be as an object: the first is what JSON becomes, and quick to ask for."""


@dataclass(slots=True)
class JwtPayload:
    """The claims of a runtime token (spec §1.8, RFC 7519 §4.1); times are unix seconds.

    `ext_id`, `org_id` and `proj_id` name the extension, the organization and the project that
    the token is for, `pi_id` the installation, `src` what it was made by, `jti` the token itself.
    """

    sub: str = ""
    org_id: int | str | None = None
    ext_id: int | str | None = None
    proj_id: int | str | None = None
    pi_id: int | str | None = None
    scopes: list[str] | str | None = None
    src: str | None = None
    iss: str = ""
    iat: int = 0
    exp: int = 0
    jti: str = ""
    aud: list[str] | str | None = None
    nbf: int | None = None
    bh: str | None = None
    """The hash of the body that the token belongs to; see `_token_binding.body_hash`."""
    body_hash: str | None = None
    """Another name of `bh`."""

    @property
    def audience(self) -> list[str]:
        """Return whom the token is for by `aud`; empty when it does not say."""
        return [self.aud] if isinstance(self.aud, str) else list(self.aud or ())


@dataclass(slots=True)
class AuthenticationContext:
    """The `authentication` of a webhook's payload; the token is not shown by `repr`."""

    runtime_token: str | None = field(repr=False)
    token_type: str | None
    expires_at: str | None
    scopes: list[str]


@dataclass(slots=True)
class AuthContext(AuthenticationContext):
    """Whom a webhook speaks for, and what that lets its handler do.

    `expires_at` is ISO-8601. `is_verified` tells that the token's own signature was checked; it is
    not where the signature of the whole webhook vouches for it.
    """

    org_id: int | str | None = None
    ext_id: int | str | None = None
    proj_id: int | str | None = None
    is_verified: bool = field(default=False, compare=False)


def build_auth_context(jwt_payload: JwtPayload, raw_payload: Mapping[str, Any]) -> AuthContext:
    """Return what handlers are told of a verified token, and of the payload that carried it."""
    return AuthContext(
        runtime_token_in(raw_payload),
        "runtime",
        _iso(jwt_payload.exp) if jwt_payload.exp else None,
        listed(jwt_payload.scopes),
        jwt_payload.org_id,
        jwt_payload.ext_id,
        jwt_payload.proj_id,
        is_verified=True,
    )


def authentication_in(payload: Any) -> Mapping[str, Any] | None:
    """Return the `authentication` object of a payload (spec §1.9), None when it has none."""
    found = payload.get("authentication") if isinstance(payload, OBJECTS) else None
    return found if found is not None and isinstance(found, OBJECTS) else None


def runtime_token_in(payload: Any) -> str | None:
    """Return the runtime token that a payload carries, None when it carries none."""
    authentication = authentication_in(payload)
    token = None if authentication is None else authentication.get("runtime_token")
    return token if isinstance(token, str) and token else None


def vouched_for(payload: Any) -> AuthContext:
    """Return what a payload says about itself; its signature, if any, vouches for it.

    The token may be any text (spec §1.5); of one that is a JWT the claims are read, not checked.
    """
    authentication = authentication_in(payload)
    if authentication is None:
        return AuthContext(None, None, None, [])
    token = _text(authentication.get("runtime_token"))
    claims = unverified(token) if token else None
    scopes = authentication.get("scopes")
    return AuthContext(
        token,
        _text(authentication.get("token_type")),
        _text(authentication.get("expires_at")),
        listed(scopes) if scopes is not None or claims is None else listed(claims.scopes),
        *((claims.org_id, claims.ext_id, claims.proj_id) if claims else ()),
    )


@functools.lru_cache(maxsize=_REMEMBERED)
def _iso(moment_s: int) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat()


def unverified(token: str) -> JwtPayload | None:
    """Read the claims of a JWT whose signature nobody checked, None when it is not one.

    They are shared with whoever reads them next, and not to be changed.
    """
    return _read(token) if len(token) <= _READ_LIMIT else None


@functools.lru_cache(maxsize=_REMEMBERED)
def _read(token: str) -> JwtPayload | None:
    parts = token.split(".", 3)
    if len(parts) != 3 or not token.isascii():
        return None
    try:
        return _read_claims(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


_read_claims = msgspec.json.Decoder(JwtPayload).decode


def _text(value: Any) -> str | None:
    return str(value) if value else None
