"""Signing: every dialect, every refusal, and nothing but verdicts."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import Rows

from kiket_sdk._keys import Term, key_length, mac_key, problem_of
from kiket_sdk._signing import DIALECTS, SKEW_S, Reason, Verdict, WebhookSecret, sign, verify

SECRET = "whk_0123456789abcdefghijklmnop"
NOW = 1_767_225_600.0
AHEAD = "the timestamp is 412 s ahead of this clock"
VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "signatures.json").read_text("utf-8")
)["cases"]


def secret_of(described: str | dict[str, Any]) -> str:
    """Return a vector's secret; one with a name or a time is an object."""
    if isinstance(described, str):
        return described
    moments = {
        name: datetime.fromtimestamp(described[name], UTC)
        for name in ("not_before", "not_after")
        if name in described
    }
    return WebhookSecret(described["secret"], key_id=described["key_id"], **moments)


def test_each_vector_is_judged_as_it_says() -> None:
    with Rows() as checked:
        for case in VECTORS:
            with checked.row(case["name"]):
                secrets = [secret_of(each) for each in case["secrets"]]
                verdict = verify(
                    secrets,
                    base64.b64decode(case["body_base64"]),
                    [(name, value) for name, value in case["headers"]],
                    accept=case.get("accept", tuple(DIALECTS)),
                    now=case["now"],
                )
                assert (verdict.reason, verdict.dialect, verdict.nearest) == (
                    case["reason"],
                    case["dialect"],
                    case.get("nearest"),
                )
                assert verdict.ok is (case["reason"] == "ok")
                if "key_id" in case or len(secrets) == 1:
                    assert verdict.key_id == case.get("key_id")
                assert verdict.sentence.endswith(".")
                assert not any(secret in verdict.sentence for secret in secrets if secret.strip())


def test_dialects_come_in_order_and_say_what_they_sign() -> None:
    assert {name: each.timestamp_signed for name, each in DIALECTS.items()} == {
        "k0": False,
        "kr": True,
        "k1": True,
        "sw1": True,
    }
    assert list(DIALECTS) == ["k0", "kr", "k1", "sw1"]


@given(
    dialect=st.sampled_from(list(DIALECTS)),
    raw_body=st.binary(max_size=200),
    # what begins so names the kind of key that the rest encodes
    secret=st.text(min_size=1, max_size=40).filter(
        lambda text: text.strip() and not text.startswith(("whsec_", "whsk_", "whpk_"))
    ),
    age_s=st.integers(-SKEW_S, SKEW_S),
)
def test_what_is_signed_verifies(dialect: str, raw_body: bytes, secret: str, age_s: int) -> None:
    headers = sign(dialect, secret, raw_body, message_id="msg_1", timestamp=NOW - age_s)
    verdict = verify([secret], raw_body, headers, now=NOW)
    assert verdict == Verdict(True, Reason.OK, dialect, verdict.sentence, float(age_s))
    alone = DIALECTS[dialect].verify(secret, raw_body, headers, now=NOW, skew_s=SKEW_S)
    assert alone == verdict


@given(
    dialect=st.sampled_from(list(DIALECTS)),
    raw_body=st.binary(min_size=1, max_size=60),
    flip=st.data(),
)
def test_a_flipped_bit_in_the_body_is_refused(
    dialect: str, raw_body: bytes, flip: st.DataObject
) -> None:
    headers = sign(dialect, SECRET, raw_body, message_id="msg_1", timestamp=NOW)
    bit = flip.draw(st.integers(0, len(raw_body) * 8 - 1))
    changed = bytearray(raw_body)
    changed[bit // 8] ^= 1 << bit % 8
    assert verify([SECRET], bytes(changed), headers, now=NOW).reason is Reason.MISMATCH


HEADER_NAMES = (
    "X-Kiket-Signature",
    "x-kiket-timestamp",
    "WEBHOOK-ID",
    "webhook-timestamp",
    "webhook-signature",
    "accept",
)


SEED = "whsk_" + base64.b64encode(bytes(range(32))).decode()
PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
"""The public key of SEED."""


@given(
    secrets=st.lists(
        st.text(max_size=12) | st.sampled_from([PUBLIC, SEED, "whpk_", "whsk_AAAA", "whsec_%"]),
        max_size=3,
    ),
    raw_body=st.binary(max_size=40),
    headers=st.lists(
        st.tuples(
            st.sampled_from(HEADER_NAMES),
            st.one_of(
                st.text(max_size=80),
                st.from_regex(r"(sha256=|v1,|v1a,)?[0-9a-fA-F+/=]{60,66}"),
                st.from_regex(r"\d{1,12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([+-]\d\d:\d\d|Z)?"),
            ),
        ),
        max_size=6,
    ),
    accept=st.sets(st.sampled_from([*DIALECTS, "es256"])),
)
def test_nothing_but_a_verdict_leaves_verify(
    secrets: list[str], raw_body: bytes, headers: list[tuple[str, str]], accept: set[str]
) -> None:
    verdict = verify(secrets, raw_body, headers, accept=accept, now=NOW)
    assert isinstance(verdict, Verdict)
    assert not verdict.ok
    assert verify(secrets, raw_body, dict(headers), accept=accept, now=NOW).ok is False


def test_a_body_of_5_mib_verifies_to_its_last_byte() -> None:
    """Too long for a file of vectors."""
    raw_body = bytes(5 * 1024 * 1024)
    headers = sign("k1", SECRET, raw_body, message_id="msg_1", timestamp=NOW)
    assert verify([SECRET], raw_body, headers, now=NOW).ok
    assert not verify([SECRET], raw_body[:-1] + b"x", headers, now=NOW).ok


def test_a_fresh_signature_needs_no_clock_from_the_caller() -> None:
    headers = sign("k1", SECRET, b"{}", message_id="msg_1")
    verdict = verify([SECRET], b"{}", headers)
    assert verdict.ok
    assert abs(time.time() - int(headers["X-Kiket-Timestamp"])) < 60


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        (
            sign("k1", SECRET, b"{}", message_id="m", timestamp=NOW - 412),
            "Signature is fine, but the timestamp is 412 s old; the limit is 300 s.",
        ),
        (
            sign("sw1", SECRET, b"{}", message_id="m", timestamp=NOW + 412),
            f"Signature is fine, but {AHEAD}; the limit is 300 s.",
        ),
        (
            sign("k0", "another secret", b"{}", message_id="m", timestamp=NOW),
            "The body does not match X-Kiket-Signature under the configured secret.",
        ),
        ({}, "The request carries no X-Kiket-Signature header."),
    ],
)
def test_a_refusal_speaks_like_a_colleague(headers: dict[str, str], sentence: str) -> None:
    assert verify([SECRET], b"{}", headers, now=NOW).sentence == sentence


def test_the_nearest_dialect_is_named_in_the_sentence() -> None:
    headers = sign("kr", SECRET, b"{}", message_id="m", timestamp=NOW)
    verdict = verify([SECRET], b"{}", headers, accept=["k0"], now=NOW)
    assert verdict.nearest == "kr"
    assert verdict.sentence == (
        "The body does not match X-Kiket-Signature under the configured secret. "
        "It would match as kr."
    )


@pytest.mark.parametrize(
    ("dialect", "secret", "message_id", "sentence"),
    [
        ("k9", SECRET, "m", "Unknown signing dialect 'k9'; use one of k0, kr, k1, sw1."),
        ("k0", " ", "m", "A blank webhook secret signs nothing; set a secret of 24 bytes or more."),
        (
            "sw1",
            SECRET,
            "a.b",
            "Message id 'a.b' cannot be signed; use 1 to 128 letters, digits, _ or -.",
        ),
        (
            "sw1",
            "whsec_***",
            "m",
            "The webhook secret starts with whsec_, but the rest is not base64; copy it again.",
        ),
    ],
)
def test_sign_refuses_what_it_cannot_sign(
    dialect: str, secret: str, message_id: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        sign(dialect, secret, b"{}", message_id=message_id, timestamp=NOW)


@pytest.mark.parametrize("dialect", ["sw1", "sw1a"])
@pytest.mark.parametrize("secret", [SEED, PUBLIC])
def test_a_private_key_signs_what_its_public_key_verifies(dialect: str, secret: str) -> None:
    headers = sign(dialect, SEED, b"{}", message_id="msg_1", timestamp=NOW)
    assert headers["webhook-signature"].startswith("v1a,")
    verdict = verify([secret], b"{}", headers, now=NOW)
    assert (verdict.ok, verdict.reason, verdict.dialect) == (True, Reason.OK, "sw1a")


@pytest.mark.parametrize(
    ("dialect", "secret", "said"),
    [
        ("sw1a", SECRET, "begins with whsk_"),
        ("sw1", PUBLIC, "signs nothing"),
        ("sw1", "whsk_AAAA", "base64 of 32 or 64 bytes"),
        ("k0", SEED, "signs sw1 alone"),
        ("k1", PUBLIC, "signs sw1 alone"),
    ],
)
def test_a_key_that_cannot_sign_is_said_so(dialect: str, secret: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sign(dialect, secret, b"", message_id="msg_1")


def test_a_secret_with_a_term_is_text_that_does_not_show() -> None:
    until = datetime(2026, 11, 30, tzinfo=UTC)
    secret = WebhookSecret(SECRET, key_id="2026", not_after=until)
    assert secret == SECRET
    assert SECRET not in repr(secret)
    assert (secret.key_id, secret.not_before, secret.not_after) == ("2026", None, until)
    with pytest.raises(ValueError, match="time zone"):
        WebhookSecret(SECRET, not_before=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("secret", "length", "is_sound"),
    [
        ("text", 4, True),
        ("é", 2, True),
        ("whsec_dGVzdA==", 4, True),
        ("whsec_dGVzdA", 4, True),
        ("whsec_%", 7, False),
        (PUBLIC, 32, True),
        ("whpk_dGVzdA==", 4, False),
        (SEED, 32, True),
        ("whsk_dGVzdA==", 4, False),
    ],
)
def test_what_a_secret_is_made_of(secret: str, length: int, is_sound: bool) -> None:
    assert key_length(secret) == length
    assert (problem_of(secret) is None) is is_sound


@given(st.binary(max_size=140), st.lists(st.binary(max_size=300), max_size=3))
def test_macs_are_those_of_the_standard_library(raw_key: bytes, bodies: list[bytes]) -> None:
    key = mac_key(raw_key, Term(None, 0, 0))
    for raw_body in bodies:
        assert key.mac(raw_body) == hmac.digest(raw_key, raw_body, "sha256")
