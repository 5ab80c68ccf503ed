"""Judge runtime tokens: JWTs (RFC 7519) signed with ES256 by the platform (spec §1.8).

Pure: a token and public keys in, claims or a refusal out; no I/O, and no clock but the default of
`now`. The signature is checked by PyJWT, with one algorithm that no token can change; the header
may name its key and nothing else: no other key, address or extension of the format.
"""

from __future__ import annotations

import base64
import functools
import operator
import re
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import jwt
import msgspec
from jwt.algorithms import ECAlgorithm

from kiket_core import plain_json
from kiket_sdk._claims import JwtPayload
from kiket_sdk._token_binding import body_hash, check_binding
from kiket_sdk._token_verdict import TokenReason, TokenRefusedError, TokenVerdict
from kiket_sdk.auth import ALGORITHM, ISSUER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

__all__ = [
    "ALGORITHM",
    "ISSUER",
    "PublicKey",
    "TokenReason",
    "TokenRefusedError",
    "TokenVerdict",
    "body_hash",
    "check_binding",
    "judge",
    "key_id",
    "public_keys",
    "unknown_key",
    "verified",
]

TOKEN_LIMIT = 8192
"""Characters of a token; a longer one is not looked into."""
DRIFT_S = 30
"""How far ahead of this clock a token may have been issued: seconds. Its end is exact."""
LIFETIME_LIMIT_S = 24 * 3600
"""How long a token may be good for: seconds."""
STRICT_LIFETIME_LIMIT_S = 3600
"""The same when strict."""
KEYS_LIMIT = 16
"""How many keys of a set are looked at."""

_TIME_LIMIT_S = 10**100  # what is still a float, with which the clock is compared
_REMEMBERED = 256  # good tokens: a platform may use one for many deliveries
_PARTS = 3  # header, claims, signature
_SIGNATURE_BYTES = 64  # r and s of P-256, RFC 7518 §3.4
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_FOREIGN = ("crit", "b64", "zip", "enc")  # header members that change how a token is read
_jws = jwt.PyJWS(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """One key of the platform; it is itself alone, so that what it signed can be remembered."""

    point: EllipticCurvePublicKey


def judge(
    token: str | None,
    keys: Mapping[str, PublicKey],
    *,
    extension_id: str | None = None,
    raw_body: bytes | None = None,
    organization_id: int | str | None = None,
    project_id: int | str | None = None,
    now: float | None = None,
    strict: bool = False,
) -> TokenVerdict:
    """Judge a token under public keys by id, and whether it belongs to this delivery.

    Whatever the token is, the result is a verdict, never an exception.
    """
    claims = None
    try:
        name = key_id(token)
        key = keys.get(name)
        if key is None:
            raise unknown_key(name)
        claims = verified(token or "", key, extension_id=extension_id, now=now, strict=strict)
        check_binding(
            claims,
            token or "",
            raw_body,
            extension_id=extension_id,
            organization_id=organization_id,
            project_id=project_id,
            strict=strict,
        )
    except TokenRefusedError as refused:
        return TokenVerdict(False, refused.reason, refused.sentence, claims)
    return TokenVerdict(True, TokenReason.OK, "Runtime token is fine.", claims)


@functools.lru_cache(maxsize=_REMEMBERED)
def key_id(token: str | None) -> str:
    """Return the id of the key that a token says it is signed with.

    Raises TokenRefusedError for what is no ES256 token: nobody needs to look for its key.
    """
    if not token:
        raise TokenRefusedError(TokenReason.MISSING, "The payload carries no runtime token.")
    if len(token) > TOKEN_LIMIT:
        raise _malformed(f"it has more than {TOKEN_LIMIT} characters")
    parts = token.split(".", _PARTS + 2)
    if len(parts) < _PARTS:
        raise TokenRefusedError(
            TokenReason.NOT_A_JWT, "The runtime token is no JWT: it has fewer than three parts."
        )
    if len(parts) > _PARTS:
        raise _malformed("it has more than three parts; encrypted tokens are not taken")
    raw_header, _, raw_signature = (_decoded(part) for part in parts)
    header = _object(raw_header, "header")
    if header.get("alg") != ALGORITHM:
        raise TokenRefusedError(
            TokenReason.ALGORITHM, f"The runtime token is not signed with {ALGORITHM}."
        )
    for name in _FOREIGN:
        if name in header:
            raise _malformed(f"its header has {name!r}, which is not understood here")
    key_name = header.get("kid")
    if not isinstance(key_name, str) or not _KEY_ID.fullmatch(key_name):
        raise _malformed("its header names no key: kid has 1 to 128 letters, digits, . _ or -")
    if len(raw_signature) != _SIGNATURE_BYTES:
        raise TokenRefusedError(
            TokenReason.MISMATCH, f"The runtime token's signature is not {_SIGNATURE_BYTES} bytes."
        )
    return key_name


def verified(
    token: str,
    key: PublicKey,
    *,
    extension_id: str | None = None,
    now: float | None = None,
    strict: bool = False,
) -> JwtPayload:
    """Return the claims of a token that passed `key_id` and that the key signed.

    A token with an audience is for `extension_id` or refused. Strict asks for `sub` and `jti`
    too, for scopes as a list, and for an end within the hour. Raises TokenRefusedError.
    """
    claims = _lasting_claims(token, key, strict)
    _check_times(claims, time.time() if now is None else now, strict=strict)
    if claims.aud is not None and claims.audience and extension_id not in claims.audience:
        raise TokenRefusedError(
            TokenReason.AUDIENCE,
            f"The runtime token is for {', '.join(map(repr, claims.audience))}, "
            f"and this extension is {extension_id!r}.",
        )
    return _copy(claims)


@functools.lru_cache(maxsize=_REMEMBERED)
def _lasting_claims(token: str, key: PublicKey, strict: bool) -> JwtPayload:
    """Return the claims of a token after every check that time has no part in; not to be changed.

    Raises TokenRefusedError.
    """
    document = _signed_claims(token, key)
    for name in ("exp", "iat", "iss", *(("sub", "jti") if strict else ())):
        if document.get(name) in (None, ""):
            raise _bad_claim(f"{name} is missing")
    try:
        claims = msgspec.convert(document, JwtPayload)
    except msgspec.ValidationError as exc:
        raise _bad_claim(str(exc)) from None
    if strict and isinstance(claims.scopes, str):
        raise _bad_claim("scopes is a text, not a list")
    if claims.iss != ISSUER:
        raise TokenRefusedError(
            TokenReason.ISSUER, f"The runtime token was issued by {claims.iss!r}, not {ISSUER!r}."
        )
    for name in ("exp", "iat", "nbf"):
        if abs(getattr(claims, name) or 0) > _TIME_LIMIT_S:
            raise _bad_claim(f"{name} is no time")
    return claims


def _copy(claims: JwtPayload) -> JwtPayload:
    """Return claims that are their receiver's to change; converting them anew takes five times."""
    copied = JwtPayload(*_values(claims))
    if isinstance(copied.scopes, list):
        copied.scopes = copied.scopes.copy()
    if isinstance(copied.aud, list):
        copied.aud = copied.aud.copy()
    return copied


_values = operator.attrgetter(*(each.name for each in fields(JwtPayload)))


@functools.lru_cache(maxsize=_REMEMBERED)
def _signed_claims(token: str, key: PublicKey) -> dict[str, Any]:
    """Return what a token says, once its signature is checked; not to be changed."""
    try:
        raw_claims = _jws.decode_complete(token, key.point, [ALGORITHM])["payload"]
    except jwt.PyJWTError:
        raise TokenRefusedError(
            TokenReason.MISMATCH, "The runtime token's signature does not match its key."
        ) from None
    return _object(raw_claims, "claims")


def _check_times(claims: JwtPayload, now: float, *, strict: bool) -> None:
    if claims.exp <= now:
        raise TokenRefusedError(
            TokenReason.EXPIRED, f"The runtime token expired {now - claims.exp:.0f} s ago."
        )
    for name, moment_s in (("issued", claims.iat), ("good from", claims.nbf)):
        if moment_s is not None and moment_s > now + DRIFT_S:
            raise TokenRefusedError(
                TokenReason.EARLY,
                f"The runtime token is {name} {moment_s - now:.0f} s from now by this clock.",
            )
    limit_s = STRICT_LIFETIME_LIMIT_S if strict else LIFETIME_LIMIT_S
    if claims.exp - claims.iat > limit_s:
        raise TokenRefusedError(
            TokenReason.LIFETIME,
            f"The runtime token is good for {claims.exp - claims.iat} s; the limit is {limit_s} s.",
        )


def public_keys(document: Any) -> dict[str, PublicKey]:
    """Return the P-256 signature keys of a JWK set (RFC 7517) by id; others are left out."""
    entries = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, PublicKey] = {}
    for entry in entries[:KEYS_LIMIT] if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        name, x, y = entry.get("kid"), entry.get("x"), entry.get("y")
        if (
            (entry.get("kty"), entry.get("crv")) == ("EC", "P-256")
            and entry.get("use", "sig") == "sig"
            and entry.get("alg", ALGORITHM) == ALGORITHM
            and isinstance(name, str)
            and _KEY_ID.fullmatch(name)
            and isinstance(x, str)
            and isinstance(y, str)
        ):
            key = _public_key(x, y)
            if key is not None:
                found.setdefault(name, key)
    return found


@functools.lru_cache(maxsize=64)
def _public_key(x: str, y: str) -> PublicKey | None:
    try:
        # nothing but the point: a set that shows a private key is no reason to use it
        point: Any = ECAlgorithm.from_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    except (jwt.PyJWTError, ValueError):
        return None
    return PublicKey(point)


def unknown_key(name: str) -> TokenRefusedError:
    """Return the refusal of a token whose key is in no set."""
    return TokenRefusedError(
        TokenReason.UNKNOWN_KEY, f"The runtime token names the key {name!r}, which is not known."
    )


def _malformed(what: str) -> TokenRefusedError:
    return TokenRefusedError(TokenReason.MALFORMED, f"The runtime token is malformed: {what}.")


def _bad_claim(what: str) -> TokenRefusedError:
    return TokenRefusedError(
        TokenReason.BAD_CLAIM, f"The runtime token's claims cannot be used: {what}."
    )


def _decoded(part: str) -> bytes:
    """Decode base64url (RFC 7515 §2) that is spelled in the one way there is."""
    if _BASE64URL.fullmatch(part) and len(part) % 4 != 1:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if base64.urlsafe_b64encode(raw).rstrip(b"=") == part.encode():
            return raw
    raise _malformed("a part is not base64url without padding")


def _object(raw: bytes, part: str) -> dict[str, Any]:
    """Read a JSON object that says everything once and in finite numbers."""
    try:
        document = plain_json.read(raw)
    except (ValueError, RecursionError):
        raise _malformed(f"its {part} cannot be read as JSON") from None
    if not isinstance(document, dict):
        raise _malformed(f"its {part} is no JSON object")
    return document
