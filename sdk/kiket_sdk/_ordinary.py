"""Let ordinary webhooks in at once: they are fresh, and signed with a secret that counts now.

Here stands only who is let in for certain, in as few steps as that takes. Whoever is not is judged
by `_signing`, which lets in all whom this does, and says why not.
"""

from __future__ import annotations

import functools
import time
from binascii import b2a_base64, hexlify
from hmac import compare_digest
from typing import TYPE_CHECKING

import msgspec

from kiket_sdk._dialects import HEX_DIGITS, ISO_LIMIT, is_message_id, is_unix_time, iso_moment_s
from kiket_sdk._signing import SKEW_S

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kiket_sdk._keys import Keys, MacKey, Term


class OrdinaryWebhooks(msgspec.Struct, frozen=True):
    """The secrets that let in webhooks of each dialect; none where that is not accepted."""

    k0: tuple[MacKey, ...]
    k1: tuple[MacKey, ...]
    sw1: tuple[MacKey, ...]

    def term_of(self, raw_body: bytes, sent: Mapping[bytes, bytes]) -> Term | None:
        """Return the term of the secret that lets a request in, None where it takes a judgement.

        `sent` are all its headers, by lower-case name. The first secret that matches decides:
        whoever knows none has them all tried, and so learns nothing from the time taken.
        """
        signature = sent.get(b"x-kiket-signature")
        if signature is None:
            return self._standard_term_of(raw_body, sent)
        if b"webhook-signature" in sent or b"webhook-id" in sent or b"webhook-timestamp" in sent:
            return None
        timestamp = sent.get(b"x-kiket-timestamp", b"")
        if len(signature) == HEX_DIGITS:
            for key in self.k0:
                if compare_digest(signature, hexlify(key.mac(raw_body))):
                    is_read = len(timestamp) <= ISO_LIMIT
                    return _fresh(key.term, iso_moment_s(timestamp) if is_read else None)
            return None
        raw_signed = b".".join((timestamp, raw_body))
        for key in self.k1:
            if compare_digest(signature, b"sha256=" + hexlify(key.mac(raw_signed))):
                return _fresh(key.term, _unix_moment_s(timestamp))
        return None

    def _standard_term_of(self, raw_body: bytes, sent: Mapping[bytes, bytes]) -> Term | None:
        signature = sent.get(b"webhook-signature", b"")
        message_id = sent.get(b"webhook-id", b"")
        timestamp = sent.get(b"webhook-timestamp", b"")
        raw_signed = b".".join((message_id, timestamp, raw_body))
        for key in self.sw1:
            mac = b2a_base64(key.mac(raw_signed), newline=False)
            if compare_digest(signature, b"v1," + mac) and is_message_id(message_id):
                return _fresh(key.term, _unix_moment_s(timestamp))
        return None


def _fresh(term: Term, moment_s: float | None) -> Term | None:
    """Return a term that it is now, when what was signed at a moment is not old."""
    now = time.time()
    if moment_s is None or abs(now - moment_s) > SKEW_S or not term.begins_s <= now <= term.ends_s:
        return None
    return term


@functools.lru_cache(maxsize=256)  # senders stamp by the second, so a burst parses once
def _unix_moment_s(timestamp: bytes) -> float | None:
    """Return unix seconds that were signed, None when they are not written as such."""
    return int(timestamp) if is_unix_time(timestamp) else None


def ordinary(keys: Keys, accept: Collection[str]) -> OrdinaryWebhooks:
    """Return which webhooks are ordinary: those of the dialects that most senders sign in."""
    return OrdinaryWebhooks(
        k0=keys.text if "k0" in accept else (),
        k1=keys.text if "k1" in accept else (),
        sw1=keys.standard if "sw1" in accept else (),
    )
