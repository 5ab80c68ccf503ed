"""Whom a webhook speaks for: what is read in a payload, a token, and what authors build by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.vectors import forge

from kiket_sdk import AuthContext, AuthenticationContext
from kiket_sdk._claims import (
    JwtPayload,
    build_auth_context,
    runtime_token_in,
    unverified,
    vouched_for,
)


def test_the_two_contexts_of_the_releases_are_one() -> None:
    assert [each.name for each in fields(AuthenticationContext)] == [
        "runtime_token",
        "token_type",
        "expires_at",
        "scopes",
    ]
    older: Any = AuthenticationContext("rt", "runtime", None, ["a"])
    newer = AuthContext("rt", "runtime", None, ["a"], org_id=1)
    assert isinstance(newer, AuthenticationContext)
    assert (older.scopes, newer.scopes) == (["a"], ["a"])
    assert "rt'" not in repr(older) + repr(newer)


def test_every_field_of_the_older_one_is_required() -> None:
    build: Any = AuthenticationContext
    with pytest.raises(TypeError):
        build("rt", "runtime", None)


def test_claims_become_a_context() -> None:
    claims = JwtPayload("sub", 1, "ext", 3, 4, ["a"], "src", "kiket.dev", 0, 1_767_225_600, "j")
    payload = {"authentication": {"runtime_token": "rt", "token_type": "other", "scopes": ["z"]}}
    assert build_auth_context(claims, payload) == AuthContext(
        "rt", "runtime", "2026-01-01T00:00:00+00:00", ["a"], 1, "ext", 3
    )
    assert build_auth_context(JwtPayload("sub"), {}) == AuthContext(None, "runtime", None, [])


@pytest.mark.parametrize(
    ("authentication", "context"),
    [
        ({}, (None, None, None, [])),
        (None, (None, None, None, [])),
        ("text", (None, None, None, [])),
        (
            {"runtime_token": 7, "token_type": "", "expires_at": 0, "scopes": "a b"},
            ("7", None, None, ["a", "b"]),
        ),
        ({"runtime_token": "a.b.c", "scopes": None}, ("a.b.c", None, None, [])),
    ],
)
def test_what_a_payload_says_of_itself(authentication: Any, context: Any) -> None:
    assert vouched_for({"authentication": authentication}) == AuthContext(*context)


def test_a_payloads_own_scopes_come_before_those_of_its_token() -> None:
    authentication = {"runtime_token": forge.token(), "scopes": []}
    found = vouched_for({"authentication": authentication})
    assert (found.scopes, found.org_id) == ([], 12)
    assert vouched_for({"authentication": {"runtime_token": forge.token()}}).scopes == [
        "issues.read",
        "issues.write",
    ]


@pytest.mark.parametrize("payload", [None, [], "x", 7, {}, {"authentication": []}])
def test_no_token(payload: Any) -> None:
    assert runtime_token_in(payload) is None
    assert vouched_for(payload) == AuthContext(None, None, None, [])


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_=-]{0,20}(\.[A-Za-z0-9_=-]{0,20}){2}\Z"))
def test_whatever_a_token_is_it_is_read_or_not(token: str) -> None:
    assert unverified(token) in (None, JwtPayload())
