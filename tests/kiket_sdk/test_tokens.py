"""Runtime tokens: every case of the vectors, and nothing but verdicts for whatever else comes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import Rows
from tests.vectors import forge, make_tokens

from kiket_sdk._tokens import (
    ISSUER,
    TokenReason,
    TokenVerdict,
    body_hash,
    judge,
    public_keys,
)

if TYPE_CHECKING:
    from kiket_sdk._claims import JwtPayload

WRITTEN = (Path(__file__).parent.parent / "vectors" / "tokens.json").read_text("utf-8")
VECTORS: dict[str, Any] = json.loads(WRITTEN)
CASES: list[dict[str, Any]] = VECTORS["cases"]
KEYS = public_keys(VECTORS["jwks"])


def judged(case: dict[str, Any]) -> TokenVerdict:
    told = {**VECTORS, **case}
    raw_body = base64.urlsafe_b64decode(told["body"] + "==") if "body" in told else None
    return judge(
        told["token"],
        public_keys(told["jwks"]),
        extension_id=told["extension_id"],
        organization_id=told.get("organization_id"),
        project_id=told.get("project_id"),
        raw_body=raw_body,
        now=told["now"],
        strict=told["strict"],
    )


def test_each_vector_is_judged_as_it_says() -> None:
    with Rows() as checked:
        for case in CASES:
            with checked.row(case["name"]):
                verdict = judged(case)
                assert verdict.reason == case["reason"], verdict.sentence
                assert verdict.ok is (case["reason"] == "ok")
                assert verdict.sentence.endswith(".")
                assert len(case["token"]) < 20 or case["token"] not in verdict.sentence


def test_the_vectors_are_what_their_script_writes() -> None:
    assert make_tokens.written() == WRITTEN


def test_the_vectors_leave_no_reason_out_and_repeat_no_name() -> None:
    assert len(CASES) >= 80
    assert len({case["name"] for case in CASES}) == len(CASES)
    elsewhere = {TokenReason.NO_KEYS, TokenReason.UNBOUND}
    assert {case["reason"] for case in CASES} == set(TokenReason) - elsewhere


def test_the_claims_of_a_good_token_are_told_and_of_a_forged_one_not() -> None:
    good, forged = forge.token(), forge.token(key="stranger")
    claims = judge(good, KEYS, now=forge.NOW).claims
    assert claims is not None
    assert (claims.iss, claims.sub, claims.scopes) == (
        ISSUER,
        "installation:7",
        ["issues.read", "issues.write"],
    )
    assert judge(forged, KEYS, now=forge.NOW).claims is None


def test_who_a_token_is_not_for_is_told_with_both_names() -> None:
    verdict = judge(
        forge.claiming(ext_id="com.example.other"),
        KEYS,
        extension_id="com.example.ours",
        now=forge.NOW,
    )
    assert verdict.sentence == (
        "The runtime token is for extension 'com.example.other', and this one is "
        "'com.example.ours'."
    )


def test_a_token_that_comes_again_is_judged_by_the_clock_again() -> None:
    """Its signature is checked once; what it says is not trusted for longer for that."""
    token = forge.claiming(jti="again", aud="com.example.other")
    one = judge(token, KEYS, extension_id="com.example.other", now=forge.NOW)
    assert one.claims is not None
    one.claims.exp = 10**12
    two = judge(token, KEYS, extension_id=None, now=forge.NOW)
    three = judge(token, KEYS, extension_id="com.example.other", now=forge.NOW + 600)
    four = judge(token, {"main": KEYS["next"]}, now=forge.NOW)
    five = judge(token, {}, now=forge.NOW)
    assert [verdict.reason for verdict in (two, three, four, five)] == [
        TokenReason.AUDIENCE,
        TokenReason.EXPIRED,
        TokenReason.MISMATCH,
        TokenReason.UNKNOWN_KEY,
    ]


def test_claims_are_their_receivers_to_change() -> None:
    token = forge.claiming(aud=["com.example.a"])

    def claims() -> JwtPayload:
        found = judge(token, KEYS, extension_id="com.example.a", now=forge.NOW).claims
        assert found is not None
        return found

    mine, again = claims(), claims()
    assert isinstance(mine.scopes, list)
    assert isinstance(mine.aud, list)
    mine.scopes.append("*")
    mine.aud.append("com.example.b")
    mine.sub = "another"
    assert claims() == again != mine


def test_a_body_is_hashed_without_the_token_in_it() -> None:
    assert body_hash(b'{"t":"abc"}', "abc") == body_hash(b'{"t":""}', "")


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.from_regex(r"[A-Za-z0-9_=-]{0,40}", fullmatch=True), max_size=6).map(".".join),
        st.binary(max_size=60).map(lambda raw: forge.token(raw)),
        st.binary(max_size=60).map(lambda raw: forge.token(header=raw)),
    )
)
def test_nothing_but_a_verdict_leaves_judge(token: str) -> None:
    assert judge(token, KEYS, now=forge.NOW).ok is False


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        *(({name: 10**400}, TokenReason.BAD_CLAIM) for name in ("exp", "iat", "nbf")),
        *(({name: -(10**400)}, TokenReason.BAD_CLAIM) for name in ("exp", "iat", "nbf")),
        ({"bh": "\ud800"}, TokenReason.BODY),
    ],
    ids=lambda value: str(value)[:20],
)
def test_numbers_and_texts_that_python_cannot_turn_into_others_are_refused(
    claims: dict[str, Any], reason: TokenReason
) -> None:
    verdict = judge(forge.claiming(**claims), KEYS, raw_body=b"{}", now=forge.NOW)
    assert verdict.reason is reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*forge.FULL, "aud", "nbf", "bh"]), JSON), st.booleans())
def test_whatever_a_signed_token_claims_there_is_a_verdict(
    claims: dict[str, Any], strict: bool
) -> None:
    token = forge.token({**forge.FULL, **claims})
    verdict = judge(token, KEYS, extension_id="x", raw_body=b"{}", now=forge.NOW, strict=strict)
    assert isinstance(verdict, TokenVerdict)


@given(JSON)
def test_whatever_a_set_of_keys_is_the_result_is_keys(document: Any) -> None:
    assert public_keys(document) == {}
    assert public_keys({"keys": document}) == {}
