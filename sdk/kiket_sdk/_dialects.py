"""The HMAC dialects, each of which signs a body and judges a request."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from kiket_sdk._verdict import Reason, Verdict, refused, signature_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SIGNATURES_LIMIT = 16  # entries of a `webhook-signature` list
_ISO_LIMIT = 64
_UNIX = re.compile(r"[0-9]{1,11}", re.ASCII)
# a dot in an id would move the seam between id and timestamp
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_WHSEC = "whsec_"
_OK = Reason.OK  # Python 3.11 looks members up by a descriptor, slowly


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


@functools.lru_cache(maxsize=256)  # senders stamp by the second, so a burst parses once
def _iso_moment_s(timestamp: str) -> float | None:
    """Return unix seconds, None when the text is not ISO-8601 or names no offset."""
    try:
        moment = datetime.fromisoformat(timestamp)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


class Keys(NamedTuple):
    """The keys of some secrets: their text, and what sw1 reads in them."""

    text: tuple[hmac.HMAC, ...]
    standard: tuple[hmac.HMAC, ...]


@functools.lru_cache(maxsize=64)
def keys_of(secrets: tuple[str, ...]) -> Keys:
    """Prepare the keys of secrets; blank ones sign nothing and have none."""
    usable = [secret for secret in secrets if secret and not secret.isspace()]
    standard_keys = [_standard_key(secret) for secret in usable]
    return Keys(
        tuple(hmac.new(_text_key(secret), digestmod="sha256") for secret in usable),
        tuple(hmac.new(raw, digestmod="sha256") for raw in standard_keys if raw is not None),
    )


def _is_signed(macs: Sequence[bytes], keys: Sequence[hmac.HMAC], raw_signed: bytes) -> bool:
    """Tell whether any key makes any of the MACs; constant time, without an early exit."""
    matched = False
    for key in keys:
        made = key.copy()  # what a key costs was paid when it was prepared
        made.update(raw_signed)
        wanted = made.digest()
        for mac in macs:
            matched |= hmac.compare_digest(mac, wanted)
    return matched


def _configured(count: int) -> str:
    return "under the configured secret" if count == 1 else f"under any of {count} secrets"


def _aged(dialect: str, moment_s: float, now: float, limit_s: float) -> Verdict:
    """Judge the time of a request whose MAC matched."""
    skew_s = now - moment_s
    if abs(skew_s) <= limit_s:
        return Verdict(True, _OK, dialect, "Signature and timestamp are fine.", skew_s)
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


_TIMELESS = Verdict(True, _OK, "k0", "Signature is fine; the request carries no timestamp.")


@dataclass(frozen=True, slots=True)
class KiketDialect:
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
        self,
        keys: Keys,
        raw_body: bytes,
        sent: Mapping[str, str],
        now: float,
        skew_s: float,
    ) -> Verdict:
        """Judge the signature headers of one request, by lower-case name, under every key."""
        name = self.name
        signature = sent.get("x-kiket-signature")
        if not signature:
            return refused(
                Reason.UNSIGNED, name, "The request carries no X-Kiket-Signature header."
            )
        mac = None
        if signature.startswith(self.prefix):
            mac = _decoded_hex(signature[len(self.prefix) :])
        if mac is None:
            return refused(
                Reason.MALFORMED,
                name,
                f"X-Kiket-Signature is not {self.prefix or 'bare'}"
                f"{'' if self.prefix else ' '}hex of 32 bytes.",
            )
        timestamp = sent.get("x-kiket-timestamp")
        if not self.timestamp_signed:
            if not _is_signed((mac,), keys.text, raw_body):
                return self._mismatch(len(keys.text))
            if not timestamp:
                return _TIMELESS
            moment_s = _iso_moment_s(timestamp) if len(timestamp) <= _ISO_LIMIT else None
            if moment_s is None:
                return refused(
                    Reason.BAD_TIMESTAMP,
                    name,
                    "Signature is fine, but X-Kiket-Timestamp is not ISO-8601 with an offset or Z.",
                )
            return _aged(name, moment_s, now, skew_s)
        if not timestamp:
            return refused(
                Reason.MISSING_TIMESTAMP,
                name,
                "The request carries no X-Kiket-Timestamp header, and this dialect signs it.",
            )
        if not _UNIX.fullmatch(timestamp):
            return refused(
                Reason.BAD_TIMESTAMP, name, "X-Kiket-Timestamp is not a number of unix seconds."
            )
        if not _is_signed((mac,), keys.text, timestamp.encode() + b"." + raw_body):
            return self._mismatch(len(keys.text))
        return _aged(name, int(timestamp), now, skew_s)

    def _mismatch(self, count: int) -> Verdict:
        signed = "timestamp and body do" if self.timestamp_signed else "body does"
        return refused(
            Reason.MISMATCH,
            self.name,
            f"The {signed} not match X-Kiket-Signature {_configured(count)}.",
        )


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
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
        self,
        keys: Keys,
        raw_body: bytes,
        sent: Mapping[str, str],
        now: float,
        skew_s: float,
    ) -> Verdict:
        """Judge the signature headers of one request, by lower-case name, under every key."""
        name = self.name
        signature = sent.get("webhook-signature")
        message_id = sent.get("webhook-id", "")
        timestamp = sent.get("webhook-timestamp")
        if not signature:
            return refused(
                Reason.UNSIGNED, name, "The request carries no webhook-signature header."
            )
        if not _MESSAGE_ID.fullmatch(message_id):
            return refused(
                Reason.MALFORMED,
                name,
                "webhook-id must be 1 to 128 letters, digits, underscores or hyphens.",
            )
        if not timestamp:
            return refused(
                Reason.MISSING_TIMESTAMP, name, "The request carries no webhook-timestamp header."
            )
        if not _UNIX.fullmatch(timestamp):
            return refused(
                Reason.BAD_TIMESTAMP, name, "webhook-timestamp is not a number of unix seconds."
            )
        entries = signature.split(" ", _SIGNATURES_LIMIT)
        if len(entries) > _SIGNATURES_LIMIT:
            return refused(
                Reason.MALFORMED,
                name,
                f"webhook-signature holds more than {_SIGNATURES_LIMIT} signatures.",
            )
        decoded = (_decoded_base64(entry[3:]) for entry in entries if entry.startswith("v1,"))
        macs = [mac for mac in decoded if mac is not None]
        if not macs:
            return refused(
                Reason.MALFORMED, name, "webhook-signature holds no readable v1,<base64> signature."
            )
        if not keys.standard:
            return refused(
                Reason.BAD_SECRET,
                name,
                "The configured secret starts with whsec_, but the rest is not base64.",
            )
        signed = f"{message_id}.{timestamp}.".encode() + raw_body
        if not _is_signed(macs, keys.standard, signed):
            return refused(
                Reason.MISMATCH,
                name,
                f"The id, timestamp and body do not match webhook-signature "
                f"{_configured(len(keys.text))}.",
            )
        return _aged(name, int(timestamp), now, skew_s)


Judge = KiketDialect | StandardWebhooks


def _verify_alone(
    judge: Judge,
    secret: str,
    raw_body: bytes,
    headers: Mapping[str, str],
    now: float,
    skew_s: float,
) -> Verdict:
    sent = signature_headers(headers)
    if isinstance(sent, str):
        return refused(Reason.MALFORMED, judge.name, f"The header {sent} was sent more than once.")
    keys = keys_of((secret,))
    if not keys.text:
        return refused(Reason.NO_SECRET, judge.name, "No webhook secret is configured.")
    return judge.judge(keys, raw_body, sent, now, skew_s)
