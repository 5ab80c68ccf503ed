"""A request is good if AWS would take it; if not, the verdict says why, as AWS does and better."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kindo_message_client._sigv4 import Signed, Signer
from kindo_message_client._verification import Known, Received, Verdict, verify

NOW_S = 1_795_312_800.0  # 2026-11-22T02:00:00Z
URL = "http://127.0.0.1:8080/producer/a%20b?b=2&a=1"
REGION = "ap-southeast-2"
BODY = b'{"event_type": "a", "payload": {"n": "Zo\\u00eb"}}'
SIGNER = Signer(URL, REGION, "lambda", "AKIAKNOWN", "secret")
TEMPORARY = Signer(URL, REGION, "lambda", "ASIAKNOWN", "secret", "session-token")
SECRETS = {"AKIAKNOWN": Known("secret"), "ASIAKNOWN": Known("secret", "session-token")}


def received(signed: Signed, body: bytes = BODY, **headers: str) -> Received:
    """Return what comes in for *signed*, with *headers* in place of, or beside, its own."""
    parts = urlsplit(signed.url)
    sent = {"Host": parts.netloc, "User-Agent": "test", **signed.headers}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Received("POST", f"{parts.path}?{parts.query}", [*sent.items()], body)


def judged(request: Received, now_s: float = NOW_S, region: str = "") -> Verdict:
    return verify(request, SECRETS.get, now_s, region=region)


@pytest.mark.parametrize("signer", [SIGNER, TEMPORARY])
@pytest.mark.parametrize("late_s", [-300, 0, 300])
def test_what_is_signed_as_it_should_be_is_taken(signer: Signer, late_s: float) -> None:
    verdict = judged(received(signer.describe(BODY, NOW_S)), NOW_S + late_s, REGION)
    assert verdict.ok
    assert verdict.status == 200
    assert (verdict.access_key, verdict.region) == (signer.access_key, REGION)
    assert verdict.canonical_request == signer.describe(BODY, NOW_S).canonical_request
    assert verdict.string_to_sign == signer.describe(BODY, NOW_S).string_to_sign


@pytest.mark.parametrize("left_out", [["user-agent"], []])
def test_what_botocore_signs_is_taken_whatever_headers_it_signs(
    left_out: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.auth, "SIGNED_HEADERS_BLACKLIST", left_out)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "somebody  else",
        "X-Amz-Content-SHA256": hashlib.sha256(BODY).hexdigest(),
    }
    request = AWSRequest("POST", URL, data=BODY, headers=headers)
    botocore.auth.SigV4Auth(Credentials("AKIAKNOWN", "secret"), "lambda", REGION).add_auth(request)
    monkeypatch.undo()
    sent = [("host", "127.0.0.1:8080"), *request.headers.items()]
    assert ("user-agent" in str(sent)) == (not left_out)
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert judged(Received("POST", "/producer/a%20b?b=2&a=1", sent, BODY), at.timestamp()).ok


def another(**changes: str) -> Signer:
    values = {"region": REGION, "service": "lambda", "key": "AKIAKNOWN", "secret": "secret"}
    values |= {"token": ""} | changes
    return Signer(
        URL,
        values["region"],
        values["service"],
        values["key"],
        values["secret"],
        values["token"],
    )


SIGNED = SIGNER.describe(BODY, NOW_S)
REFUSED = {
    "without a signature": (
        Received("POST", "/", [("host", "h")], BODY),
        ("unsigned", "MissingAuthenticationTokenException"),
        "has no Authorization header",
    ),
    "with a bearer token": (
        received(SIGNED, Authorization="Bearer abc"),
        ("incomplete", "IncompleteSignatureException"),
        "not of AWS Signature Version 4",
    ),
    "with half a signature": (
        received(SIGNED, Authorization=SIGNED.headers["Authorization"][:-1]),
        ("incomplete", "IncompleteSignatureException"),
        "not of AWS Signature Version 4",
    ),
    "without a time": (
        received(SIGNED, X_Amz_Date=""),
        ("incomplete", "IncompleteSignatureException"),
        "X-Amz-Date",
    ),
    "with a host that is not signed": (
        received(SIGNED, Authorization=SIGNED.headers["Authorization"].replace("host;", "")),
        ("incomplete", "IncompleteSignatureException"),
        "Host and X-Amz-Date",
    ),
    "for another day than it says": (
        received(SIGNED, X_Amz_Date="20261123T020000Z"),
        ("incomplete", "InvalidSignatureException"),
        "credential scope",
    ),
    "too early": (
        received(SIGNER.describe(BODY, NOW_S - 301)),
        ("clock skew", "InvalidSignatureException"),
        "301 s behind",
    ),
    "too late": (
        received(SIGNER.describe(BODY, NOW_S + 301)),
        ("clock skew", "InvalidSignatureException"),
        "301 s ahead",
    ),
    "for another region": (
        received(another(region="us-east-1").describe(BODY, NOW_S)),
        ("wrong region", "InvalidSignatureException"),
        "region us-east-1; this is ap-southeast-2",
    ),
    "for another service": (
        received(another(service="s3").describe(BODY, NOW_S)),
        ("wrong service", "InvalidSignatureException"),
        "service s3; it has to be lambda",
    ),
    "by somebody unknown": (
        received(another(key="AKIAOTHER").describe(BODY, NOW_S)),
        ("unknown key", "UnrecognizedClientException"),
        "AKIAOTHER is not known",
    ),
    "without its session token": (
        received(another(key="ASIAKNOWN").describe(BODY, NOW_S)),
        ("missing token", "UnrecognizedClientException"),
        "did not come along",
    ),
    "with an old session token": (
        received(another(key="ASIAKNOWN", token="before").describe(BODY, NOW_S)),
        ("expired token", "ExpiredTokenException"),
        "of another session",
    ),
    "with another secret": (
        received(another(secret="wrong").describe(BODY, NOW_S)),
        ("wrong secret", "InvalidSignatureException"),
        "another secret than that of AKIAKNOWN",
    ),
    "with another body": (
        received(SIGNED, b"{}"),
        ("wrong secret", "InvalidSignatureException"),
        "or the request was altered",
    ),
    "with JSON that was written anew": (
        received(SIGNED, json.dumps(json.loads(BODY), separators=(",", ":")).encode()),
        ("altered body", "InvalidSignatureException"),
        "its JSON was written anew",
    ),
    "with a line end more": (
        received(SIGNED, BODY + b"\n"),
        ("altered body", "InvalidSignatureException"),
        "line ends were changed",
    ),
    "signed before it had a body": (
        received(SIGNER.describe(b"", NOW_S)),
        ("altered body", "InvalidSignatureException"),
        "signed without a body",
    ),
    "with a hash of another body": (
        received(SIGNED, X_Amz_Content_SHA256=hashlib.sha256(b"").hexdigest()),
        ("altered body", "InvalidSignatureException"),
        "X-Amz-Content-SHA256",
    ),
    "without the body in the signature": (
        received(SIGNED, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"),
        ("altered body", "InvalidSignatureException"),
        "X-Amz-Content-SHA256",
    ),
    "to another path": (
        dataclasses.replace(received(SIGNED), target="/other"),
        ("wrong secret", "InvalidSignatureException"),
        "or the request was altered",
    ),
    "to another host": (
        received(SIGNED, Host="elsewhere"),
        ("wrong secret", "InvalidSignatureException"),
        "or the request was altered",
    ),
    "with two signatures": (
        Received("POST", "/", [*received(SIGNED).headers] * 2, BODY),
        ("incomplete", "IncompleteSignatureException"),
        "not of AWS Signature Version 4",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_is_signed_otherwise_is_refused_with_the_reason(how: str) -> None:
    request, (reason, error_type), words = REFUSED[how]
    verdict = judged(request, region=REGION)
    assert not verdict.ok
    assert (verdict.reason, verdict.error_type, verdict.status) == (reason, error_type, 403)
    assert words in verdict.sentence
    assert verdict.sentence.endswith(".")
    assert verdict.message


def test_any_region_is_taken_unless_one_is_asked_for() -> None:
    request = received(another(region="us-east-1").describe(BODY, NOW_S))
    assert judged(request).ok
    assert judged(request, region=REGION).reason == "wrong region"


def test_the_answer_tells_what_ought_to_have_been_signed_but_no_session_token() -> None:
    verdict = judged(received(TEMPORARY.describe(BODY, NOW_S), b"{}"))
    assert f"should have been\n'{verdict.canonical_request}'" in verdict.message
    assert f"should have been\n'{verdict.string_to_sign}'" in verdict.message
    assert "x-amz-security-token:[redacted]" in verdict.canonical_request
    assert "session-token" not in repr(verdict)


@pytest.mark.parametrize(
    "target", ["", "*", "[", "//", "http://h/x", "/%zz?%", "/[", "/?" + "&" * 100, "/é"]
)
@pytest.mark.parametrize(
    "authorization",
    ["", ",", "=", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e", "é" * 1000],
)
def test_nothing_that_can_be_sent_raises(target: str, authorization: str) -> None:
    hostile = [("Authorization", authorization), ("X-Amz-Date", "99999999T999999Z")]
    assert not judged(Received("POST", target, hostile, b"[" * 100_000)).ok
    signed = [*received(SIGNED).headers, ("X-Amz-Security-Token", "\u00ff")]
    assert not judged(Received("POST", target, signed, b"[" * 100_000)).ok
