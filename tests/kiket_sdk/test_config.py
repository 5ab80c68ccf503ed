"""Configuration and settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kiket_sdk import ExtensionConfig, KiketSDK, WebhookSecret, create_app
from kiket_sdk.config import ExtensionSettings, webhook_secrets
from kiket_sdk.exceptions import ConfigurationError


def test_settings() -> None:
    settings = ExtensionSettings({"a": 1, "none": None})
    assert (settings.get("a"), settings.get("b"), settings.get("b", 2)) == (1, None, 2)
    assert settings.require("a") == 1
    assert settings.require("none") is None
    with pytest.raises(KeyError, match="Missing required extension setting 'b'"):
        settings.require("b")


def test_defaults() -> None:
    config = KiketSDK().config
    assert config == ExtensionConfig()
    assert config.base_url == "https://kiket.dev"


def test_from_mapping() -> None:
    config = ExtensionConfig.from_mapping(
        {"webhook_secret": "s", "base_url": None, "settings": {"a": 1}, "unknown": 1}
    )
    assert config == ExtensionConfig("s", settings=ExtensionSettings({"a": 1}))


def test_no_repr_shows_a_secret() -> None:
    sdk = KiketSDK(
        webhook_secret=["shown-never-1", "shown-never-2"],
        workspace_token="shown-never-3",
        settings={"key": "shown-never-4"},
    )
    shown = repr(sdk) + repr(sdk.config) + repr(sdk.config.settings) + repr(vars(sdk))
    assert "shown-never" not in shown


def test_the_environment_fills_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIKET_WORKSPACE_TOKEN", "wk_env")
    monkeypatch.setenv("KIKET_BASE_URL", "http://127.0.0.1:4400")
    config = KiketSDK(workspace_token="").config
    assert (config.workspace_token, config.base_url) == ("wk_env", "http://127.0.0.1:4400")
    assert KiketSDK(base_url="http://other").config.base_url == "http://other"


def test_create_app_is_the_application_of_an_sdk() -> None:
    assert create_app(extension_id="e").title == "Kiket Extension"


@pytest.mark.parametrize("secret", [b"a secret of 24 bytes or more", [b"x" * 24]])
def test_a_secret_of_bytes_is_said_at_once(secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="turn bytes into one"):
        KiketSDK(webhook_secret=secret)


def test_what_a_secret_took_the_place_of_still_verifies_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment says it beside the variable that holds the current one, whatever its name."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    for name, value in {
        "KIKET_WEBHOOK_SECRET": "newest",
        "KIKET_WEBHOOK_SECRET_PREVIOUS": "older",
        "KIKET_WEBHOOK_SECRET_PREVIOUS_UNTIL": soon.isoformat(),
        "HOOK": "newest-too",
        "HOOK_PREVIOUS": "older-too",
    }.items():
        monkeypatch.setenv(name, value)

    config = KiketSDK().config
    [previous] = config.previous_webhook_secrets
    assert isinstance(previous, WebhookSecret)
    assert (config.webhook_secret, str(previous)) == ("newest", "older")
    assert (previous.not_after, previous.key_id) == (soon, "KIKET_WEBHOOK_SECRET_PREVIOUS")
    assert webhook_secrets("newest-too", None) == ("newest-too", "older-too")
    assert webhook_secrets(["newest", "older"], None) == ("newest", "older")
    assert webhook_secrets("of-the-code", None) == ("of-the-code",)

    monkeypatch.setenv("KIKET_WEBHOOK_SECRET_PREVIOUS_UNTIL", "tomorrow")
    with pytest.raises(ConfigurationError, match="PREVIOUS_UNTIL is no time with a time zone"):
        KiketSDK()


def test_the_first_secret_that_counts_now_is_current() -> None:
    """What signs for an extension, in tests and under the console, is let in by it."""
    now, day = datetime.now(UTC), timedelta(days=1)
    announced = WebhookSecret("announced, of 24 bytes or more", not_before=now + day)
    gone = WebhookSecret("gone, of 24 bytes or more", not_after=now - day)
    plain, named = "plain, of 24 bytes or more", WebhookSecret("named, of 24 bytes or more")
    assert webhook_secrets([announced, gone, plain, named], None) == (plain, named, announced, gone)
    assert webhook_secrets([named, plain], None) == (named, plain)
    assert isinstance(webhook_secrets([announced, plain], None)[1], WebhookSecret)
