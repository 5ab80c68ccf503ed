"""A refusal is explained by what AWS says, and by what can be seen beside its words."""

import json
from email.utils import formatdate

import pytest
from tests.kindo_message_client.test_verification import (
    BODY,
    NOW_S,
    REFUSED,
    REGION,
    SECRETS,
    SIGNED,
    TEMPORARY,
    another,
    received,
)

from kindo_message_client._explanation import SENTENCES, Explanation, explain, shortened
from kindo_message_client._sigv4 import Signed, Signer
from kindo_message_client._verification import verify

FUNCTION = "https://abc.lambda-url.ap-southeast-2.on.aws/"
KEY = "AKIAIOSFODNN7EXAMPLE"


def signed(
    region: str = REGION,
    service: str = "lambda",
    key: str = KEY,
    token: str = "",
    url: str = FUNCTION,
) -> Signed:
    return Signer(url, region, service, key, "secret", token).describe(BODY, NOW_S)


def explained(
    what: Signed | None,
    message: str,
    error_type: str = "",
    *,
    status: int = 403,
    at_s: float = NOW_S,
) -> Explanation:
    headers = [("X-Amzn-ErrorType", error_type), ("Date", formatdate(at_s, usegmt=True))]
    found = explain(status, headers, json.dumps({"message": message}), what)
    assert found is not None
    return found


# What the stand-in on this machine refuses, explained from its answer alone


@pytest.mark.parametrize("how", [how for how in REFUSED if "X-Amz-Content" not in REFUSED[how][2]])
def test_what_the_sink_refuses_is_explained(how: str) -> None:
    request, (reason, error_type), _ = REFUSED[how]
    verdict = verify(request, SECRETS.get, NOW_S, region=REGION)
    body = json.dumps({"message": verdict.message, "reason": verdict.reason})
    found = explain(verdict.status, [("x-amzn-errortype", error_type)], body, SIGNED)
    assert found is not None
    assert found.sentence.endswith(".")
    if reason != "wrong secret":
        assert found.reason == reason
        assert found.hint


@pytest.mark.parametrize(
    ("how", "reason", "evidence"),
    [
        ("with another secret", "wrong secret", "canonical request"),
        ("with another body", "altered body", "SHA-256 of the body"),
        ("to another path", "altered request", "path"),
        ("to another host", "altered request", "host"),
    ],
)
def test_what_ought_to_have_been_signed_tells_apart_what_the_signature_cannot(
    how: str, reason: str, evidence: str
) -> None:
    verdict = verify(REFUSED[how][0], SECRETS.get, NOW_S)
    what = another(secret="wrong").describe(BODY, NOW_S) if reason == "wrong secret" else SIGNED
    found = explained(what, verdict.message, verdict.error_type)
    assert found.reason == reason
    assert found.evidence[0][0] == evidence
    ours, theirs = found.evidence[0][1:]
    assert (ours == theirs) == (reason == "wrong secret")


def test_a_session_token_is_in_no_explanation() -> None:
    what = TEMPORARY.describe(BODY, NOW_S)
    verdict = verify(received(what, b"{}"), SECRETS.get, NOW_S)
    found = explained(what, verdict.message)
    assert found.reason == "altered body"
    assert "session-token" not in repr(found)


# What AWS says


@pytest.mark.parametrize(
    ("what", "message", "error_type", "reason", "words"),
    [
        (None, "Forbidden", "AccessDeniedException", "unsigned", "without a signature"),
        (signed(), "Missing Authentication Token", "", "unsigned", "without a signature"),
        (
            signed(),
            (
                "Signature expired: 20261122T020000Z is now earlier than 20261122T021000Z "
                "(20261122T021500Z - 5 min.)"
            ),
            "InvalidSignatureException",
            "clock skew",
            "this one is 900 s behind",
        ),
        (
            signed(),
            (
                "Signature not yet current: 20261122T020000Z is still later than 20261122T014500Z "
                "(20261122T014000Z + 5 min.)"
            ),
            "InvalidSignatureException",
            "clock skew",
            "this one is 1,200 s ahead",
        ),
        (
            signed(region="us-east-1"),
            "Credential should be scoped to a valid region, not 'us-east-1'. ",
            "InvalidSignatureException",
            "wrong region",
            "region us-east-1, and the URL is in ap-southeast-2",
        ),
        (
            signed(service="execute-api"),
            "Credential should be scoped to correct service: 'lambda'. ",
            "InvalidSignatureException",
            "wrong service",
            "service execute-api, and the receiver is lambda",
        ),
        (
            signed(),
            "The security token included in the request is invalid.",
            "UnrecognizedClientException",
            "unknown key",
            "AKIA…LE is not known to the receiver.",
        ),
        (
            signed(key="ASIAIOSFODNN7EXAMPLE", token="t"),
            "The security token included in the request is invalid.",
            "UnrecognizedClientException",
            "unknown key",
            "or the session token does not belong to it",
        ),
        (
            signed(key="ASIAIOSFODNN7EXAMPLE"),
            "The security token included in the request is invalid.",
            "UnrecognizedClientException",
            "missing token",
            "its session token was not sent",
        ),
        (
            signed(token="t"),
            "The security token included in the request is expired",
            "ExpiredTokenException",
            "expired token",
            "session token of AKIA…LE is over",
        ),
        (
            signed(),
            (
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method."
            ),
            "InvalidSignatureException:http://internal.amazon.com/",
            "wrong secret",
            "or the request was altered",
        ),
        (
            signed(),
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            "IncompleteSignatureException",
            "incomplete",
            "requires existence",
        ),
        (
            signed(),
            "User: arn:aws:iam::1:user/x is not authorized to perform: lambda:InvokeFunctionUrl",
            "AccessDeniedException",
            "not allowed",
            "AKIA…LE may not do this: User: arn",
        ),
        (signed(), "Go away", "", "unknown", "does not say why: Go away"),
    ],
)
def test_the_words_of_aws_are_explained(
    what: Signed | None, message: str, error_type: str, reason: str, words: str
) -> None:
    found = explained(what, message, error_type)
    assert found.reason == reason
    assert words in found.sentence


@pytest.mark.parametrize(
    ("what", "at_s", "reason"),
    [
        (signed(), NOW_S + 400, "clock skew"),
        (signed(region="us-east-1"), NOW_S, "wrong region"),
        (signed(service="s3"), NOW_S, "wrong service"),
        (signed(key="ASIAX"), NOW_S, "missing token"),
        (signed(), NOW_S, "not allowed"),
        (signed(region="x", service="s3", url="https://h.example/"), NOW_S, "not allowed"),
    ],
)
def test_where_aws_says_forbidden_alone_the_evidence_is_looked_at(
    what: Signed, at_s: float, reason: str
) -> None:
    found = explained(what, "Forbidden", "AccessDeniedException", at_s=at_s)
    assert found.reason == reason


# What is no refusal, and what nobody would answer


@pytest.mark.parametrize("status", [200, 404, 429, 500])
def test_other_answers_are_no_refusals(status: int) -> None:
    assert explain(status, [], '{"message": "Forbidden"}', SIGNED) is None


def test_an_invalid_message_is_no_refused_signature() -> None:
    assert explain(400, [], '{"message": "Invalid message structure"}', SIGNED) is None
    assert explain(400, [], '{"message": "Invalid message structure"}', None) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", "[" * 100_000, '{"message": {"a": 1}}', '{"reason": []}', "{x}{key}"],
)
def test_any_answer_is_explained(text: str) -> None:
    found = explain(403, [("Date", "yesterday")], text, SIGNED)
    assert found is not None
    assert found.reason == "unknown"
    assert len(found.sentence) < 500


@pytest.mark.parametrize("date", ["", "Sun, 22 Nov 99999999999999999999 03:00:00 GMT", "1 Jan 1"])
def test_any_date_is_read(date: str) -> None:
    assert explain(403, [("Date", date)], "no", SIGNED) is not None


def test_each_reason_has_a_sentence_that_can_be_written() -> None:
    for reason, (sentence, hint) in SENTENCES.items():
        found = explain(403, [], json.dumps({"message": "m", "reason": reason}), SIGNED)
        assert found is not None
        assert found.reason == reason
        assert "{" not in found.sentence + found.hint
        assert bool(hint) == bool(found.hint)
        assert sentence.partition("{")[0] in found.sentence


def test_an_access_key_is_shown_by_its_ends() -> None:
    assert shortened(KEY) == "AKIA…LE"
    assert shortened("local") == "local"
