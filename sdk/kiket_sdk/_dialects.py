"""The dialects, each of which signs a body and judges a request."""

from __future__ import annotations

import base64
import binascii
import functools
import hmac
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from msgspec.structs import replace

from kiket_sdk._keys import (
    is_asymmetric,
    keys_of,
    problem_of,
    signer,
    standard_key,
    text_key,
)
from kiket_sdk._verdict import Reason, Verdict, refused, signature_headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_sdk._keys import Keys, MacKey, PublicKey, Term

_SIGNATURES_LIMIT = 16  # entries of a `webhook-signature` list
ISO_LIMIT = 64
HEX_DIGITS = 64  # of a MAC
_UNIX_DIGITS = 11
_ID_LIMIT = 128
# a dot in an id would move the seam between id and timestamp
_ID_SIGNS = f"{ascii_letters}{digits}_-".encode()
_TRIES_LIMIT = 4  # of ed25519, each of which takes long beside a MAC
_FINE = "Signature and timestamp are fine."
_OK = Reason.OK  # Python 3.11 looks members up by a descriptor, slowly


def _mac_in_hex(signature: bytes, prefix: bytes) -> bytes | None:
    """Return the MAC behind a prefix, None when that is not the hex of 32 bytes."""
    begins = len(prefix)
    if len(signature) != begins + HEX_DIGITS or not signature.startswith(prefix):
        return None
    try:
        return binascii.unhexlify(signature[begins:])
    except ValueError:
        return None


def is_unix_time(timestamp: bytes) -> bool:
    """Tell whether a text is whole unix seconds."""
    return timestamp.isdigit() and len(timestamp) <= _UNIX_DIGITS


def is_message_id(raw_text: bytes) -> bool:
    """Tell whether an id is one that sw1 can sign."""
    return 0 < len(raw_text) <= _ID_LIMIT and not raw_text.translate(None, _ID_SIGNS)


@functools.lru_cache(maxsize=256)  # senders stamp by the second, so a burst parses once
def iso_moment_s(timestamp: bytes) -> float | None:
    """Return unix seconds, None when the text is not ISO-8601 or names no offset."""
    try:
        moment = datetime.fromisoformat(timestamp.decode("ascii"))
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _matching(
    macs: Sequence[bytes], keys: Sequence[MacKey], raw_signed: bytes, now: float
) -> Term | None:
    """Return the term of the key that makes any of the MACs, one that counts now before others.

    Every key is tried on every MAC, so that the time taken tells nothing.
    """
    found: Term | None = None
    for key in keys:
        wanted = key.mac(raw_signed)
        for mac in macs:
            if compare_digest(mac, wanted) and (found is None or not found.holds(now)):
                found = key.term
    return found


def _verifying(
    signatures: Sequence[bytes], keys: Sequence[PublicKey], raw_signed: bytes, now: float
) -> Term | None:
    """Return the term of the public key that any of the signatures was made for."""
    found: Term | None = None
    pairs = ((signature, key) for key in keys for signature in signatures)
    for signature, key in itertools.islice(pairs, _TRIES_LIMIT):
        if key.is_signed(signature, raw_signed) and (found is None or not found.holds(now)):
            found = key.term
    return found


def _mismatch(dialect: str, what: str, header: str, count: int) -> Verdict:
    under = "under the configured secret" if count == 1 else f"under any of {count} secrets"
    return refused(Reason.MISMATCH, dialect, f"The {what} not match {header} {under}.")


def _aged(dialect: str, moment_s: float, now: float, limit_s: float, term: Term) -> Verdict:
    """Judge the time of a request whose signature matched."""
    skew_s = now - moment_s
    if not term.begins_s <= now <= term.ends_s:
        return _out_of_term(dialect, now, term, skew_s)
    if abs(skew_s) <= limit_s:
        key_id = term.key_id
        sentence = f"Signature and timestamp are fine under {key_id}." if key_id else _FINE
        return Verdict(True, _OK, dialect, sentence, skew_s, None, key_id)
    if skew_s > 0:
        reason, where = Reason.STALE, f"{skew_s:.0f} s old"
    else:
        reason, where = Reason.FUTURE, f"{-skew_s:.0f} s ahead of this clock"
    return Verdict(
        False,
        reason,
        dialect,
        f"Signature is fine, but the timestamp is {where}; the limit is {limit_s:g} s.",
        skew_s,
        None,
        term.key_id,
    )


def _out_of_term(dialect: str, now: float, term: Term, skew_s: float | None = None) -> Verdict:
    name = f" {term.key_id}" if term.key_id else ""
    when = "no longer" if now > term.ends_s else "not yet"
    sentence = f"Signature is fine, but its secret{name} counts {when}."
    return Verdict(False, Reason.RETIRED, dialect, sentence, skew_s, None, term.key_id)


_TIMELESS = Verdict(True, _OK, "k0", "Signature is fine; the request carries no timestamp.")


@dataclass(frozen=True, slots=True)
class KiketDialect:
    """k0, kr and k1: hex in `X-Kiket-Signature`, told apart by MAC input and prefix."""

    name: str
    timestamp_signed: bool
    prefix: bytes

    def sign(
        self, secret: str, raw_body: bytes, *, message_id: str, timestamp: float
    ) -> dict[str, str]:
        """Return `X-Kiket-Signature` and `X-Kiket-Timestamp`; `message_id` is not sent.

        Raises ValueError for a key of ed25519.
        """
        del message_id
        if is_asymmetric(secret):
            raise ValueError(
                f"{self.name} is signed with a secret; a key of ed25519 signs sw1 alone."
            )
        if self.timestamp_signed:
            moment = str(int(timestamp))
            mac = hmac.digest(text_key(secret), moment.encode() + b"." + raw_body, "sha256")
        else:
            moment = datetime.fromtimestamp(timestamp, UTC).isoformat()
            mac = hmac.digest(text_key(secret), raw_body, "sha256")
        return {
            "X-Kiket-Signature": self.prefix.decode() + mac.hex(),
            "X-Kiket-Timestamp": moment,
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
        sent: Mapping[bytes, bytes],
        now: float,
        skew_s: float,
    ) -> Verdict:
        """Judge the signature headers of one request, by lower-case name, under every key."""
        signature = sent.get(b"x-kiket-signature", b"")
        timestamp = sent.get(b"x-kiket-timestamp", b"")
        mac = _mac_in_hex(signature, self.prefix)
        if mac is None:
            return self._unreadable(signature)
        if not self.timestamp_signed:
            term = _matching((mac,), keys.text, raw_body, now)
        elif is_unix_time(timestamp):
            term = _matching((mac,), keys.text, b".".join((timestamp, raw_body)), now)
        else:
            return self._untimed(timestamp)
        if term is None:
            return self._mismatch(len(keys.text))
        if self.timestamp_signed:
            return _aged(self.name, int(timestamp), now, skew_s, term)
        if not timestamp:
            return self._timeless(now, term)
        moment_s = iso_moment_s(timestamp) if len(timestamp) <= ISO_LIMIT else None
        if moment_s is None:
            return refused(
                Reason.BAD_TIMESTAMP,
                self.name,
                "Signature is fine, but X-Kiket-Timestamp is not ISO-8601 with an offset or Z.",
            )
        return _aged(self.name, moment_s, now, skew_s, term)

    def _unreadable(self, signature: bytes) -> Verdict:
        if not signature:
            return refused(
                Reason.UNSIGNED, self.name, "The request carries no X-Kiket-Signature header."
            )
        return refused(
            Reason.MALFORMED,
            self.name,
            f"X-Kiket-Signature is not {self.prefix.decode() or 'bare'}"
            f"{'' if self.prefix else ' '}hex of 32 bytes.",
        )

    def _untimed(self, timestamp: bytes) -> Verdict:
        if not timestamp:
            return refused(
                Reason.MISSING_TIMESTAMP,
                self.name,
                "The request carries no X-Kiket-Timestamp header, and this dialect signs it.",
            )
        return refused(
            Reason.BAD_TIMESTAMP, self.name, "X-Kiket-Timestamp is not a number of unix seconds."
        )

    def _timeless(self, now: float, term: Term) -> Verdict:
        if not term.holds(now):
            return _out_of_term(self.name, now, term)
        return replace(_TIMELESS, key_id=term.key_id)

    def _mismatch(self, count: int) -> Verdict:
        signed = "timestamp and body do" if self.timestamp_signed else "body does"
        return _mismatch(self.name, signed, "X-Kiket-Signature", count)


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """sw1, and sw1a where the key is one of ed25519: Standard Webhooks 1.0."""

    name: str = "sw1"
    timestamp_signed: bool = True

    def sign(
        self, secret: str, raw_body: bytes, *, message_id: str, timestamp: float
    ) -> dict[str, str]:
        """Return the three `webhook-…` headers; a `whsk_` key signs with ed25519 (v1a).

        Raises ValueError for an id that the scheme cannot carry or a secret that is not what its
        beginning says.
        """
        if not is_message_id(message_id.encode("utf-8", "surrogatepass")):
            raise ValueError(
                f"Message id {message_id!r} cannot be signed; use 1 to 128 letters, digits, _ or -."
            )
        if problem := problem_of(secret):
            raise ValueError(problem)
        moment = str(int(timestamp))
        signed = f"{message_id}.{moment}.".encode() + raw_body
        if is_asymmetric(secret):
            make = signer(secret)
            if make is None:
                raise ValueError("A public key (whpk_) signs nothing; sign with its whsk_ key.")
            kind, raw_signature = "v1a,", make(signed)
        else:
            key = standard_key(secret) or b""
            kind, raw_signature = "v1,", hmac.digest(key, signed, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": moment,
            "webhook-signature": kind + base64.b64encode(raw_signature).decode(),
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
        sent: Mapping[bytes, bytes],
        now: float,
        skew_s: float,
    ) -> Verdict:
        """Judge the signature headers of one request, by lower-case name, under every key."""
        name = self.name
        signature = sent.get(b"webhook-signature", b"")
        message_id = sent.get(b"webhook-id", b"")
        timestamp = sent.get(b"webhook-timestamp", b"")
        if not (signature and is_unix_time(timestamp) and is_message_id(message_id)):
            return self._unreadable(signature, message_id, timestamp)
        entries = signature.split(b" ", _SIGNATURES_LIMIT)
        if len(entries) > _SIGNATURES_LIMIT:
            return refused(
                Reason.MALFORMED,
                name,
                f"webhook-signature holds more than {_SIGNATURES_LIMIT} signatures.",
            )
        macs = _of_kind(b"v1,", entries)
        signatures = _of_kind(b"v1a,", entries) if keys.public else []
        if not macs and not signatures:
            return refused(
                Reason.MALFORMED, name, "webhook-signature holds no readable v1,<base64> signature."
            )
        if macs and not signatures and not keys.standard and keys.text:
            return refused(
                Reason.BAD_SECRET,
                name,
                "The configured secret starts with whsec_, but the rest is not base64.",
            )
        raw_signed = b".".join((message_id, timestamp, raw_body))
        term = _matching(macs, keys.standard, raw_signed, now)
        if term is None and signatures:
            name = "sw1a"
            term = _verifying(signatures, keys.public, raw_signed, now)
        if term is None:
            count = len(keys.text) + len(keys.public)
            return _mismatch(name, "id, timestamp and body do", "webhook-signature", count)
        return _aged(name, int(timestamp), now, skew_s, term)

    def _unreadable(self, signature: bytes, message_id: bytes, timestamp: bytes) -> Verdict:
        if not signature:
            return refused(
                Reason.UNSIGNED, self.name, "The request carries no webhook-signature header."
            )
        if not is_message_id(message_id):
            return refused(
                Reason.MALFORMED,
                self.name,
                "webhook-id must be 1 to 128 letters, digits, underscores or hyphens.",
            )
        if not timestamp:
            return refused(
                Reason.MISSING_TIMESTAMP,
                self.name,
                "The request carries no webhook-timestamp header.",
            )
        return refused(
            Reason.BAD_TIMESTAMP, self.name, "webhook-timestamp is not a number of unix seconds."
        )


def _of_kind(kind: bytes, entries: Sequence[bytes]) -> list[bytes]:
    """Return the readable signatures of a kind in a `webhook-signature` list."""
    found = []
    for each in entries:
        if each.startswith(kind):
            try:
                found.append(binascii.a2b_base64(each[len(kind) :], strict_mode=True))
            except ValueError:
                continue
    return found


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
    if not keys.text and not keys.public:
        return refused(Reason.NO_SECRET, judge.name, "No webhook secret is configured.")
    return judge.judge(keys, raw_body, sent, now, skew_s)
