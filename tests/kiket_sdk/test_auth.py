"""verify_signature, and what is said about secrets."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from kiket_sdk import KiketSDK, WebhookSecret
from kiket_sdk._signing import DIALECTS, sign
from kiket_sdk.auth import ALLOWED_SKEW_SECONDS, check_secrets, verify_signature
from kiket_sdk.exceptions import AuthenticationError, ConfigurationError
from kiket_sdk.testing._payload import payloads_for

SECRET = "a webhook secret of more than 24 bytes"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_good_signature_returns_nothing(dialect: str) -> None:
    result: Any = verify_signature(  # type: ignore[func-returns-value]  # that is the point
        SECRET, b"{}", sign(dialect, SECRET, b"{}", message_id="m")
    )
    assert result is None


@pytest.mark.parametrize(
    ("secret", "headers", "text"),
    [
        (SECRET, {}, "Missing X-Kiket-Signature header"),
        (SECRET, {"X-Kiket-Signature": "sha256=" + "0" * 64}, "Missing X-Kiket-Timestamp header"),
        (SECRET, {"X-Kiket-Signature": "é" * 64}, "Invalid signature"),
        (
            SECRET,
            sign("kr", SECRET, b"{}", message_id="m", timestamp=1.0),
            "Request timestamp outside allowed window",
        ),
        (
            "whsec_***",
            sign("sw1", SECRET, b"{}", message_id="m"),
            "Webhook secret is misconfigured",
        ),
    ],
)
def test_a_bad_one_raises(secret: str, headers: dict[str, str], text: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        verify_signature(secret, b"{}", headers)
    assert str(caught.value) == text


@pytest.mark.parametrize("secret", [None, "", "  "])
def test_no_secret_refuses(secret: str | None) -> None:
    with pytest.raises(AuthenticationError, match="No webhook secret is configured"):
        verify_signature(secret, b"{}", {})


def test_text_is_not_a_body() -> None:
    body: Any = "{}"
    with pytest.raises(TypeError, match="raw body as bytes, not str"):
        verify_signature(SECRET, body, {})


def test_the_window_is_five_minutes() -> None:
    assert ALLOWED_SKEW_SECONDS == 300


@pytest.mark.parametrize(
    ("secret", "length"), [("sh_123", 6), ("x" * 23, 23), ("whsec_" + "QUJD" * 7, 21)]
)
def test_a_short_secret_warns_and_is_refused_when_strict(
    secret: str, length: int, caplog: pytest.LogCaptureFixture
) -> None:
    advice = f"The webhook secret has {length} bytes; use 24 or more."
    with caplog.at_level(logging.WARNING, "kiket_sdk"):
        KiketSDK(webhook_secret=secret)
    assert [record.getMessage() for record in caplog.records] == [advice]
    with pytest.raises(ConfigurationError) as caught:
        KiketSDK(webhook_secret=secret, strict=True)
    assert str(caught.value) == advice


@pytest.mark.parametrize("secret", ["x" * 24, "whsec_" + "QUJD" * 8])
def test_a_long_secret_is_not_mentioned(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    KiketSDK(webhook_secret=secret, strict=True)
    assert not caplog.records


def test_allowing_unsigned_is_said_out_loud(caplog: pytest.LogCaptureFixture) -> None:
    KiketSDK(allow_unsigned=True)
    assert "Unsigned webhooks are accepted because of allow_unsigned=True" in caplog.text


def test_a_blank_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^The argument webhook_secret is blank"):
        KiketSDK(webhook_secret="  ")
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", "\t")
    with pytest.raises(ConfigurationError, match=r"^KIKET_WEBHOOK_SECRET is blank"):
        KiketSDK()


def test_an_empty_secret_falls_through_to_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", SECRET)
    assert KiketSDK(webhook_secret="").config.webhook_secret == SECRET


def test_a_key_of_ed25519_that_is_none_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError, match="whpk_"):
        check_secrets(["whpk_AAAA"], strict=False, allow_unsigned=False)


def test_a_secret_that_only_looks_encoded_is_told_and_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As text it still is the key of the dialects that know no prefix."""
    secret = "whsec_%-not-base64-but-long-enough"
    check_secrets([secret], strict=True, allow_unsigned=False)
    assert "base64" in caplog.text
    headers = sign("k0", secret, b"{}", message_id="msg_1")
    verify_signature(secret, b"{}", headers)


def test_the_reason_is_told_in_a_word() -> None:
    with pytest.raises(AuthenticationError) as raised:
        verify_signature(SECRET, b"{}", sign("k1", "another secret", b"{}", message_id="m"))
    assert raised.value.reason == "mismatch"


@pytest.mark.parametrize(
    ("secrets", "named"),
    [
        ([SECRET, "older"], []),
        (["newer", SECRET], ["secret 2"]),
        (["newer", WebhookSecret(SECRET, key_id="spring")], ["spring"]),
        ([WebhookSecret(SECRET, key_id="spring"), "older"], []),
        (SECRET, []),
    ],
)
def test_a_sender_that_still_uses_an_older_secret_is_noted(
    secrets: Any, named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Who replaces a secret learns when the old one may go."""
    with caplog.at_level(logging.INFO, "kiket_sdk.webhook"):
        sdk = KiketSDK(webhook_secret=secrets)
        headers = sign("k1", SECRET, b"{}", message_id="m")
        reply = sdk.create_test_client().post(
            "/webhooks/e?version=v1", content=b"{}", headers=headers
        )
    assert reply.status_code == 404, "it was let in"
    noted = [text for text in caplog.messages if "not the current secret" in text]
    assert [name for name in named if name in noted[0]] == named
    assert len(noted) == len(named)


def test_an_extension_with_keys_of_ed25519_alone_takes_sw1_alone() -> None:
    """So its tests, and the console, sign for it as it expects."""
    private = "whsk_" + base64.b64encode(bytes(range(32))).decode()
    sdk = KiketSDK(webhook_secret=private)
    sdk.register("e", lambda _payload, _context: None, version="v1")
    assert sdk.accepted_dialects == ("sw1",)
    signed = payloads_for(sdk)({}, event="e")
    reply = sdk.create_test_client().post(
        signed["path"], content=signed["body"], headers=signed["headers"]
    )
    assert reply.status_code == 200
    assert len(KiketSDK(webhook_secret=[private, SECRET]).accepted_dialects) > 1
