"""Let ordinary webhooks in at once: most are signed with one secret that counts at any time.

Here stands only who is let in for certain, in as few steps as that takes. Whoever is not is judged
by `_signing`, which lets in all whom this does, and says why not.
"""

from __future__ import annotations

import functools
import time
from binascii import b2a_base64, unhexlify
from hmac import compare_digest
from typing import TYPE_CHECKING

import msgspec

from kiket_sdk._dialects import ISO_LIMIT, is_message_id, is_unix_time, iso_moment_s
from kiket_sdk._keys import ALWAYS, MacKey
from kiket_sdk._signing import SKEW_S

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kiket_sdk._keys import Keys

_K1_PREFIX = b"sha256="


class OrdinaryWebhooks(msgspec.Struct, frozen=True):
    """One secret, by its text and by what sw1 reads in it, and the dialects that are let in."""

    text: MacKey
    standard: MacKey
    accepts_k0: bool
    accepts_k1: bool
    accepts_sw1: bool

    def include(self, raw_body: bytes, sent: Mapping[bytes, bytes]) -> bool:
        """Tell whether a request with `x-kiket-signature` is well signed as k0 or k1, and fresh.

        `sent` are all its headers, by lower-case name.
        """
        if b"webhook-signature" in sent or b"webhook-id" in sent or b"webhook-timestamp" in sent:
            return False
        signature, timestamp = sent[b"x-kiket-signature"], sent.get(b"x-kiket-timestamp", b"")
        making = self.text.ready.copy()
        is_k1 = signature.startswith(_K1_PREFIX)
        if is_k1:
            signature = signature[len(_K1_PREFIX) :]
            making.update(timestamp + b".")
        making.update(raw_body)
        try:
            if not compare_digest(unhexlify(signature), making.digest()):
                return False
        except ValueError:
            return False
        if is_k1:
            moment_s = _unix_moment_s(timestamp) if self.accepts_k1 else None
        else:
            is_read = self.accepts_k0 and len(timestamp) <= ISO_LIMIT
            moment_s = iso_moment_s(timestamp) if is_read else None
        return moment_s is not None and abs(time.time() - moment_s) <= SKEW_S

    def include_standard(self, raw_body: bytes, sent: Mapping[bytes, bytes]) -> bool:
        """Tell whether a request without `x-kiket-signature` is well signed as sw1, and fresh."""
        message_id = sent.get(b"webhook-id", b"")
        timestamp = sent.get(b"webhook-timestamp", b"")
        making = self.standard.ready.copy()
        making.update(b".".join((message_id, timestamp, raw_body)))
        wanted = b"v1," + b2a_base64(making.digest(), newline=False)
        if not compare_digest(sent.get(b"webhook-signature", b""), wanted):
            return False
        moment_s = _unix_moment_s(timestamp) if self.accepts_sw1 else None
        return (
            moment_s is not None
            and abs(time.time() - moment_s) <= SKEW_S
            and is_message_id(message_id)
        )


@functools.lru_cache(maxsize=256)  # senders stamp by the second, so a burst parses once
def _unix_moment_s(timestamp: bytes) -> float | None:
    """Return unix seconds that were signed, None when they are not written as such."""
    return int(timestamp) if is_unix_time(timestamp) else None


def ordinary(keys: Keys, accept: Collection[str]) -> OrdinaryWebhooks | None:
    """Return which webhooks are ordinary, None where no one secret decides at any time."""
    if len(keys.text) != 1 or len(keys.standard) != 1 or keys.public:
        return None
    (text,), (standard,) = keys.text, keys.standard
    if text.term is not ALWAYS:
        return None
    return OrdinaryWebhooks(text, standard, "k0" in accept, "k1" in accept, "sw1" in accept)
