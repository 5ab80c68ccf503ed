"""Why a signed request was refused, from what was signed and what was answered.

What AWS says is short, and not the same in all services. Beside its words there are the clock in
the answer's Date header, the region in the host name, the kind of the access key, and, where the
answer has them, the strings that ought to have been signed, which are compared line by line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from itertools import zip_longest
from typing import TYPE_CHECKING

from kindo_message_client._url import region_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kindo_message_client._sigv4 import Signed

SKEW_S = 300
"""How far the clocks of client and service may be apart."""
SENTENCES = {
    "unsigned": (
        "The message was sent without a signature, and the receiver wants one.",
        "Send it signed, with credentials of AWS.",
    ),
    "incomplete": (
        "The signature has not all parts that the receiver wants: {message}",
        "Sign with the present clock, and send all headers that are named in the signature.",
    ),
    "clock skew": (
        "The clocks are too far apart{skew}; 5 minutes are allowed.",
        "Set this computer's clock, as `timedatectl set-ntp true` does, and send again.",
    ),
    "wrong region": (
        "It was signed for the region {region}{host_region}.",
        "Sign for the region that the URL is in.",
    ),
    "wrong service": (
        "It was signed for the service {service}, and the receiver is {their_service}.",
        "Sign for the service {their_service}.",
    ),
    "unknown key": (
        "The access key {key} is not known to the receiver{or_token}.",
        "Take credentials of the account of the URL; deleted or inactive keys are unknown, too.",
    ),
    "missing token": (
        "The access key {key} is a temporary one, and its session token was not sent.",
        "Give the session token, too: AWS_SESSION_TOKEN, or aws_session_token of the profile.",
    ),
    "expired token": (
        "The session token of {key} is over.",
        "Get new credentials, as with `aws sso login` or by assuming the role again.",
    ),
    "altered body": (
        "The body that came is not the one that was signed.",
        "Sign the very bytes that are sent, and look for a proxy that writes JSON anew.",
    ),
    "altered request": (
        "The request that came is not the one that was signed: {what}.",
        "Look for a proxy between here and the receiver that changes it.",
    ),
    "wrong secret": (
        "{certainty}.",
        "Check that AWS_SECRET_ACCESS_KEY, or that of the profile, belongs to {key}.",
    ),
    "not allowed": (
        "The signature is good, but {key} may not do this: {message}",
        "Ask for lambda:InvokeFunctionUrl and lambda:InvokeFunction on this function.",
    ),
    "unknown": ("The receiver refused it and does not say why: {message}", ""),
}
"""Sentence and hint by reason."""
_AT = "%Y%m%dT%H%M%SZ"
_REFUSALS = (400, 401, 403)
_CLUES = (
    ("unsigned", ("missing authentication token", "missingauthenticationtoken")),
    ("clock skew", ("signature expired", "signature not yet current", "requesttimetooskewed")),
    ("wrong region", ("scoped to a valid region",)),
    ("wrong service", ("scoped to correct service",)),
    ("incomplete", ("incompletesignature", "date in credential scope does not match")),
    ("expired token", ("expiredtoken", "security token included in the request is expired")),
    ("unknown key", ("security token included in the request is invalid",)),
    ("unknown key", ("unrecognizedclient", "invalidclienttokenid", "invalidaccesskeyid")),
    ("wrong secret", ("signature we calculated does not match", "signaturedoesnotmatch")),
    ("not allowed", ("not authorized to perform", "accessdenied", "forbidden")),
)
"""What AWS's words say, in small letters; the first that is found counts."""
_STRINGS = re.compile(
    r"The Canonical String for this request should have been\s+'([^']*)'\s+"
    r"The String-to-Sign should have been\s+'([^']*)'"
)
_THEIR_CLOCK = re.compile(r"\((\d{8}T\d{6}Z) [+-] \d+ min")
_SERVICE = re.compile(r"scoped to correct service: '([\w-]+)'")
_TEMPORARY = "ASIA"
"""What the ids of temporary access keys begin with (IAM identifiers, AWS documentation)."""
_READ_CHARACTERS = 16 * 1024
_QUOTED_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request was refused."""

    reason: str
    """One of the keys of `SENTENCES`."""
    sentence: str
    hint: str = ""
    """What to do next."""
    evidence: tuple[tuple[str, str, str], ...] = ()
    """What was compared: (what, ours, theirs)."""


def explain(
    status: int, headers: Iterable[tuple[str, str]], text: str, signed: Signed | None
) -> Explanation | None:
    """Return why the answer with *status*, *headers* and body *text* refuses what was *signed*.

    *signed* is None for what was sent without a signature. None comes back where the answer is no
    refusal: its status is none of 400, 401 and 403, or a 400 says nothing of signatures. What is
    quoted of the answer is as it came: it may hold control characters, and what was sent.
    """
    if status not in _REFUSALS:
        return None
    answer = _read(status, headers, text)
    if answer.reason == "unknown" and status == 400:
        return None
    if signed is None:
        return Explanation("unsigned", *SENTENCES["unsigned"])
    reason = answer.reason
    if reason == "unknown key" and _lacks_token(signed):
        reason = "missing token"
    elif reason in {"not allowed", "unknown"}:
        reason = _of_evidence(signed, answer) or reason
    elif reason == "wrong secret" and answer.strings:
        return _compared(signed, answer)
    return _told(reason, signed, answer, _evidence(reason, signed, answer))


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was answered, read."""

    reason: str
    """As far as the words say."""
    message: str
    at: datetime | None
    """When, by the receiver's clock."""
    strings: tuple[str, str] | None
    """Canonical request and string to sign, as they ought to have been."""


def _read(status: int, headers: Iterable[tuple[str, str]], text: str) -> _Answer:
    by_name = {name.lower(): value for name, value in headers}
    text = text[:_READ_CHARACTERS]
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, dict) else {}
    message = str(fields.get("message") or fields.get("Message") or text).strip()
    kind = by_name.get("x-amzn-errortype") or str(fields.get("__type") or "")
    words = f"{kind} {message}".lower()
    found = (reason for reason, clues in _CLUES if any(clue in words for clue in clues))
    told = str(fields.get("reason"))  # the local sink knows more than AWS says
    strings = _STRINGS.search(message)
    return _Answer(
        told if told in SENTENCES else next(found, "unknown"),
        message or f"HTTP status {status}.",
        _time(message) or _date(by_name.get("date", "")),
        (strings[1], strings[2]) if strings else None,
    )


def _time(message: str) -> datetime | None:
    found = _THEIR_CLOCK.search(message)
    try:
        return datetime.strptime(found[1], _AT).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _lacks_token(signed: Signed) -> bool:
    return signed.access_key.startswith(_TEMPORARY) and not signed.has_token


def _skew_s(signed: Signed, answer: _Answer) -> float:
    """Return by how many seconds our clock is ahead of the receiver's; 0 where it says nothing."""
    if answer.at is None:
        return 0.0
    ours = datetime.strptime(signed.at, _AT).replace(tzinfo=UTC)
    return (ours - answer.at).total_seconds()


def _of_evidence(signed: Signed, answer: _Answer) -> str:
    """Return what is wrong with what was *signed*, whatever the words say; empty: nothing seen."""
    region = region_of(signed.url)
    if abs(_skew_s(signed, answer)) > SKEW_S:
        return "clock skew"
    if region and region != signed.region:
        return "wrong region"
    if region and signed.service != "lambda":
        return "wrong service"
    return "missing token" if _lacks_token(signed) else ""


def _evidence(reason: str, signed: Signed, answer: _Answer) -> tuple[tuple[str, str, str], ...]:
    match reason:
        case "clock skew":
            return (("clock", signed.at, answer.at.strftime(_AT) if answer.at else "not said"),)
        case "wrong region":
            return (("region", signed.region, region_of(signed.url) or "another"),)
        case "wrong service":
            return (("service", signed.service, _service(answer)),)
        case "missing token" | "expired token":
            return (("session token", "sent" if signed.has_token else "not sent", "needed"),)
        case "unknown key" | "not allowed" | "wrong secret":
            return (("access key", shortened(signed.access_key), ""),)
    return ()


def _service(answer: _Answer) -> str:
    found = _SERVICE.search(answer.message)
    return found[1] if found else "lambda"


def _compared(signed: Signed, answer: _Answer) -> Explanation:
    """Compare what was *signed* with what ought to have been."""
    canonical, string = answer.strings or ("", "")
    ours, theirs = signed.canonical_request.split("\n"), canonical.split("\n")
    names = ["method", "path", "query", *(line.partition(":")[0] for line in ours[3:-1]), "body"]
    differing = tuple(
        (what or "headers", mine, other)
        for what, mine, other in zip_longest(names, ours, theirs, fillvalue="")
        if mine != other
    )
    if [what for what, *_ in differing] == ["body"]:
        evidence = (("SHA-256 of the body", *differing[0][1:]),)
        return _told("altered body", signed, answer, evidence)
    if differing:
        return _told("altered request", signed, answer, differing)
    if string != signed.string_to_sign:
        evidence = (("string to sign", signed.string_to_sign, string),)
        return _told("altered request", signed, answer, evidence)
    digest = sha256(canonical.encode()).hexdigest()
    return _told("wrong secret", signed, answer, (("canonical request", digest, digest),))


def _told(
    reason: str, signed: Signed, answer: _Answer, evidence: tuple[tuple[str, str, str], ...]
) -> Explanation:
    skew_s, region = _skew_s(signed, answer), region_of(signed.url)
    certain = "The request is the one that was signed, so the secret is not that of {key}"
    likely = "The secret is not that of {key}, or the request was altered after it was signed"
    words = {
        "key": shortened(signed.access_key),
        "message": answer.message[:_QUOTED_CHARACTERS],
        "skew": f": this one is {abs(skew_s):,.0f} s {'ahead' if skew_s > 0 else 'behind'}"
        if abs(skew_s) > SKEW_S
        else "",
        "region": signed.region,
        "host_region": f", and the URL is in {region}"
        if region and region != signed.region
        else ", and the receiver is in another",
        "service": signed.service,
        "their_service": _service(answer),
        "or_token": ", or the session token does not belong to it" if signed.has_token else "",
        "what": ", ".join(dict.fromkeys(what for what, *_ in evidence)),
    }
    words["certainty"] = (certain if evidence and answer.strings else likely).format(**words)
    sentence, hint = SENTENCES[reason]
    return Explanation(reason, sentence.format(**words), hint.format(**words), evidence)


def shortened(access_key: str) -> str:
    """Return an access key id as it is shown: `AKIA…7Q`."""
    return access_key if len(access_key) <= 8 else f"{access_key[:4]}…{access_key[-2:]}"
