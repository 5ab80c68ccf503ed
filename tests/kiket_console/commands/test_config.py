"""Settings are shown with where they come from, and changed without touching any other line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console import cli, config, settings
from kiket_console.errors import ExitCode
from kiket_console.paths import config_file
from kiket_console.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a way to run `kiket-console -C PROJECT …`, giving status, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["-C", str(tmp_path), *arguments])
        return (code, *capsys.readouterr())

    return run


def document(say: Say, *arguments: str) -> Any:
    code, shown, talk = say(*arguments, "--json")
    assert (code, talk) == (0, "")
    found = json.loads(shown)
    assert found["schema"] == 1
    return found


def test_each_setting_is_shown_with_its_value_and_source(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kiket.toml").write_text("[console]\nheld_s = 2.5\n")
    monkeypatch.setenv("KIKET_CONSOLE_PORT", "8710")
    _, shown, _ = say("config")
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert list(rows) == list(settings.NAMES)
    assert rows["held_s"] == ["2.5", f"{tmp_path / 'kiket.toml'}:2"]
    assert rows["port"] == ["8710", "KIKET_CONSOLE_PORT"]
    assert rows["theme"] == ["kiket-dusk", "default"]
    assert rows["telemetry"] == ["true", "default"], "as it is written in kiket.toml"
    assert rows["producer_url"] == ["none", "default"]


def test_explain_says_what_each_means_and_takes(say: Say) -> None:
    _, shown, _ = say("config", "--explain")
    words = " ".join(shown.split())
    for setting in settings.SETTINGS:
        assert f"{setting.meaning}. It takes {setting.wanted}; {setting.variable}" in words


def test_the_document_has_it_all(say: Say) -> None:
    found = document(say, "config")
    assert [each["name"] for each in found["settings"]] == list(settings.NAMES)
    assert all(each["source"] == "default" for each in found["settings"])
    assert all(each["value"] == each["default"] for each in found["settings"])
    assert found["env_file"] is None


def test_variables_of_a_project_count_once_it_is_trusted_and_never_show_a_value(
    say: Say, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("SHOP_KEY=of-the-shop\nKIKET_CONSOLE_PORT=48711\n")
    _, shown, talk = say("config")
    assert "48711" not in shown
    assert ".env is not used before you have said yes to this project." in talk
    Trust().trust(tmp_path)
    _, shown, talk = say("config")
    assert f"{tmp_path / '.env'}:2" in shown
    assert f"Variables for workers, from {tmp_path / '.env'}: SHOP_KEY" in shown
    assert "of-the-shop" not in shown
    assert document(say, "config")["env_file"] == {
        "file": str(tmp_path / ".env"),
        "used": True,
        "variables": ["SHOP_KEY"],
    }


def test_a_named_file_of_variables_is_the_persons_own_word(say: Say, tmp_path: Path) -> None:
    (tmp_path / "other.env").write_text("KIKET_CONSOLE_PORT=8712\n")
    found = document(say, "config", "--env-file", str(tmp_path / "other.env"))
    assert found["settings"][0]["value"] == 8712


def test_every_place_is_named_and_one_can_be_asked_for(say: Say, tmp_path: Path) -> None:
    places = document(say, "config", "locate")["places"]
    assert places["project"] == {"path": str(tmp_path), "exists": True}
    assert places["store"]["exists"] is False
    for name, place in places.items():
        assert say("config", "locate", name)[1] == f"{place['path']}\n"


def test_a_setting_is_changed_and_everything_else_stays(say: Say, tmp_path: Path) -> None:
    file = tmp_path / "kiket.toml"
    file.write_text("# ours\n[console]\nport = 1 # why\n\n[[extension]] # the shop\nname = 'x'\n")
    file.chmod(0o640)
    for arguments in (
        ("set", "port", "8710"),
        ("set", "allow_hosts", "a.example,b.example"),
        ("set", "theme", "kiket-dawn"),
        ("unset", "theme"),
    ):
        code, shown, _ = say("config", *arguments, "--project")
        assert (code, shown) == (0, "")
    assert file.read_text() == (
        "# ours\n[console]\nport = 8710 # why\n"
        'allow_hosts = ["a.example", "b.example"]\n\n'
        "[[extension]] # the shop\nname = 'x'\n"
    )
    assert file.stat().st_mode & 0o777 == 0o640
    assert config.load(tmp_path).allow_hosts == ("a.example", "b.example")


def test_your_own_settings_begin_with_the_first(say: Say, tmp_path: Path) -> None:
    assert document(say, "config", "set", "durability", "process") == {
        "schema": 1,
        "file": str(config_file()),
        "changed": True,
    }
    assert config_file().read_text() == 'durability = "process"\n'
    assert document(say, "config", "set", "durability", "process")["changed"] is False
    assert config.load(tmp_path).durability == "process"
    say("config", "set", "port", "8710", "--project")
    assert (tmp_path / "kiket.toml").read_text() == "[console]\nport = 8710\n"


def test_a_link_to_the_settings_stays_a_link(say: Say, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("# kept\n")
    config_file().parent.mkdir(parents=True)
    config_file().symlink_to(kept)
    say("config", "set", "held_s", "3")
    assert config_file().is_symlink()
    assert kept.read_text() == "# kept\nheld_s = 3.0\n"


@pytest.mark.parametrize(
    "text",
    [
        '[console]\nallow_hosts = [\n  "a.example",\n]\n',
        "console.allow_hosts = []\n",
        "console = {allow_hosts = []}\n",
    ],
)
def test_what_cannot_be_changed_line_by_line_is_left_to_an_editor(
    say: Say, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "kiket.toml"
    file.write_text(text)
    code, _, talk = say("config", "set", "allow_hosts", "b.example", "--project")
    assert code == ExitCode.CONFIG
    assert "cannot be changed without touching other lines" in talk
    assert file.read_text() == text


def test_what_makes_no_sense_is_never_written(say: Say) -> None:
    for arguments, sentence in (
        (("prot", "1"), 'unknown setting "prot"'),
        (("port", "eighty"), "\"port\" of the command line is 'eighty'"),
        (("theme", "dawn"), 'There is no theme "dawn".'),
    ):
        code, _, talk = say("config", "set", *arguments)
        assert code == ExitCode.CONFIG
        assert sentence in talk
    assert not config_file().exists()
