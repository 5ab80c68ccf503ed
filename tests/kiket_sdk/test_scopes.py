"""Scopes: how they are written, and which are missing."""

from __future__ import annotations

from typing import Any

import pytest

from kiket_sdk import KiketSDK
from kiket_sdk._scopes import listed, missing, without_wildcard
from kiket_sdk.exceptions import KiketSDKError, ScopeError


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        (None, []),
        (7, []),
        ("", []),
        ("a", ["a"]),
        (" a, b\tc,,d ", ["a", "b", "c", "d"]),
        (["a", "", " b ", None, 7], ["a", "b", "7"]),
        (("a",), ["a"]),
        ([], []),
    ],
)
def test_scopes_are_a_list_whatever_they_come_as(scopes: Any, names: list[str]) -> None:
    assert listed(scopes) == names


@pytest.mark.parametrize(
    ("required", "available", "lacking"),
    [
        ([], [], []),
        (["a"], [], ["a"]),
        (["b", "a"], ["a"], ["b"]),
        (["a"], ["*"], []),
        (["issues.read"], ["issues:read", "read:issues", "issues.readwrite"], ["issues.read"]),
    ],
)
def test_scopes_are_compared_exactly(
    required: list[str], available: list[str], lacking: list[str]
) -> None:
    assert missing(required, available) == lacking
    assert KiketSDK._check_scopes(required, available) == lacking


def test_a_wildcard_can_be_left_out() -> None:
    assert without_wildcard(["a", "*"]) == ["a"]


def test_the_error_says_what_is_missing() -> None:
    error = ScopeError(["a", "b", "c"], ["b"])
    assert str(error) == "Insufficient scopes: missing a, c"
    assert (error.required_scopes, error.available_scopes) == (["a", "b", "c"], ["b"])
    assert error.missing_scopes == ["a", "c"]
    assert isinstance(error, KiketSDKError)


def test_a_checker_can_be_built_for_a_test() -> None:
    require_scopes = KiketSDK._build_scope_checker(["a"])
    require_scopes("a")
    require_scopes()
    with pytest.raises(ScopeError, match="missing b"):
        require_scopes("a", "b")
