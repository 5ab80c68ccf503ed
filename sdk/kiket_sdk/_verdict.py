"""What is read from a signed request, and what is found about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


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


class SignatureFields(NamedTuple):
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


def lower_case_fields(headers: Mapping[str, str]) -> SignatureFields:
    """Pick the signature headers out of lower-case names, none of which was repeated."""
    get = headers.get
    return SignatureFields(
        get("x-kiket-signature", ""),
        get("x-kiket-timestamp", ""),
        get("webhook-id", ""),
        get("webhook-timestamp", ""),
        get("webhook-signature", ""),
    )


def signature_fields(
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
) -> SignatureFields | str:
    """Pick the signature headers out, or name the one that was sent twice."""
    found: list[str | None] = [None] * 5
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        index = _FIELD_OF.get(name) if name.islower() else _FIELD_OF.get(name.lower())
        if index is not None:
            if found[index] is not None:
                return name.lower()
            found[index] = value
    return SignatureFields(*[value or "" for value in found])


def refused(reason: Reason, dialect: str | None, sentence: str) -> Verdict:
    """Return the verdict on a request that is not let in."""
    return Verdict(False, reason, dialect, sentence)
