"""Decide whether a webhook is let in, and say why not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from kiket_sdk._claims import AuthContext, JwtPayload, build_auth_context, runtime_token_in
from kiket_sdk._keys import WebhookSecret, is_asymmetric, problem_of
from kiket_sdk._signing import DIALECTS, SKEW_S, Reason, Verdict, key_length, verify
from kiket_sdk.exceptions import AuthenticationError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "ALGORITHM",
    "ALLOWED_SKEW_SECONDS",
    "ISSUER",
    "JWKS_CACHE_TTL",
    "AuthContext",
    "JwtPayload",
    "WebhookSecret",
    "accepted_dialects",
    "build_auth_context",
    "check_audience",
    "check_secrets",
    "clear_jwks_cache",
    "decode_jwt",
    "refusal",
    "verify_runtime_token",
    "verify_signature",
]

ALLOWED_SKEW_SECONDS = SKEW_S
ALGORITHM = "ES256"
"""How runtime tokens are signed (RFC 7518 §3.4)."""
ISSUER = "kiket.dev"
"""Who issues runtime tokens: their `iss`."""
JWKS_CACHE_TTL = 3600
"""How long the platform's public keys are used without asking again: seconds."""
SHORT_SECRET_BYTES = 24

_EVERY_DIALECT = tuple(DIALECTS)
_STRICT_DIALECTS = tuple(name for name, each in DIALECTS.items() if each.timestamp_signed)

# The words that senders of the first platform release match on.
_DETAILS = {
    Reason.STALE: "Request timestamp outside allowed window",
    Reason.FUTURE: "Request timestamp outside allowed window",
    Reason.NO_SECRET: (
        "No webhook secret is configured: set KIKET_WEBHOOK_SECRET, pass webhook_secret=, "
        "or pass allow_unsigned=True while developing"
    ),
    Reason.BAD_SECRET: "Webhook secret is misconfigured",
}
_HEADER_DETAILS = {
    Reason.UNSIGNED: ("Missing {} header", "X-Kiket-Signature", "webhook-signature"),
    Reason.MISSING_TIMESTAMP: ("Missing {} header", "X-Kiket-Timestamp", "webhook-timestamp"),
    Reason.BAD_TIMESTAMP: ("Invalid {} header", "X-Kiket-Timestamp", "webhook-timestamp"),
}

_logger = logging.getLogger("kiket_sdk")


def accepted_dialects(*, strict: bool, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the dialects that may sign; strict ones keep their timestamp inside the MAC.

    Where all `secrets` are keys of ed25519 that is sw1 alone.
    """
    if secrets and all(map(is_asymmetric, secrets)):
        return ("sw1",)
    return _STRICT_DIALECTS if strict else _EVERY_DIALECT


def refusal(verdict: Verdict) -> str:
    """Return what the sender of a refused webhook is told: no part of a secret or a MAC."""
    if verdict.reason in _HEADER_DETAILS:
        template, kiket_header, standard_header = _HEADER_DETAILS[verdict.reason]
        return template.format(standard_header if verdict.dialect == "sw1" else kiket_header)
    return _DETAILS.get(verdict.reason, "Invalid signature")


def verify_signature(secret: str | None, body: bytes, headers: Mapping[str, str]) -> None:
    """Check a webhook's signature over its raw body, in any HMAC dialect.

    Raises AuthenticationError when it is missing, wrong or out of time, or when there is no
    secret; TypeError when `body` is text, whose bytes cannot be known.
    """
    if not isinstance(body, bytes):
        raise TypeError(
            f"verify_signature needs the raw body as bytes, not {type(body).__name__}; "
            "pass what was received, before any decoding."
        )
    verdict = verify([secret or ""], body, headers)
    if not verdict.ok:
        raise AuthenticationError(refusal(verdict), verdict.reason)


async def verify_runtime_token(
    payload: Any,
    base_url: str,
    *,
    extension_id: str | None = None,
    jwks_url: str | None = None,
    strict: bool = False,
) -> JwtPayload:
    """Check the runtime token in a payload's `authentication`; see `decode_jwt`.

    Raises AuthenticationError, also when there is no token.
    """
    token = runtime_token_in(payload) or ""
    return await decode_jwt(
        token, base_url, extension_id=extension_id, jwks_url=jwks_url, strict=strict
    )


async def decode_jwt(
    token: str,
    base_url: str,
    *,
    extension_id: str | None = None,
    jwks_url: str | None = None,
    strict: bool = False,
) -> JwtPayload:
    """Return the claims of a runtime token that a key of the platform signed (spec §1.8).

    `base_url` must come from configuration, never from the payload: whoever chooses it decides
    which tokens are good. Its keys are at `/.well-known/jwks.json` below it, unless `jwks_url`
    says where, and are remembered. A token with an audience is refused unless that is
    `extension_id`; whom one without is for, `ext_id` says. `strict` asks for `sub`, `jti`, a list
    of scopes, and an end within the hour.

    Raises AuthenticationError; its text is what the sender may be told.
    """
    from kiket_sdk._jwks import address, keys_at
    from kiket_sdk._tokens import key_id, verified

    name = key_id(token)
    key = await keys_at(jwks_url or address(base_url)).key(name)
    return verified(token, key, extension_id=extension_id, strict=strict)


def clear_jwks_cache() -> None:
    """Forget the platform's public keys, so that the next token has them fetched again."""
    from kiket_sdk import _jwks

    _jwks.forget()


def check_secrets(secrets: Sequence[str], *, strict: bool, allow_unsigned: bool) -> None:
    """Warn about secrets that are short or missing; refuse short ones when strict.

    Raises ConfigurationError, also for a key of ed25519 that is none.
    """
    for secret in secrets:
        if problem := problem_of(secret):
            if is_asymmetric(secret):
                raise ConfigurationError(problem)
            _logger.warning(problem)  # as plain text it is still the key of the Kiket dialects
        length = key_length(secret)
        if length >= SHORT_SECRET_BYTES:
            continue
        advice = f"The webhook secret has {length} bytes; use {SHORT_SECRET_BYTES} or more."
        if strict:
            raise ConfigurationError(advice)
        _logger.warning(advice)
    if allow_unsigned:
        _logger.warning(
            "Unsigned webhooks are accepted because of allow_unsigned=True; "
            "leave it out wherever strangers can reach this extension."
        )
    elif not secrets:
        _logger.info(
            "No webhook secret is configured, so only webhooks with a runtime token are let in; "
            "set KIKET_WEBHOOK_SECRET or pass webhook_secret= if yours are signed."
        )


def check_audience(secrets: Sequence[str], extension_id: str | None, *, strict: bool) -> None:
    """Warn when runtime tokens decide and nobody says which extension they must be for.

    Raises ConfigurationError when strict: no token would be let in.
    """
    if secrets or extension_id:
        return
    if strict:
        raise ConfigurationError(
            "strict=True lets in tokens for this extension alone, and the extension has no id; "
            "name it in the manifest or pass extension_id=."
        )
    _logger.warning(
        "The extension has no id, so a runtime token for another extension is let in too; "
        "name it in the manifest or pass extension_id=."
    )
