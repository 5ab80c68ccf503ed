"""Sign and verify webhooks in every dialect that Kiket senders speak.

Pure: bytes and headers in, headers or a verdict out; no I/O, and no clock but the default of `now`.

====  ===========================================  ==========================  =================
name  signed bytes                                 signature                   timestamp
====  ===========================================  ==========================  =================
k0    body                                         X-Kiket-Signature: <hex>    ISO-8601, optional
kr    ``<unix>.`` + body                           X-Kiket-Signature: <hex>    unix seconds
k1    ``<unix>.`` + body                           … ``sha256=<hex>``          unix seconds
sw1   ``<id>.<unix>.`` + body (Standard Webhooks)  webhook-signature: v1,<b64> unix seconds
====  ===========================================  ==========================  =================

The MAC is HMAC-SHA256 everywhere. Where the secret is a key of ed25519, `whpk_…` to verify with and
`whsk_…` to sign with, sw1 is signed with that (``v1a,<b64>``), and the verdict calls it sw1a.

k0 leaves its timestamp outside the MAC, so a captured k0 request can be sent again by anybody; the
others cannot be moved in time.
"""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from kiket_sdk._dialects import Judge, KiketDialect, StandardWebhooks
from kiket_sdk._keys import Keys, WebhookSecret, is_asymmetric, key_length, keys_of, problem_of
from kiket_sdk._verdict import Reason, Verdict, refused, signature_headers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "DIALECTS",
    "SKEW_S",
    "Dialect",
    "Reason",
    "Verdict",
    "WebhookSecret",
    "key_length",
    "problem_of",
    "sign",
    "verify",
]

SKEW_S = 300
"""How old, or how far ahead, a timestamp may be: seconds, inclusive."""

_SIGNATURE_LIMIT = 4096  # characters of a signature header


class Dialect(Protocol):
    """One way to sign a webhook."""

    @property
    def name(self) -> str:
        """Return the dialect's name: k0, kr, k1 or sw1."""
        ...

    @property
    def timestamp_signed(self) -> bool:
        """Tell whether the timestamp is inside the MAC."""
        ...

    def sign(
        self, secret: str, raw_body: bytes, *, message_id: str, timestamp: float
    ) -> dict[str, str]:
        """Return the headers to add; `timestamp` is in unix seconds."""
        ...

    def verify(
        self,
        secret: str,
        raw_body: bytes,
        headers: Mapping[str, str],
        *,
        now: float,
        skew_s: float,
    ) -> Verdict:
        """Judge a request by this dialect alone."""
        ...


_K0 = KiketDialect("k0", False, b"")
_KR = KiketDialect("kr", True, b"")
_K1 = KiketDialect("k1", True, b"sha256=")
_SW1 = StandardWebhooks()

_KIKET: tuple[Judge, ...] = (_K0, _KR, _K1)
_STANDARD: tuple[Judge, ...] = (_SW1,)
_JUDGES: dict[str, Judge] = {each.name: each for each in _KIKET + _STANDARD}

DIALECTS: Mapping[str, Dialect] = MappingProxyType(dict(_JUDGES))
"""Every HMAC dialect by name, in the order in which they are tried."""

_EVERY = tuple(_JUDGES)

# Of several refusals the one that came furthest explains the request best.
_DEPTH = {
    Reason.UNSIGNED: 0,
    Reason.MALFORMED: 1,
    Reason.MISSING_TIMESTAMP: 2,
    Reason.BAD_TIMESTAMP: 2,
    Reason.BAD_SECRET: 3,
    Reason.MISMATCH: 4,
}
_MAC_MATCHED = 5

_NOT_ACCEPTED = refused(
    Reason.UNSIGNED, None, "The request carries no signature of an accepted dialect."
)


def _depth(verdict: Verdict) -> int:
    """Rank how far a request came; k0 reads its timestamp only after the MAC matched."""
    if verdict.reason is Reason.BAD_TIMESTAMP and verdict.dialect == "k0":
        return _MAC_MATCHED
    return _DEPTH.get(verdict.reason, _MAC_MATCHED)


def sign(
    dialect: str,
    secret: str,
    raw_body: bytes,
    *,
    message_id: str,
    timestamp: float | None = None,
) -> dict[str, str]:
    """Return the headers that sign `raw_body` in the named dialect.

    `timestamp` is in unix seconds, now when None. sw1a is sw1 with a `whsk_…` key of ed25519.
    Raises ValueError for an unknown dialect, a blank secret, or what the dialect cannot carry.
    """
    known = _SW1 if dialect == "sw1a" else DIALECTS.get(dialect)
    if dialect == "sw1a" and not is_asymmetric(secret):
        raise ValueError("sw1a is signed with a private key of ed25519, which begins with whsk_.")
    if known is None:
        raise ValueError(f"Unknown signing dialect {dialect!r}; use one of {', '.join(DIALECTS)}.")
    if not secret.strip():
        raise ValueError("A blank webhook secret signs nothing; set a secret of 24 bytes or more.")
    moment_s = time.time() if timestamp is None else timestamp
    return known.sign(secret, raw_body, message_id=message_id, timestamp=moment_s)


def verify(
    secrets: Sequence[str],
    raw_body: bytes,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    accept: Collection[str] = _EVERY,
    now: float | None = None,
    skew_s: float = SKEW_S,
) -> Verdict:
    """Judge a request's signature under any of `secrets`, in any of the accepted dialects.

    Whatever a sender puts into body and headers ends in a verdict, never in an exception. Give
    headers as pairs where repeated ones can occur: a repeated signature header is refused. When
    a `webhook-…` header is there and sw1 is accepted, sw1 alone decides, so that a stronger
    signature cannot be stripped to fall back on a weaker one.
    """
    sent = signature_headers(headers)
    if isinstance(sent, str):
        return refused(Reason.MALFORMED, None, f"The header {sent} was sent more than once.")
    keys = keys_of(tuple(secrets))
    return verify_sent(keys, raw_body, sent, accept, now, skew_s)


def verify_sent(
    keys: Keys,
    raw_body: bytes,
    sent: Mapping[bytes, bytes],
    accept: Collection[str],
    now: float | None = None,
    skew_s: float = SKEW_S,
) -> Verdict:
    """Judge as `verify` does headers with lower-case names, none of which was repeated."""
    if not keys.text and not keys.public:
        return refused(
            Reason.NO_SECRET, None, "No webhook secret is configured, so nothing can be verified."
        )
    signature = sent.get(b"x-kiket-signature", b"")
    standard_signature = sent.get(b"webhook-signature", b"")
    if len(signature) > _SIGNATURE_LIMIT or len(standard_signature) > _SIGNATURE_LIMIT:
        return refused(
            Reason.MALFORMED, None, f"A signature header exceeds {_SIGNATURE_LIMIT} characters."
        )
    moment_s = time.time() if now is None else now
    standard = "sw1" in accept and bool(
        standard_signature
        or sent.get(b"webhook-id")
        or sent.get(b"webhook-timestamp")
        or not keys.text  # public keys verify nothing else
    )
    likely: Judge = _K0  # what the request looks like; no other lets it in
    if standard:
        likely = _SW1
    elif signature.startswith(_K1.prefix):
        likely = _K1
    elif sent.get(b"x-kiket-timestamp", b"").isdigit():
        likely = _KR
    if likely.name in accept:
        verdict = likely.judge(keys, raw_body, sent, moment_s, skew_s)
        if verdict.ok:
            return verdict
    return _explained(keys, raw_body, sent, accept, moment_s, skew_s, standard=standard)


def _explained(
    keys: Keys,
    raw_body: bytes,
    sent: Mapping[bytes, bytes],
    accept: Collection[str],
    moment_s: float,
    skew_s: float,
    *,
    standard: bool,
) -> Verdict:
    """Return the refusal of a request, by the dialect that explains it best."""
    judged = (
        judge.judge(keys, raw_body, sent, moment_s, skew_s)
        for judge in (_STANDARD if standard else _KIKET)
        if judge.name in accept
    )
    best = max(judged, key=_depth, default=_NOT_ACCEPTED)  # the first of those that came as far
    for judge in _JUDGES.values():
        if judge.name in accept and (judge is _SW1) is standard:
            continue  # asked above
        if _depth(judge.judge(keys, raw_body, sent, moment_s, skew_s)) == _MAC_MATCHED:
            sentence = f"{best.sentence} It would match as {judge.name}."
            return replace(best, nearest=judge.name, sentence=sentence)
    return best
