"""What an extension may choose: whom it believes, how strict it is, and what senders must grant."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_sdk.deliveries import (
    EVENT,
    EXTENSION,
    HOME,
    MISSING,
    NO_SIGNATURE,
    OK,
    SECRET,
    STAGING,
    Extension,
    carrying,
    claims,
    told,
)
from tests.vectors import forge

from kiket_sdk import KiketSDK
from kiket_sdk._jwks import address
from kiket_sdk._tokens import body_hash
from kiket_sdk.exceptions import ConfigurationError

if TYPE_CHECKING:
    from kiket_sdk import HandlerContext

pytestmark = pytest.mark.usefixtures("token_keys")

# Unsigned, by choice


def test_allow_unsigned_takes_what_has_neither_signature_nor_token() -> None:
    extension = Extension(allow_unsigned=True)
    assert extension.post({}) == OK
    assert extension.post(carrying("rt_opaque")) == OK
    assert extension.contexts[1].auth.runtime_token == "rt_opaque"


def test_allow_unsigned_does_not_take_a_token_that_is_wrong() -> None:
    forged = forge.token(claims(), key="stranger")
    assert Extension(allow_unsigned=True).post(carrying(forged))[0] == 401


# Where keys come from (§9-1)


def test_the_payload_does_not_choose_whose_keys_are_good_nor_who_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forged = forge.token(claims(), key="stranger")
    api = {"base_url": STAGING}
    extension = Extension()
    with caplog.at_level(logging.WARNING, "kiket_sdk.webhook"):
        assert extension.post(carrying(forged, api=api))[0] == 401
    assert "is of 'https://staging.example:443', whose keys are not asked for" in caplog.text
    assert extension.post(carrying(forge.token(claims()), api=api)) == OK
    assert extension.contexts[0].client.base_url == HOME


def test_a_platform_that_is_allowed_is_checked_with_its_keys_and_answered() -> None:
    extension = Extension(allowed_api_origins=[STAGING])
    theirs = carrying(forge.token(claims(), key="stranger"), api={"base_url": STAGING + "/evil"})
    assert extension.post(theirs) == OK
    client = extension.contexts[0].client
    assert client.base_url == STAGING, "the text of the payload is never used"
    assert client.workspace_token is None, "the workspace's token stays at home"
    assert client.runtime_token
    assert extension.post(carrying(forge.token(claims()), api={"base_url": STAGING}))[0] == 401
    assert extension.post(carrying(forge.token(claims()))) == OK
    assert extension.contexts[1].client.workspace_token == "wk_test"


@pytest.mark.parametrize(
    "bad", ["staging.example", "ftp://x", "https://", "https://a@b", "", "http://[x"]
)
def test_what_is_no_web_address_is_no_origin(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed_api_origins has"):
        KiketSDK(allowed_api_origins=[bad])


@pytest.mark.parametrize("bad", ["http://platform.example/keys", "x", "file:///keys"])
def test_pinned_keys_come_from_where_nobody_can_change_them(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="write an https address"):
        KiketSDK(jwks_url=bad)


def test_pinned_keys_check_the_token_of_a_signed_webhook() -> None:
    extension = Extension(webhook_secret=SECRET, jwks_url=address(HOME))
    assert extension.signed({}) == OK
    assert extension.signed(carrying(forge.token(claims()))) == OK
    assert [context.auth.is_verified for context in extension.contexts] == [False, True]
    assert extension.signed(carrying(forge.token(claims(), key="stranger")))[0] == 401
    assert extension.signed(carrying("rt_opaque"))[0] == 401
    assert extension.post(carrying(forge.token(claims()))) == NO_SIGNATURE


def test_pinned_keys_of_another_address_are_the_ones_that_count() -> None:
    extension = Extension(base_url="https://nowhere.example", jwks_url=address(HOME))
    assert extension.post(carrying(forge.token(claims()))) == OK


# Strict


def test_strict_with_pinned_keys_needs_signature_and_token() -> None:
    extension = Extension(webhook_secret=SECRET, jwks_url=address(HOME), strict=True)
    assert extension.signed(carrying(forge.token(claims()))) == OK
    assert extension.signed({}) == MISSING
    assert extension.post(carrying(forge.token(claims()))) == NO_SIGNATURE
    assert extension.signed(carrying(forge.token(claims())), "k0")[0] == 401


def test_strict_without_a_secret_needs_a_token_that_is_tied_to_the_body() -> None:
    extension = Extension(strict=True)
    detail = "Invalid token: Nothing ties it to this body"
    assert extension.post(carrying(forge.token(claims()))) == told(detail)
    tied = forge.token(claims(bh=body_hash(json.dumps(carrying("")).encode(), "")))
    assert extension.post(carrying(tied)) == OK
    assert extension.post(carrying(tied, more=1))[0] == 401


def test_who_has_no_name_is_told_that_tokens_for_others_are_let_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        KiketSDK()
    assert "a runtime token for another extension is let in too" in caplog.text
    with pytest.raises(ConfigurationError, match="pass extension_id="):
        KiketSDK(strict=True)
    caplog.clear()
    KiketSDK(webhook_secret=SECRET)
    KiketSDK(extension_id=EXTENSION)
    assert "another extension" not in caplog.text


def test_strict_asks_whom_a_token_is_for() -> None:
    extension = Extension(webhook_secret=SECRET, jwks_url=address(HOME), strict=True)
    for members, status in (({"ext_id": 42}, 401), ({"ext_id": 42, "aud": EXTENSION}, 200)):
        assert extension.signed(carrying(forge.token(claims(**members))))[0] == status


# What senders granted


@pytest.mark.parametrize(
    ("scopes", "strict", "answer"),
    [
        (["a", "b"], False, OK),
        (["*"], False, OK),
        ("a b", False, OK),
        ("a,b", False, OK),
        (["a"], False, ["b"]),
        ("ab", False, ["a", "b"]),
        ([], False, ["a", "b"]),
        (["*"], True, ["a", "b"]),
        (["a", "b"], True, OK),
    ],
)
def test_a_handler_may_require_scopes(scopes: Any, strict: bool, answer: Any) -> None:
    extension = Extension(webhook_secret=SECRET, jwks_url=address(HOME), strict=strict)
    extension.sdk.register(EVENT, extension._handle, version="v1", required_scopes=["a", "b"])
    refused = {
        "error": "Insufficient scopes",
        "required_scopes": ["a", "b"],
        "missing_scopes": answer,
    }
    wanted = answer if answer is OK else told(refused, 403)
    assert extension.signed(carrying(forge.token(claims(scopes=scopes)))) == wanted


@pytest.mark.parametrize("strict", [False, True])
def test_a_handler_may_ask_for_scopes_as_it_goes(strict: bool) -> None:
    extension = Extension(webhook_secret=SECRET, strict=strict)

    def handle(_payload: Any, context: HandlerContext) -> None:
        context.require_scopes("a")
        context.require_scopes("a", "b", "c")

    extension.sdk.register(EVENT, handle, version="v1")
    granting = {"authentication": {"scopes": ["a", "*"] if strict else ["a"]}}
    assert extension.signed(granting) == (
        403,
        {
            "error": "Insufficient scopes: missing b, c",
            "required_scopes": ["a", "b", "c"],
            "missing_scopes": ["b", "c"],
        },
    )


def test_who_granted_nothing_is_let_do_nothing() -> None:
    extension = Extension(webhook_secret=SECRET)
    extension.sdk.register(EVENT, extension._handle, version="v1", required_scopes=["a"])
    assert extension.signed({})[0] == 403
