"""Scopes: how they are written, and which are missing."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from kiket_sdk import KiketSDK, webhook
from kiket_sdk._scopes import listed, missing, needed, without_wildcard
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


class Scope(str, Enum):  # noqa: UP042 (what StrEnum replaced is still written)
    READ = "issues.read"


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        (None, []),
        ([], []),
        ("a, b", ["a", "b"]),
        pytest.param((each for each in ("a", "b")), ["a", "b"], id="generator"),
        ([Scope.READ], ["issues.read"]),
    ],
    ids=str,
)
def test_what_a_handler_needs_is_a_list(scopes: Any, names: list[str]) -> None:
    assert needed(scopes) == names


@pytest.mark.parametrize("scopes", [[""], ["a", " "], [None], [7], 7], ids=str)
def test_a_handler_cannot_need_a_scope_that_is_none(scopes: Any) -> None:
    """Left out it would guard nothing, and nobody would know."""
    with pytest.raises(ValueError, match="required_scopes"):
        KiketSDK(allow_unsigned=True).register("e", print, version="v1", required_scopes=scopes)
    with pytest.raises(ValueError, match="required_scopes"):
        webhook("e", version="v1", required_scopes=scopes)


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
