"""The producer page: its message is one, its commands do as is said, its files are taken."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from tests.docs.blocks import ROOT, block

from kiket_console import cli, config, env_file
from kiket_console.errors import ExitCode
from kiket_console.producing import message, profiles
from kindo_message_client.testing import fake_producer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PAGE = ROOT / "docs" / "producer.md"
MESSAGE = block(PAGE, "A first message", 0)
COMMANDS = block(PAGE, "A first message", 1)
ENV_FILE = block(PAGE, "The sink")
SETTINGS = block(PAGE, "Who signs, and where it goes")


def test_the_commands_send_the_message_to_a_producer_that_verifies(
    own_places: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message.read(MESSAGE.text).event_type == "user.created"
    (own_places / "message.json").write_text(MESSAGE.text)
    (own_places / ".env").write_text(ENV_FILE.text)
    variables = env_file.find(own_places)
    assert variables is not None
    assert next(profiles.static_keys(variables.variables)).access_key == "local"
    monkeypatch.chdir(own_places)
    for name, value in variables.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    lines = COMMANDS.text.splitlines()
    with fake_producer() as producer:
        monkeypatch.setenv("KINDO_MESSAGE_PRODUCER_URL", producer.url)
        statuses = [cli.run(shlex.split(line)[1:]) for line in lines]
    said = capsys.readouterr()

    assert statuses == [0, 0, ExitCode.VERIFICATION, 0, 0]
    types = [each["event_type"] for each in producer.messages]
    assert types == ["user.created", "user.notification", *["user.created"] * 3]
    assert "String to sign" in said.out
    for tracking_id in producer.tracking_ids:
        assert tracking_id in said.out
    assert json.loads(MESSAGE.text)["payload"] == producer.messages[0]["payload"]


def test_the_settings_are_settings(own_places: Path) -> None:
    (own_places / "kiket.toml").write_text(SETTINGS.text)

    found = config.load(own_places)

    assert (found.producer_profile, found.producer_url[:15]) == ("dev", "https://abc123.")
