"""Where others post for an extension."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.addresses import Addresses

if TYPE_CHECKING:
    from pathlib import Path

GATEWAY = "http://127.0.0.1:8700"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "addresses.json"


def token_of(url: str) -> str:
    return url.split("/")[-2]


def test_each_extension_has_an_address_of_its_own(file: Path) -> None:
    addresses = Addresses(file, GATEWAY)
    marketing, billing = addresses.url("marketing", "signup"), addresses.url("billing", "signup")

    assert marketing.startswith(f"{GATEWAY}/webhooks/ext/")
    assert marketing.endswith("/signup")
    assert addresses.extension(token_of(marketing)) == "marketing"
    assert addresses.extension(token_of(billing)) == "billing"


def test_an_address_that_is_shown_leaves_the_action_open(file: Path) -> None:
    assert Addresses(file, GATEWAY).url("marketing").endswith("/{action}")


def test_an_action_is_one_segment_of_the_address(file: Path) -> None:
    assert Addresses(file, GATEWAY).url("marketing", "a/b ?").endswith("/a%2Fb%20%3F")


def test_addresses_stay_good_when_the_engine_starts_again_elsewhere(file: Path) -> None:
    before = Addresses(file, GATEWAY).url("marketing")
    after = Addresses(file, "http://127.0.0.1:8701").url("marketing")

    assert token_of(after) == token_of(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("token", ["", "x", "\udcff", "é"])
def test_any_other_token_stands_for_nobody(file: Path, token: str) -> None:
    addresses = Addresses(file, GATEWAY)
    addresses.url("marketing")

    assert addresses.extension(token) is None


@pytest.mark.parametrize("raw", [b"[]", b'{"a": 1}', b"{", b"\xff", b'{"a": ""}'])
def test_a_file_that_makes_no_sense_is_made_anew(
    file: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(raw)
    addresses = Addresses(file, GATEWAY)

    assert addresses.extension(token_of(addresses.url("a"))) == "a"
    assert "the addresses for others are new ones" in caplog.text
