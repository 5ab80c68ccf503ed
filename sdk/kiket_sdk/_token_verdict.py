"""What is found about a runtime token, and what its sender is told."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from kiket_sdk.exceptions import AuthenticationError

if TYPE_CHECKING:
    from kiket_sdk._claims import JwtPayload


class TokenReason(StrEnum):
    """Why a runtime token was accepted or refused."""

    OK = "ok"
    MISSING = "missing"
    NOT_A_JWT = "not-a-jwt"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    UNKNOWN_KEY = "unknown-key"
    NO_KEYS = "no-keys"
    MISMATCH = "mismatch"
    BAD_CLAIM = "bad-claim"
    ISSUER = "issuer"
    EXPIRED = "expired"
    EARLY = "early"
    LIFETIME = "lifetime"
    AUDIENCE = "audience"
    EXTENSION = "extension"
    ORGANIZATION = "organization"
    PROJECT = "project"
    BODY = "body"
    UNBOUND = "unbound"


# What a sender is told: the words of the newest platform release where it has some, and never
# the text of a library.
_DETAILS = {
    TokenReason.MISSING: "Missing runtime_token in payload",
    TokenReason.NOT_A_JWT: "Invalid token: Not enough segments",
    TokenReason.MALFORMED: "Invalid token: It is malformed",
    TokenReason.ALGORITHM: "Invalid token: The specified alg value is not allowed",
    TokenReason.UNKNOWN_KEY: "Invalid token: No signing key matches it",
    TokenReason.NO_KEYS: "Failed to fetch JWKS",
    TokenReason.MISMATCH: "Invalid token: Signature verification failed",
    TokenReason.BAD_CLAIM: "Invalid token: A claim is missing or malformed",
    TokenReason.ISSUER: "Invalid token issuer",
    TokenReason.EXPIRED: "Runtime token has expired",
    TokenReason.EARLY: "Invalid token: The token is not yet valid",
    TokenReason.LIFETIME: "Invalid token: It is valid for too long",
    TokenReason.AUDIENCE: "Invalid token: Invalid audience",
    TokenReason.EXTENSION: "Invalid token: It was issued for another extension",
    TokenReason.ORGANIZATION: "Invalid token: It was issued for another organization",
    TokenReason.PROJECT: "Invalid token: It was issued for another project",
    TokenReason.BODY: "Invalid token: It was issued for another body",
    TokenReason.UNBOUND: "Invalid token: Nothing ties it to this body",
}


class TokenRefusedError(AuthenticationError):
    """A runtime token that is not let in.

    The text is what its sender is told; `sentence` is for whoever runs the extension, and shows
    no part of the token but what it claims.
    """

    reason: TokenReason

    def __init__(self, reason: TokenReason, sentence: str) -> None:
        super().__init__(_DETAILS[reason], reason)
        self.sentence = sentence


class TokenVerdict(NamedTuple):
    """What was found about one token; `claims` are there when its signature is good."""

    ok: bool
    reason: TokenReason
    sentence: str
    claims: JwtPayload | None = None
