"""Whether a request is signed as AWS wants it (AWS Signature Version 4), and why not.

Stands in for what is before a function URL of AWS. What was signed is put together again by
botocore's own signer, so that a client is held to what AWS computes and not to what we do.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from kindo_message_client._sigv4 import ALGORITHM, TERMINATOR, without_token

SKEW_S = 300
"""How far the clocks of client and service may be apart."""
_AT = "%Y%m%dT%H%M%SZ"
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_REWRITABLE_BYTES = 256 * 1024
"""Bodies up to this size are looked at for another spelling of the JSON that was signed."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in."""

    method: str
    target: str
    """Path and query, as they were on the wire (still percent-encoded)."""
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """The secret half of credentials, as whoever verifies knows it."""

    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)
    """The session token that has to come along; empty: none."""


SecretOf = Callable[[str], Known | None]
"""Returns what belongs to an access key id; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a signature."""

    reason: str = ""
    """Empty: it is good. Otherwise `unsigned`, `incomplete`, `clock skew`, `wrong region`, `wrong
    service`, `unknown key`, `missing token`, `expired token`, `altered body` or `wrong secret`."""
    sentence: str = ""
    """The reason, for people."""
    status: int = 200
    """What AWS answers with."""
    error_type: str = ""
    """What AWS says in `x-amzn-errortype`."""
    message: str = ""
    """What AWS says in the body, with both strings below where the signature does not fit."""
    access_key: str = ""
    region: str = ""
    service: str = ""
    at: str = ""
    """X-Amz-Date, as `20261122T020500Z`."""
    canonical_request: str = ""
    """As it ought to have been signed, but for the session token; empty: nothing to sign came."""
    string_to_sign: str = ""

    @property
    def ok(self) -> bool:
        """Whether the signature is good."""
        return not self.reason


def verify(
    request: Received,
    secret_of: SecretOf,
    now_s: float,
    *,
    service: str = "lambda",
    region: str = "",
) -> Verdict:
    """Return whether *request* is signed for *service* and *region* (empty: whichever it says).

    *now_s* is the time in seconds since the epoch. Raises nothing for what a request may hold.
    The first call imports botocore, which takes 0.2 s.
    """
    authorization = _values(request, "authorization")
    if not authorization:
        return _UNSIGNED
    if not request.target.startswith("/"):  # `*`, or a whole URL, as only proxies are asked for
        return _incomplete(Verdict(), "The request's target is no path")
    claim = _claimed(authorization[0]) if len(authorization) == 1 else None
    if claim is None:
        return _incomplete(Verdict(), "The Authorization header is not of AWS Signature Version 4")
    told = Verdict(
        access_key=claim.access_key,
        region=claim.region,
        service=claim.service,
        at=",".join(_values(request, "x-amz-date")),
    )
    refused = _scope_refused(claim, told, now_s, service, region)
    if refused is not None:
        return refused
    known = secret_of(claim.access_key)
    if known is None:
        return replace(
            told,
            reason="unknown key",
            sentence=f"The access key {claim.access_key} is not known here.",
            status=403,
            error_type="UnrecognizedClientException",
            message="The security token included in the request is invalid.",
        )
    return _token_refused(request, known, told) or _compared(request, claim, known, told)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What an Authorization header says."""

    access_key: str
    day: str
    region: str
    service: str
    terminator: str
    names: tuple[str, ...]
    signature: str


_UNSIGNED = Verdict(
    reason="unsigned",
    sentence="It has no Authorization header, so it is not signed.",
    status=403,
    error_type="MissingAuthenticationTokenException",
    message="Missing Authentication Token",
)


def _values(request: Received, name: str) -> list[str]:
    """Return the values of the header *name*, which is in small letters."""
    return [value.strip() for each, value in request.headers if each.lower() == name]


def _claimed(value: str) -> _Claim | None:
    algorithm, _, rest = value.strip().partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    credential = fields.get("Credential", "").rsplit("/", 4)
    names = tuple(fields.get("SignedHeaders", "").split(";"))
    signature = fields.get("Signature", "")
    if algorithm != ALGORITHM or len(credential) != 5 or not _HEX_64.fullmatch(signature):
        return None
    access_key, day, region, service, terminator = credential
    return _Claim(access_key, day, region, service, terminator, names, signature)


def _scope_refused(
    claim: _Claim, told: Verdict, now_s: float, service: str, region: str
) -> Verdict | None:
    """Return what is wrong with the time, region and service that were signed for."""
    signed_s = _seconds(told.at)
    if signed_s is None or not {"host", "x-amz-date"} <= set(claim.names):
        needed = "Host and X-Amz-Date (such as 20261122T020500Z) have to be there and signed"
        return _incomplete(told, needed)
    invalid = replace(told, status=403, error_type="InvalidSignatureException")
    if claim.terminator != TERMINATOR or claim.day != told.at[:8]:
        return replace(
            invalid,
            reason="incomplete",
            sentence="The credential scope is not DAY/REGION/SERVICE/aws4_request of X-Amz-Date.",
            message="Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
            f"date from HTTP: '{claim.day}' != '{told.at[:8]}', from '{told.at}'.",
        )
    if claim.service != service:
        return replace(
            invalid,
            reason="wrong service",
            sentence=f"It is signed for the service {claim.service}; it has to be {service}.",
            message=f"Credential should be scoped to correct service: '{service}'.",
        )
    if region and claim.region != region:
        return replace(
            invalid,
            reason="wrong region",
            sentence=f"It is signed for the region {claim.region}; this is {region}.",
            message=f"Credential should be scoped to a valid region, not '{claim.region}'.",
        )
    if abs(now_s - signed_s) > SKEW_S:
        return _skewed(invalid, now_s, signed_s)
    return None


def _skewed(invalid: Verdict, now_s: float, signed_s: float) -> Verdict:
    here, there = _stamp(now_s), invalid.at
    if signed_s < now_s:
        message = (
            f"Signature expired: {there} is now earlier than {_stamp(now_s - SKEW_S)} "
            f"({here} - {SKEW_S // 60} min.)"
        )
    else:
        message = (
            f"Signature not yet current: {there} is still later than {_stamp(now_s + SKEW_S)} "
            f"({here} + {SKEW_S // 60} min.)"
        )
    way = "behind" if signed_s < now_s else "ahead"
    return replace(
        invalid,
        reason="clock skew",
        sentence=f"It is signed at {there}, and it is {here} here: the clock that signed is "
        f"{abs(now_s - signed_s):,.0f} s {way}.",
        message=message,
    )


def _token_refused(request: Received, known: Known, told: Verdict) -> Verdict | None:
    """Return what is wrong with the session token."""
    token = "".join(_values(request, "x-amz-security-token"))
    if hmac.compare_digest(token.encode(), known.token.encode()):
        return None
    refused = replace(told, status=403, error_type="UnrecognizedClientException")
    if not token:
        return replace(
            refused,
            reason="missing token",
            sentence=f"The credentials of {told.access_key} are temporary, and their session "
            "token did not come along.",
            message="The security token included in the request is invalid.",
        )
    return replace(
        refused,
        reason="expired token",
        sentence=f"The session token is not the one that belongs to {told.access_key}: it is of "
        "another session, or over.",
        error_type="ExpiredTokenException",
        message="The security token included in the request is expired",
    )


def _compared(request: Received, claim: _Claim, known: Known, told: Verdict) -> Verdict:
    """Sign *request* again as it came, and compare."""
    again = _Again(request, claim, known, told.at)
    canonical, string = again.strings(request.body)
    told = replace(told, canonical_request=without_token(canonical), string_to_sign=string)
    altered = ""
    if set(_values(request, "x-amz-content-sha256")) - {sha256(request.body).hexdigest()}:
        altered = "it does not have the hash that X-Amz-Content-SHA256 says"
    elif again.fits(string):
        return told
    else:
        others = _other_bodies(request.body)
        altered = next((how for how, raw in others if again.fits(again.strings(raw)[1])), "")
    if altered:
        sentence = f"The body was altered after it was signed: {altered}."
    else:
        sentence = (
            f"The signature does not fit: it was made with another secret than that of "
            f"{claim.access_key}, or the request was altered after it was signed."
        )
    return replace(
        told,
        reason="altered body" if altered else "wrong secret",
        sentence=sentence,
        status=403,
        error_type="InvalidSignatureException",
        message="The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation "
        "for details.\n\nThe Canonical String for this request should have been\n"
        f"'{told.canonical_request}'\n\nThe String-to-Sign should have been\n'{string}'\n",
    )


class _Again:
    """Signs a request that came as botocore would have, with the headers that it names."""

    def __init__(self, request: Received, claim: _Claim, known: Known, at: str) -> None:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.compat import HTTPHeaders
        from botocore.credentials import Credentials

        named: Any = HTTPHeaders()
        for name, value in request.headers:
            if name.lower() in claim.names:
                named[name.lower()] = value

        class AsNamed(SigV4Auth):
            """Signs what the client says, also what botocore leaves out as proxies change it."""

            def headers_to_sign(self, request: AWSRequest) -> Any:
                del request
                return named

        credentials = Credentials(claim.access_key, known.secret_key)
        self._auth = AsNamed(credentials, claim.service, claim.region)
        self._signature = claim.signature
        self._request: Any = AWSRequest(request.method, "http://host" + request.target)
        self._request.context["timestamp"] = at

    def strings(self, raw_body: bytes) -> tuple[str, str]:
        """Return canonical request and string to sign for *raw_body*."""
        del self._request.headers["X-Amz-Content-SHA256"]  # setting it would add another
        self._request.headers["X-Amz-Content-SHA256"] = sha256(raw_body).hexdigest()
        canonical = self._auth.canonical_request(self._request)
        return canonical, self._auth.string_to_sign(self._request, canonical)

    def fits(self, string_to_sign: str) -> bool:
        """Return whether it is this that the signature is of."""
        signature = self._auth.signature(string_to_sign, self._request)
        return hmac.compare_digest(signature, self._signature)


def _other_bodies(raw_body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield bodies that may have been signed instead of *raw_body*, and what was done to them."""
    yield "it was signed without a body", b""
    yield "line ends were changed", raw_body.strip()
    yield "line ends were changed", raw_body + b"\n"
    if len(raw_body) > _REWRITABLE_BYTES:
        return
    try:
        value = json.loads(raw_body)
    except (ValueError, RecursionError):
        return
    for separators in ((", ", ": "), (",", ":")):
        for is_ascii in (True, False):
            text = json.dumps(value, separators=separators, ensure_ascii=is_ascii)
            # Half a pair of surrogates cannot be encoded, and cannot have been signed so.
            yield "its JSON was written anew", text.encode(errors="replace")


def _incomplete(told: Verdict, sentence: str) -> Verdict:
    return replace(
        told,
        reason="incomplete",
        sentence=f"{sentence}.",
        status=403,
        error_type="IncompleteSignatureException",
        message=f"{sentence}.",
    )


def _seconds(at: str) -> float | None:
    try:
        return datetime.strptime(at, _AT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _stamp(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime(_AT)
