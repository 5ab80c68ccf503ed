"""What is read from a signed request, and what is found about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec


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
    RETIRED = "retired"


class Verdict(msgspec.Struct, frozen=True):
    """What was found about one request's signature.

    `dialect` is the one that decided, `skew_s` how old the timestamp is in seconds (negative:
    ahead), `nearest` a dialect that matches the bytes but was not accepted or not asked. `key_id`
    names the secret that matched: as it is configured, or "secret 2" of several without names.
    """

    ok: bool
    reason: Reason
    dialect: str | None
    sentence: str
    skew_s: float | None = None
    nearest: str | None = None
    key_id: str | None = None


_CARRIERS = frozenset(
    {
        b"x-kiket-signature",
        b"x-kiket-timestamp",
        b"webhook-id",
        b"webhook-timestamp",
        b"webhook-signature",
    }
)


def signature_headers(
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
) -> dict[bytes, bytes] | str:
    """Pick the headers that carry a signature out, or name the one that was sent twice."""
    found: dict[bytes, bytes] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        raw_name = _raw(name).lower()
        if raw_name in _CARRIERS:
            if raw_name in found:
                return raw_name.decode()
            found[raw_name] = _raw(value)
    return found


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def refused(reason: Reason, dialect: str | None, sentence: str) -> Verdict:
    """Return the verdict on a request that is not let in."""
    return Verdict(False, reason, dialect, sentence)
