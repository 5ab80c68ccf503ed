"""A file of settings is read within bounds, and what is wrong with it is a sentence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kiket_console import config, settings_file
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import config_file

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert settings_file.read(tmp_path / "kiket.toml") == {}


@pytest.mark.parametrize(
    ("raw_text", "sentence"),
    [
        (b"[console\n", r"cannot be understood: .*line 1"),
        (b"theme = '\xff'\n", r"cannot be understood: .*utf-8"),
        (b"a = " + b"[" * 20_000, r"cannot be understood: .*recursion"),
        (b"#" * (settings_file.LIMIT_BYTES + 1), r"has more than 64 KiB"),
    ],
)
def test_what_cannot_be_read_is_refused_whichever_file_it_is(
    tmp_path: Path, raw_text: bytes, sentence: str
) -> None:
    config_file().parent.mkdir(parents=True)
    for file in (tmp_path / "kiket.toml", config_file()):
        file.write_bytes(raw_text)
        with pytest.raises(ConsoleError, match=rf"{file.name} {sentence}") as refused:
            config.load(tmp_path)
        assert refused.value.exit_code is ExitCode.CONFIG
        assert refused.value.hint
        file.unlink()


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "kiket.toml").mkdir()
    with pytest.raises(ConsoleError, match=r"kiket\.toml cannot be read: Is a directory"):
        settings_file.read(tmp_path / "kiket.toml")


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kiket.toml")
    with pytest.raises(ConsoleError, match=r"kiket\.toml cannot be read: it is no plain file"):
        settings_file.read(tmp_path / "kiket.toml")
