from __future__ import annotations

import hashlib
import json

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.producing import message, signing
from kiket_console.producing.destination import Destination
from kiket_console.producing.profiles import Keys
from kiket_console.wire_producer import PRODUCER_WAYS

TO = Destination("https://f.lambda-url.us-east-1.on.aws/x?b=2&a=1", "us-east-1", "lambda")
KEYS = Keys("AKIAEXAMPLE000007Q", "secret-of-aws", "token-of-aws")
MESSAGE = message.read(
    '{"event_type": "e", "message_channel": "c", "behavior": "instant", "payload": {}}'
)
NOW_S = 1_800_000_000.0


def made(way: str = "signed") -> signing.Request:
    return signing.request(MESSAGE, TO, KEYS, way, now_s=NOW_S)


def test_a_preview_has_what_is_signed_and_no_session_token() -> None:
    preview = made().preview

    lines = preview.canonical_request.split("\n")
    assert lines[:3] == ["POST", "/x", "a=1&b=2"]
    assert lines[-1] == hashlib.sha256(preview.body.encode()).hexdigest()
    assert preview.string_to_sign.split("\n") == [
        "AWS4-HMAC-SHA256",
        "20270115T080000Z",
        "20270115/us-east-1/lambda/aws4_request",
        hashlib.sha256(
            preview.canonical_request.replace("[redacted]", KEYS.token).encode()
        ).hexdigest(),
    ]
    assert dict(preview.headers)["X-Amz-Security-Token"] == "[redacted]"
    assert KEYS.token not in repr(preview)
    assert KEYS.secret_key not in repr(preview)


@pytest.mark.parametrize("way", PRODUCER_WAYS[1:])
def test_what_is_broken_differs_from_what_is_not_in_that_alone(way: str) -> None:
    right, broken = made(), made(way)

    differing = {
        what
        for what, one, other in (
            ("body", right.raw_body, broken.raw_body),
            ("signature", right.headers, broken.headers),
            ("time", right.signed.at, broken.signed.at),
            ("region", right.signed.region, broken.signed.region),
            ("service", right.signed.service, broken.signed.service),
        )
        if one != other
    }

    assert (
        differing
        == {
            "wrong-secret": {"signature"},
            "wrong-region": {"signature", "region"},
            "wrong-service": {"signature", "service"},
            "clock-skew": {"signature", "time"},
            "altered-body": {"body"},
            "unsigned": {"signature"},
        }[way]
    )
    assert json.loads(broken.raw_body) == json.loads(right.raw_body), "it says the same"
    assert broken.preview.warnings


def test_another_way_is_refused() -> None:
    with pytest.raises(ConsoleError, match="no way"):
        made("upside-down")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("ap-southeast-2", True),
        ("us-gov-west-1", True),
        ("us-iso-east-1", True),
        ("eusc-de-east-1", True),
        ("cn-north-1", True),
        ("mars-north-1", False),
        ("us-east", False),
    ],
)
def test_regions_are_known_by_their_form(name: str, is_one: bool) -> None:
    assert bool(signing.REGION.fullmatch(name)) is is_one
