"""Where settings come from, who wins, and what is said about those that make no sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiket_console import config
from kiket_console.config import Config
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import config_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write_user(text: str) -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(text)


def test_without_any_word_the_defaults_hold(folder: Path) -> None:
    found = config.load(folder)
    assert found == Config()
    assert found.sources == {}


def test_each_source_wins_over_those_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user('port = 1001\ntheme = "user"\nheld_s = 1\nforward_timeout_s = 1\n')
    (folder / "kiket.toml").write_text("[console]\nport = 1002\nheld_s = 2\nforward_timeout_s = 2")
    monkeypatch.setenv("KIKET_CONSOLE_PORT", "1003")
    monkeypatch.setenv("KIKET_CONSOLE_FORWARD_TIMEOUT_S", "3.5")
    found = config.load(folder, {"port": 1004, "allow_hosts": ()})
    assert (found.port, found.forward_timeout_s, found.held_s, found.theme) == (
        1004,
        3.5,
        2,
        "user",
    )
    assert found.sources == {
        "port": "the command line",
        "forward_timeout_s": "KIKET_CONSOLE_FORWARD_TIMEOUT_S",
        "held_s": f"{folder / 'kiket.toml'}:3",
        "theme": f"{config_file()}:2",
    }


def test_host_names_are_a_list_with_commas_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_CONSOLE_ALLOW_HOSTS", "a.example, b.example")
    assert config.load(folder).allow_hosts == ("a.example", "b.example")


def test_what_is_kept_how_long_and_how_large_can_be_said_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_user("retention_days = 30")
    (folder / "kiket.toml").write_text("[console]\nretention_mb = 0")
    monkeypatch.setenv("KIKET_CONSOLE_BODY_MIB", "8")
    found = config.load(folder)
    assert (found.retention_days, found.retention_mb, found.body_mib) == (30, 0, 8)
    assert found.sources["retention_days"] == f"{config_file()}:1"


def test_an_unknown_setting_is_answered_with_the_nearest_name(folder: Path) -> None:
    (folder / "kiket.toml").write_text("[console]\nprot = 1")
    with pytest.raises(ConsoleError) as refused:
        config.load(folder)
    assert refused.value.message.endswith('kiket.toml:2 has an unknown setting "prot".')
    assert refused.value.hint == 'Did you mean "port"?'
    assert refused.value.exit_code is ExitCode.CONFIG


def test_an_unknown_variable_of_ours_is_not_ignored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_CONSOLE_PROT", "1")
    with pytest.raises(ConsoleError, match='KIKET_CONSOLE_PROT has an unknown setting "prot"'):
        config.load(folder)


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("port = 0", "a port from 1 to 65535"),
        ("port = true", "a port from 1 to 65535"),
        ('port = "8700"', "a port from 1 to 65535"),
        ("held_s = -1", "seconds, above 0 and at most 3600"),
        ('durability = "none"', "full or process"),
        ("body_mib = 0", "whole MiB from 1 to 25"),
        ("body_mib = 2.5", "whole MiB from 1 to 25"),
        ("retention_days = -1", "whole days up to 3650, 0 to keep for ever"),
        ("retention_mb = true", "whole MB up to 1000000, 0 for no limit"),
        ('allow_hosts = "a.example"', "a list of host names"),
        ('allow_hosts = ["http://a.example"]', "a list of host names"),
        ('allow_hosts = ["*"]', "a list of host names"),
        ('theme = ""', "the name of a theme"),
    ],
)
def test_a_value_that_makes_no_sense_is_said(folder: Path, setting: str, wanted: str) -> None:
    (folder / "kiket.toml").write_text(f"[console]\n{setting}")
    with pytest.raises(ConsoleError) as refused:
        config.load(folder)
    assert wanted in refused.value.hint
    assert setting.split(" = ")[0] in refused.value.message


def test_a_number_that_is_none_is_said_with_its_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_CONSOLE_PORT", "eighty")
    with pytest.raises(ConsoleError, match="\"port\" of KIKET_CONSOLE_PORT is 'eighty'"):
        config.load(folder)


def test_broken_toml_is_said_with_its_place(folder: Path) -> None:
    (folder / "kiket.toml").write_text("[console\n")
    with pytest.raises(ConsoleError, match=r"kiket\.toml cannot be understood: .*line 1"):
        config.load(folder)
