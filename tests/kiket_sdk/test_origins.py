"""Which configured platform a payload means."""

from __future__ import annotations

from typing import Any

import pytest

from kiket_sdk._origins import (
    base_url_for,
    checked_base_url,
    checked_key_address,
    checked_origins,
    origin,
)
from kiket_sdk.exceptions import ConfigurationError

HOME = "https://kiket.dev"
STAGING = "https://staging.kiket.dev/base"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://kiket.dev", ("https", "kiket.dev", 443)),
        ("HTTPS://Kiket.dev:443/path?query", ("https", "kiket.dev", 443)),
        ("http://[::1]:4400", ("http", "::1", 4400)),
        ("http://kiket.dev", ("http", "kiket.dev", 80)),
        ("https://kiket.dev:99999", None),
        ("https://kiket.dev:port", None),
        ("https://user@kiket.dev", None),
        ("//kiket.dev", None),
        ("kiket.dev", None),
        ("", None),
    ],
)
def test_an_origin(url: str, found: Any) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    ("said", "base_url"),
    [
        (HOME, HOME),
        ("https://staging.kiket.dev", STAGING),
        ("https://STAGING.kiket.dev:443/elsewhere", STAGING),
        ("http://staging.kiket.dev", HOME),
        ("https://staging.kiket.dev:8443", HOME),
        ("https://staging.kiket.dev.evil.example", HOME),
        ("https://evil.example", HOME),
        ("x" * 3000, HOME),
        (7, HOME),
        (None, HOME),
    ],
)
def test_what_a_payload_says_only_chooses_among_what_is_configured(
    said: Any, base_url: str
) -> None:
    payload = {"api": {"base_url": said}}
    assert base_url_for(payload, HOME, (STAGING,)) == base_url
    assert base_url_for(payload, HOME, ()) == HOME


@pytest.mark.parametrize("payload", [None, [], {}, {"api": None}, {"api": "x"}, {"api": []}])
def test_a_payload_that_says_nothing(payload: Any) -> None:
    assert base_url_for(payload, HOME, (STAGING,)) == HOME


def test_one_origin_may_be_written_as_a_text() -> None:
    assert checked_origins(STAGING) == (STAGING,)


@pytest.mark.parametrize(
    "url",
    [
        *("localhost:8700", "http://a:99999999", "http://", "ftp://h", "x"),
        *("http://a b", "http://a/\x01", "http://a\nb", "http://a\tb"),
    ],
)
def test_a_platform_that_cannot_be_reached_is_said_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url or KIKET_BASE_URL"):
        checked_base_url(url)


def test_blanks_around_an_address_are_no_part_of_it() -> None:
    """What is read from a file may end with a newline, of which every delivery would fail."""
    assert checked_base_url(" https://kiket.dev\n") == "https://kiket.dev"


def test_an_address_is_shown_without_its_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        checked_base_url("htps://ana:hunter2@kiket.dev")
    assert "'kiket.dev'" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigurationError) as refused:
        checked_key_address("https://ana:hunter2@kiket.dev/keys")
    assert "hunter2" not in str(refused.value)
