"""Sign and verify webhooks in every HMAC dialect that Kiket senders speak.

Pure: bytes and headers in, headers or a verdict out; no I/O, and no clock but the default of `now`.

====  ===========================================  ==========================  =================
name  signed bytes                                 signature                   timestamp
====  ===========================================  ==========================  =================
k0    body                                         X-Kiket-Signature: <hex>    ISO-8601, optional
kr    ``<unix>.`` + body                           X-Kiket-Signature: <hex>    unix seconds
k1    ``<unix>.`` + body                           … ``sha256=<hex>``          unix seconds
sw1   ``<id>.<unix>.`` + body (Standard Webhooks)  webhook-signature: v1,<b64> unix seconds
====  ===========================================  ==========================  =================

The MAC is HMAC-SHA256 everywhere. k0 leaves its timestamp outside the MAC, so a captured k0
request can be sent again by anybody; the other three cannot be moved in time.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

SKEW_S = 300
"""How old, or how far ahead, a timestamp may be: seconds, inclusive."""

_SIGNATURE_LIMIT = 4096  # characters of a signature header
_SIGNATURES_LIMIT = 16  # entries of a `webhook-signature` list
_ISO_LIMIT = 64
_UNIX = re.compile(r"[0-9]{1,11}", re.ASCII)
_MESSAGE_ID = re.compile(
    r"[A-Za-z0-9_-]{1,128}", re.ASCII
)  # a dot would move the id.timestamp seam
_WHSEC = "whsec_"


class Reason(StrEnum):
    """Why a signature was accepted or refused."""

    OK = "ok"
    UNSIGNED = "unsigned"
    MISMATCH = "mismatch"
    STALE = "stale"
    FUTURE = "future"
    BAD_TIMESTAMP = "bad-timestamp"
    MISSING_TIMESTAMP = "missing-timestamp"
    MALFORMED = "malformed"
    NO_SECRET = "no-secret"  # noqa: S105 (a reason, not a password)
    BAD_SECRET = "bad-secret"  # noqa: S105 (a reason, not a password)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one request's signature.

    `dialect` is the one that decided, `skew_s` how old the timestamp is in seconds (negative:
    ahead), `nearest` a dialect that matches the bytes but was not accepted or not asked.
    """

    ok: bool
    reason: Reason
    dialect: str | None
    sentence: str
    skew_s: float | None = None
    nearest: str | None = None


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


class _Fields(NamedTuple):
    """The headers that carry a signature; a repeated one is refused before this is built."""

    signature: str = ""
    timestamp: str = ""
    webhook_id: str = ""
    webhook_timestamp: str = ""
    webhook_signature: str = ""


_FIELD_OF = {
    "x-kiket-signature": 0,
    "x-kiket-timestamp": 1,
    "webhook-id": 2,
    "webhook-timestamp": 3,
    "webhook-signature": 4,
}


def _fields(headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> _Fields | str:
    """Pick the signature headers out, or name the one that was sent twice."""
    found: list[str | None] = [None] * 5
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        index = _FIELD_OF.get(name) if name.islower() else _FIELD_OF.get(name.lower())
        if index is not None:
            if found[index] is not None:
                return name.lower()
            found[index] = value
    return _Fields._make(value or "" for value in found)


def _text_key(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


def _standard_key(secret: str) -> bytes | None:
    """Return the key bytes of Standard Webhooks, None when a `whsec_` secret is not base64."""
    if not secret.startswith(_WHSEC):
        return _text_key(secret)
    encoded = secret[len(_WHSEC) :].rstrip("=")
    return _decoded_base64(encoded + "=" * (-len(encoded) % 4)) or None


def key_length(secret: str) -> int:
    """Return how many bytes of key a secret holds; a `whsec_` secret counts decoded."""
    return len(_standard_key(secret) or _text_key(secret))


def _decoded_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _decoded_hex(text: str) -> bytes | None:
    # fromhex skips blanks, so the length of the text is pinned too
    if len(text) != 64:
        return None
    try:
        raw_mac = bytes.fromhex(text)
    except ValueError:
        return None
    return raw_mac if len(raw_mac) == 32 else None


def _any_equal(candidates: Sequence[bytes], wanted: Sequence[bytes]) -> bool:
    """Compare every pair in constant time, without an early exit."""
    matched = False
    for candidate in candidates:
        for mac in wanted:
            matched |= hmac.compare_digest(candidate, mac)
    return matched


def _configured(count: int) -> str:
    return "under the configured secret" if count == 1 else f"under any of {count} secrets"


def _aged(dialect: str, moment_s: float, now: float, limit_s: float) -> Verdict:
    """Judge the time of a request whose MAC matched."""
    skew_s = now - moment_s
    if abs(skew_s) <= limit_s:
        return Verdict(True, Reason.OK, dialect, "Signature and timestamp are fine.", skew_s)
    if skew_s > 0:
        return Verdict(
            False,
            Reason.STALE,
            dialect,
            f"Signature is fine, but the timestamp is {skew_s:.0f} s old; "
            f"the limit is {limit_s:g} s.",
            skew_s,
        )
    return Verdict(
        False,
        Reason.FUTURE,
        dialect,
        f"Signature is fine, but the timestamp is {-skew_s:.0f} s ahead of this clock; "
        f"the limit is {limit_s:g} s.",
        skew_s,
    )


def _refused(reason: Reason, dialect: str | None, sentence: str) -> Verdict:
    return Verdict(False, reason, dialect, sentence)


_TIMELESS = Verdict(True, Reason.OK, "k0", "Signature is fine; the request carries no timestamp.")


@dataclass(frozen=True, slots=True)
class _KiketDialect:
    """k0, kr and k1: hex in `X-Kiket-Signature`, told apart by MAC input and prefix."""

    name: str
    timestamp_signed: bool
    prefix: str

    def sign(
        self, secret: str, raw_body: bytes, *, message_id: str, timestamp: float
    ) -> dict[str, str]:
        """Return `X-Kiket-Signature` and `X-Kiket-Timestamp`; `message_id` is not sent."""
        del message_id
        if self.timestamp_signed:
            moment = str(int(timestamp))
            mac = hmac.digest(_text_key(secret), moment.encode() + b"." + raw_body, "sha256")
        else:
            moment = datetime.fromtimestamp(timestamp, UTC).isoformat()
            mac = hmac.digest(_text_key(secret), raw_body, "sha256")
        return {"X-Kiket-Signature": self.prefix + mac.hex(), "X-Kiket-Timestamp": moment}

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
        return _verify_alone(self, secret, raw_body, headers, now, skew_s)

    def judge(
        self, secrets: Sequence[str], raw_body: bytes, sent: _Fields, now: float, skew_s: float
    ) -> Verdict:
        """Judge the fields of one request under every secret."""
        name = self.name
        if not sent.signature:
            return _refused(
                Reason.UNSIGNED, name, "The request carries no X-Kiket-Signature header."
            )
        mac = None
        if sent.signature.startswith(self.prefix):
            mac = _decoded_hex(sent.signature[len(self.prefix) :])
        if mac is None:
            return _refused(
                Reason.MALFORMED,
                name,
                f"X-Kiket-Signature is not {self.prefix or 'bare'}"
                f"{'' if self.prefix else ' '}hex of 32 bytes.",
            )
        if not self.timestamp_signed:
            wanted = [hmac.digest(_text_key(secret), raw_body, "sha256") for secret in secrets]
            if not _any_equal([mac], wanted):
                return self._mismatch(len(secrets))
            return self._judge_iso(sent.timestamp, now, skew_s)
        if not sent.timestamp:
            return _refused(
                Reason.MISSING_TIMESTAMP,
                name,
                "The request carries no X-Kiket-Timestamp header, and this dialect signs it.",
            )
        if not _UNIX.fullmatch(sent.timestamp):
            return _refused(
                Reason.BAD_TIMESTAMP, name, "X-Kiket-Timestamp is not a number of unix seconds."
            )
        signed = sent.timestamp.encode() + b"." + raw_body
        wanted = [hmac.digest(_text_key(secret), signed, "sha256") for secret in secrets]
        if not _any_equal([mac], wanted):
            return self._mismatch(len(secrets))
        return _aged(name, int(sent.timestamp), now, skew_s)

    def _mismatch(self, count: int) -> Verdict:
        signed = "timestamp and body do" if self.timestamp_signed else "body does"
        return _refused(
            Reason.MISMATCH,
            self.name,
            f"The {signed} not match X-Kiket-Signature {_configured(count)}.",
        )

    def _judge_iso(self, timestamp: str, now: float, skew_s: float) -> Verdict:
        if not timestamp:
            return _TIMELESS
        try:
            moment = datetime.fromisoformat(timestamp) if len(timestamp) <= _ISO_LIMIT else None
            moment_s = moment.timestamp() if moment and moment.tzinfo else None
        except (ValueError, OverflowError):
            moment_s = None
        if moment_s is None:
            return _refused(
                Reason.BAD_TIMESTAMP,
                self.name,
                "Signature is fine, but X-Kiket-Timestamp is not ISO-8601 with an offset or Z.",
            )
        return _aged(self.name, moment_s, now, skew_s)


@dataclass(frozen=True, slots=True)
class _StandardWebhooks:
    """sw1: the symmetric scheme of Standard Webhooks."""

    name: str = "sw1"
    timestamp_signed: bool = True

    def sign(
        self, secret: str, raw_body: bytes, *, message_id: str, timestamp: float
    ) -> dict[str, str]:
        """Return the three `webhook-…` headers.

        Raises ValueError for an id that the scheme cannot carry or a `whsec_` secret that is
        not base64.
        """
        if not _MESSAGE_ID.fullmatch(message_id):
            raise ValueError(
                f"Message id {message_id!r} cannot be signed; use 1 to 128 letters, digits, _ or -."
            )
        key = _standard_key(secret)
        if key is None:
            raise ValueError(
                "The webhook secret starts with whsec_, but the rest is not base64; copy it again."
            )
        moment = str(int(timestamp))
        mac = hmac.digest(key, f"{message_id}.{moment}.".encode() + raw_body, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": moment,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        }

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
        return _verify_alone(self, secret, raw_body, headers, now, skew_s)

    def judge(
        self, secrets: Sequence[str], raw_body: bytes, sent: _Fields, now: float, skew_s: float
    ) -> Verdict:
        """Judge the fields of one request under every secret."""
        name = self.name
        if not sent.webhook_signature:
            return _refused(
                Reason.UNSIGNED, name, "The request carries no webhook-signature header."
            )
        if not _MESSAGE_ID.fullmatch(sent.webhook_id):
            return _refused(
                Reason.MALFORMED,
                name,
                "webhook-id must be 1 to 128 letters, digits, underscores or hyphens.",
            )
        if not sent.webhook_timestamp:
            return _refused(
                Reason.MISSING_TIMESTAMP, name, "The request carries no webhook-timestamp header."
            )
        if not _UNIX.fullmatch(sent.webhook_timestamp):
            return _refused(
                Reason.BAD_TIMESTAMP, name, "webhook-timestamp is not a number of unix seconds."
            )
        entries = sent.webhook_signature.split(" ", _SIGNATURES_LIMIT)
        if len(entries) > _SIGNATURES_LIMIT:
            return _refused(
                Reason.MALFORMED,
                name,
                f"webhook-signature holds more than {_SIGNATURES_LIMIT} signatures.",
            )
        decoded = (_decoded_base64(entry[3:]) for entry in entries if entry.startswith("v1,"))
        macs = [mac for mac in decoded if mac is not None]
        if not macs:
            return _refused(
                Reason.MALFORMED, name, "webhook-signature holds no readable v1,<base64> signature."
            )
        keys = [key for secret in secrets if (key := _standard_key(secret)) is not None]
        if not keys:
            return _refused(
                Reason.BAD_SECRET,
                name,
                "The configured secret starts with whsec_, but the rest is not base64.",
            )
        signed = f"{sent.webhook_id}.{sent.webhook_timestamp}.".encode() + raw_body
        wanted = [hmac.digest(key, signed, "sha256") for key in keys]
        if not _any_equal(macs, wanted):
            return _refused(
                Reason.MISMATCH,
                name,
                f"The id, timestamp and body do not match webhook-signature "
                f"{_configured(len(secrets))}.",
            )
        return _aged(name, int(sent.webhook_timestamp), now, skew_s)


_Judge = _KiketDialect | _StandardWebhooks

_K0 = _KiketDialect("k0", False, "")
_KR = _KiketDialect("kr", True, "")
_K1 = _KiketDialect("k1", True, "sha256=")
_SW1 = _StandardWebhooks()

_JUDGES: dict[str, _Judge] = {each.name: each for each in (_K0, _KR, _K1, _SW1)}

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

    `timestamp` is in unix seconds, now when None. Raises ValueError for an unknown dialect, a
    blank secret, or what the dialect cannot carry.
    """
    known = DIALECTS.get(dialect)
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
    sent = _fields(headers)
    if isinstance(sent, str):
        return _refused(Reason.MALFORMED, None, f"The header {sent} was sent more than once.")
    usable = [secret for secret in secrets if secret and not secret.isspace()]
    if not usable:
        return _refused(
            Reason.NO_SECRET, None, "No webhook secret is configured, so nothing can be verified."
        )
    if len(sent.signature) > _SIGNATURE_LIMIT or len(sent.webhook_signature) > _SIGNATURE_LIMIT:
        return _refused(
            Reason.MALFORMED, None, f"A signature header exceeds {_SIGNATURE_LIMIT} characters."
        )
    moment_s = time.time() if now is None else now
    standard = bool(sent.webhook_signature or sent.webhook_id or sent.webhook_timestamp)
    if standard and "sw1" in accept:
        asked: list[_Judge] = [_SW1]
    else:
        asked = [judge for name, judge in _JUDGES.items() if name in accept and name != "sw1"]
    best: Verdict | None = None
    for judge in asked:
        verdict = judge.judge(usable, raw_body, sent, moment_s, skew_s)
        if verdict.ok:
            return verdict
        if best is None or _depth(verdict) > _depth(best):
            best = verdict
    if best is None:
        best = _refused(
            Reason.UNSIGNED, None, "The request carries no signature of an accepted dialect."
        )
    for judge in _JUDGES.values():
        if judge not in asked:
            other = judge.judge(usable, raw_body, sent, moment_s, skew_s)
            if _depth(other) == _MAC_MATCHED:
                return replace(
                    best,
                    nearest=judge.name,
                    sentence=f"{best.sentence} It would match as {judge.name}.",
                )
    return best


def _verify_alone(
    judge: _Judge,
    secret: str,
    raw_body: bytes,
    headers: Mapping[str, str],
    now: float,
    skew_s: float,
) -> Verdict:
    sent = _fields(headers)
    if isinstance(sent, str):
        return _refused(Reason.MALFORMED, judge.name, f"The header {sent} was sent more than once.")
    if not secret.strip():
        return _refused(Reason.NO_SECRET, judge.name, "No webhook secret is configured.")
    return judge.judge([secret], raw_body, sent, now, skew_s)
