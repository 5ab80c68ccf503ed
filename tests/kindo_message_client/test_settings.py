"""What the environment and `.env` say, asked when it is needed (Kindo specification §7.6)."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kindo_message_client import config
from kindo_message_client._url import is_loopback, region_of
from kindo_message_client.aio import ProducerClient
from kindo_message_client.config import ConfigError
from kindo_message_client.producer import send_to_producer

if TYPE_CHECKING:
    from kindo_message_client.testing import FakeProducer


def test_the_names_of_the_releases_are_there() -> None:
    assert config.REQUIRED_ENV_VARS == ["KINDO_MESSAGE_PRODUCER_URL", "KINDO_MESSAGE_BEHAVIOR"]
    assert config.KINDO_MESSAGE_PRODUCER_URL == ""
    assert config.KINDO_MESSAGE_BEHAVIOR == "instant"
    assert config.AWS_REGION == "ap-southeast-2"
    assert config.AWS_SERVICE == "lambda"
    assert Path(config.SCHEMA_PATH).is_file()
    with pytest.raises(AttributeError, match="no attribute 'KINDO_SOMETHING'"):
        _ = config.KINDO_SOMETHING


def test_they_say_what_the_environment_says_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert config.AWS_REGION == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", " ")
    assert config.AWS_REGION == "ap-southeast-2"


class TestEnvFile:
    """From the working directory upwards; the environment has priority."""

    def test_is_found_above(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / ".env").write_text("AWS_REGION=eu-north-1\nKINDO_MESSAGE_BEHAVIOR=deferred\n")
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        monkeypatch.chdir(inner)
        monkeypatch.setenv("KINDO_MESSAGE_BEHAVIOR", "scheduled")
        assert config.AWS_REGION == "eu-north-1"
        assert config.KINDO_MESSAGE_BEHAVIOR == "scheduled"

    def test_of_another_user_above_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As one in the folder of temporary files may be; in the working directory it counts."""
        inner = tmp_path / "a" / "b"
        inner.mkdir(parents=True)
        (tmp_path / ".env").write_text("AWS_REGION=eu-west-1\n")
        (inner.parent / ".env").write_text("AWS_REGION=eu-north-1\n")
        others = {inner.parent / ".env"}
        monkeypatch.setattr(config, "_owner", lambda path: 4711 if path in others else 1000)
        monkeypatch.chdir(inner)
        assert config.AWS_REGION == "eu-west-1"
        monkeypatch.delenv("AWS_REGION")
        monkeypatch.chdir(inner.parent)
        assert config.AWS_REGION == "eu-north-1"

    def test_is_no_matter_where_the_working_directory_may_not_be_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "getcwd", lambda: str(tmp_path / "out-of-reach" / "in"))
        assert config.AWS_SERVICE == "lambda"

    def test_gives_no_other_variables(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("LD_PRELOAD=x\nAWS_SERVICE=execute-api\nEMPTY\nAWS_EMPTY\n")
        assert config.AWS_SERVICE == "execute-api"
        assert "LD_PRELOAD" not in os.environ
        assert "AWS_EMPTY" not in os.environ

    def test_is_not_read_before_it_is_needed(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("AWS_REGION=eu-north-1\n")
        assert config.region("eu-west-1", None) == "eu-west-1"
        assert config.service("lambda") == "lambda"
        assert "AWS_REGION" not in os.environ

    def test_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"AWS_REGION=\xff\xfe\n")
        with pytest.raises(config.ConfigError, match=r"\.env cannot be read"):
            config.setting("AWS_REGION")

    def test_is_not_missed_in_a_folder_that_is_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert config.AWS_REGION == "ap-southeast-2"


def test_which_region_is_signed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said, then the environment, then what the target names, then the default."""
    assert config.region(None, None) == "ap-southeast-2"
    assert config.region(None, "eu-west-1") == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert config.region(None, "eu-west-1") == "us-east-1"
    assert config.region("eu-north-1", "eu-west-1") == "eu-north-1"


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://abc123.lambda-url.ap-southeast-2.on.aws/", "ap-southeast-2"),
        ("https://abc123.lambda-url.us-gov-west-1.on.aws", "us-gov-west-1"),
        ("https://lambda.eu-west-1.amazonaws.com/x", "eu-west-1"),
        ("https://your-lambda-function-url.amazonaws.com", None),
        ("https://x.lambda-url.eu-west-1.on.aws.example.test/", None),
        ("https://[", None),
    ],
)
def test_which_region_a_url_names(url: str, region: str | None) -> None:
    assert region_of(url) == region


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104  # it is looked at, nothing listens there
        ("evil.localhost.example.test", False),
        ("127.0.0.1.example.test", False),
        ("sub.localhost", False),
    ],
)
def test_what_is_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("wrong", [{"region": "a\r\nX-Other: 1"}, {"service": "lämbda"}])
async def test_a_region_or_service_that_fits_in_no_header_is_told(
    wrong: dict[str, Any], message: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="to sign for"):
        send_to_producer("http://127.0.0.1:9", message, **wrong)
    with pytest.raises(ConfigError, match="to sign for"):
        async with ProducerClient("http://127.0.0.1:9", **wrong):
            pass


@pytest.mark.parametrize("timeout_s", [0, -1, math.nan])
def test_a_time_to_wait_is_more_than_none(timeout_s: float, message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="more than 0 seconds"):
        send_to_producer("http://127.0.0.1:9", message, timeout_s=timeout_s)
    with pytest.raises(ValueError, match="more than 0 seconds"):
        ProducerClient("http://127.0.0.1:9", timeout_s=timeout_s)


def test_a_time_to_wait_may_be_without_end(producer: FakeProducer, message: dict[str, Any]) -> None:
    assert send_to_producer(producer.url, message, timeout_s=math.inf)
