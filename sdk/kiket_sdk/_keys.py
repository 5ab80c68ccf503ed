"""The keys that webhooks are verified with: what they are made of, and when each counts.

A secret is text. `whsec_` begins the base64 of a secret's bytes, `whpk_` that of an ed25519 public
key and `whsk_` that of a private one (Standard Webhooks 1.0); anything else is used as it stands.
"""

from __future__ import annotations

import binascii
import functools
import hmac
import math
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Self

import msgspec
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_WHSEC = "whsec_"
_PUBLIC = "whpk_"
_PRIVATE = "whsk_"
_ED25519_BYTES = 32
_ED25519_PAIR_BYTES = 64  # a private key, its public key behind it
PREVIOUS = "_PREVIOUS"
"""Ends the name of the variable that has the secret which NAME had before it was rotated."""
PREVIOUS_UNTIL = "_PREVIOUS_UNTIL"
"""Ends the name of the one that says until when that counts: ISO-8601, with a time zone."""


class WebhookSecret(str):
    """A secret with a name, and with the time during which it counts; otherwise plain text.

    While secrets are rotated, a verdict names the `key_id` of the one that matched. `not_before`
    and `not_after` are inclusive, and need a time zone (ValueError without one).
    """

    __slots__ = ("key_id", "not_after", "not_before")

    key_id: str | None
    not_before: datetime | None
    not_after: datetime | None

    def __new__(
        cls,
        secret: str,
        *,
        key_id: str | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Self:
        for name, moment in (("not_before", not_before), ("not_after", not_after)):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(
                    f"{name} of a webhook secret needs a time zone, such as datetime.UTC."
                )
        made = super().__new__(cls, secret)
        made.key_id, made.not_before, made.not_after = key_id, not_before, not_after
        return made

    def __repr__(self) -> str:
        told = (f"{name}={getattr(self, name)!r}" for name in ("key_id", "not_before", "not_after"))
        return f"WebhookSecret('…', {', '.join(told)})"


class Term(msgspec.Struct, frozen=True):
    """What a key is called, and from when to when it counts, in unix seconds, inclusive."""

    key_id: str | None
    begins_s: float
    ends_s: float

    def holds(self, now: float) -> bool:
        """Tell whether the key counts."""
        return self.begins_s <= now <= self.ends_s


ALWAYS = Term(None, -math.inf, math.inf)
"""Of a secret that has no name and counts at any time."""


class MacKey(msgspec.Struct, frozen=True):
    """A key of HMAC-SHA256 (RFC 2104) that was read once, whatever it is to sign."""

    ready: hmac.HMAC
    term: Term

    def mac(self, raw_signed: bytes) -> bytes:
        """Return the MAC of some bytes."""
        making = self.ready.copy()
        making.update(raw_signed)
        return making.digest()


class PublicKey(msgspec.Struct, frozen=True):
    """A key of ed25519; `is_signed(signature, signed)` tells whether they belong together."""

    is_signed: Callable[[bytes, bytes], bool]
    term: Term


class Keys(msgspec.Struct, frozen=True):
    """The keys of some secrets: by their text, by what sw1 reads in them, and the public ones."""

    text: tuple[MacKey, ...]
    standard: tuple[MacKey, ...]
    public: tuple[PublicKey, ...]


def keys_of(secrets: Sequence[str]) -> Keys:
    """Prepare the keys of secrets; blank ones sign nothing and have none."""
    for secret in secrets:
        if type(secret) is not str:
            # equal texts may count at different times, and text alone cannot tell them apart
            return _prepared(tuple((str(each), _term(each)) for each in secrets))
    return _prepared(tuple(secrets))


@functools.lru_cache(maxsize=64)
def _prepared(secrets: tuple[str | tuple[str, Term | None], ...]) -> Keys:
    text: list[MacKey] = []
    standard: list[MacKey] = []
    public: list[PublicKey] = []
    named = [each if isinstance(each, tuple) else (each, None) for each in secrets]
    usable = [(secret, term) for secret, term in named if secret and not secret.isspace()]
    for place, (secret, given) in enumerate(usable, 1):
        term = given or ALWAYS
        if term.key_id is None and len(usable) > 1:
            term = replace(term, key_id=f"secret {place}")
        if secret.startswith((_PUBLIC, _PRIVATE)):
            raw_public = _public_bytes(secret)
            if raw_public is not None:
                public.append(PublicKey(_verifier(raw_public), term))
            continue  # what everybody may know must never be the key of a MAC
        text.append(mac_key(text_key(secret), term))
        raw_key = standard_key(secret)
        if raw_key is not None:
            standard.append(mac_key(raw_key, term))
    return Keys(tuple(text), tuple(standard), tuple(public))


def mac_key(raw_key: bytes, term: Term) -> MacKey:
    """Prepare a key of HMAC-SHA256; one of any length is one."""
    made = hmac.new(raw_key, digestmod=sha256)
    # what OpenSSL made has the same methods, without one in Python around each
    return MacKey(getattr(made, "_hmac", None) or made, term)


def _term(secret: str) -> Term | None:
    if not isinstance(secret, WebhookSecret):
        return None
    begins, ends = secret.not_before, secret.not_after
    return Term(
        secret.key_id,
        begins.timestamp() if begins else -math.inf,
        ends.timestamp() if ends else math.inf,
    )


def previous_of(secret: str, environment: Mapping[str, str]) -> tuple[WebhookSecret, ...]:
    """Return the secrets that *secret* took the place of, as an environment says.

    It says so beside the variable that holds *secret*, in NAME_PREVIOUS and, where the old one is
    not to count for ever, NAME_PREVIOUS_UNTIL. Raises ValueError for a time that is none.
    """
    found = []
    for name in [name for name, value in environment.items() if value == secret]:
        previous = environment.get(f"{name}{PREVIOUS}", "")
        if not previous.strip() or previous == secret:
            continue
        until = environment.get(f"{name}{PREVIOUS_UNTIL}", "")
        try:
            ends = datetime.fromisoformat(until) if until else None
            found.append(WebhookSecret(previous, key_id=f"{name}{PREVIOUS}", not_after=ends))
        except ValueError:
            raise ValueError(
                f"{name}{PREVIOUS_UNTIL} is no time with a time zone; write one such as "
                "2026-01-31T12:00:00+00:00, or leave it out."
            ) from None
    return tuple(found)


def counts(secret: str, now: float) -> bool:
    """Tell whether a secret counts at a time in unix seconds; plain text always does."""
    term = _term(secret)
    return term is None or term.holds(now)


def text_key(secret: str) -> bytes:
    """Return the key bytes of the Kiket dialects."""
    return secret.encode("utf-8", "surrogatepass")


def standard_key(secret: str) -> bytes | None:
    """Return the key bytes of Standard Webhooks, None when a `whsec_` secret is not base64."""
    return _decoded(secret, _WHSEC) or None if secret.startswith(_WHSEC) else text_key(secret)


def key_length(secret: str) -> int:
    """Return how many bytes of key a secret holds; behind a prefix they count decoded."""
    prefix = next((each for each in (_WHSEC, _PUBLIC, _PRIVATE) if secret.startswith(each)), None)
    raw_key = text_key(secret) if prefix is None else _decoded(secret, prefix)
    return len(raw_key or text_key(secret))


def problem_of(secret: str) -> str | None:
    """Say why a secret cannot be what its beginning says that it is; None when it can."""
    for prefix, is_key, what in (
        (_WHSEC, standard_key(secret) is not None, "base64"),
        (_PUBLIC, _public_bytes(secret) is not None, "the base64 of 32 bytes"),
        (_PRIVATE, _public_bytes(secret) is not None, "the base64 of 32 or 64 bytes"),
    ):
        if secret.startswith(prefix) and not is_key:
            return (
                f"The webhook secret starts with {prefix}, but the rest is not {what}; "
                "copy it again."
            )
    return None


def is_asymmetric(secret: str) -> bool:
    """Tell whether a secret is a key of ed25519, and so never the key of a MAC."""
    return secret.startswith((_PUBLIC, _PRIVATE))


def signer(secret: str) -> Callable[[bytes], bytes] | None:
    """Return what signs with a `whsk_` secret, None when the secret is none."""
    raw_key = _decoded(secret, _PRIVATE) if secret.startswith(_PRIVATE) else None
    if raw_key is None or len(raw_key) not in {_ED25519_BYTES, _ED25519_PAIR_BYTES}:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(raw_key[:_ED25519_BYTES]).sign


def _decoded(secret: str, prefix: str) -> bytes | None:
    encoded = secret[len(prefix) :].rstrip("=")  # secrets are also handed out unpadded
    try:
        return binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except ValueError:
        return None


def _public_bytes(secret: str) -> bytes | None:
    """Return an ed25519 public key, None when the secret holds none."""
    if secret.startswith(_PUBLIC):
        raw_key = _decoded(secret, _PUBLIC)
        return raw_key if raw_key is not None and len(raw_key) == _ED25519_BYTES else None
    if signer(secret) is None:
        return None
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw_private = (_decoded(secret, _PRIVATE) or b"")[:_ED25519_BYTES]
    return Ed25519PrivateKey.from_private_bytes(raw_private).public_key().public_bytes_raw()


def _verifier(raw_public: bytes) -> Callable[[bytes, bytes], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    verify = Ed25519PublicKey.from_public_bytes(raw_public).verify

    def is_signed(raw_signature: bytes, raw_signed: bytes) -> bool:
        try:
            verify(raw_signature, raw_signed)
        except InvalidSignature:
            return False
        return True

    return is_signed
