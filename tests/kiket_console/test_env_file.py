"""A `.env` is read as people write it, within bounds, and what is wrong is said with its line."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from kiket_console import config, env_file
from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_it_is_read_as_people_write_it(file: Path) -> None:
    file.write_text(
        "# of the shop\n"
        "PLAIN=one two   # a comment\n"
        "export EXPORTED=yes\n"
        "QUOTED='with # and \"'\n"
        'LINES="first\\nsecond"\n'
        "EMPTY=\n"
        "ONLY_NAMED\n"
        "TWICE=1\n"
        "TWICE=2\n"
    )
    found = env_file.find(file.parent)
    assert found is not None
    assert found.variables == {
        "PLAIN": "one two",
        "EXPORTED": "yes",
        "QUOTED": 'with # and "',
        "LINES": "first\nsecond",
        "EMPTY": "",
        "TWICE": "2",
    }
    assert found.source("TWICE") == f"{file}:9"
    assert found.source("QUOTED") == f"{file}:4"


def test_nothing_is_put_in_and_nothing_is_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_SECRET", "of-the-host")
    file.write_text(f"A=${{HOST_SECRET}}\nB=$(touch {tmp_path}/run)\nC=`touch {tmp_path}/run`\n")
    found = env_file.find(file.parent)
    assert found is not None
    assert found.variables["A"] == "${HOST_SECRET}"
    assert not (tmp_path / "run").exists()


def test_values_are_in_no_representation(file: Path) -> None:
    file.write_text("API_KEY=not-for-eyes")
    assert "not-for-eyes" not in repr(env_file.find(file.parent))


def test_without_a_file_there_is_nothing_but_a_named_one_must_be_there(file: Path) -> None:
    assert env_file.find(file.parent) is None
    with pytest.raises(ConsoleError, match=r"There is no file .*other\.env"):
        env_file.find(file.parent, file.parent / "other.env")


@pytest.mark.parametrize(
    ("raw", "where", "sentence"),
    [
        (b"A=1\n\n'quoted=1\n", 3, "cannot be understood"),
        (b"A=1\nB='never closed\n", 2, "cannot be understood"),
        (b"A=1\n1B=2\n", 2, "a variable's name"),
        (b"A=1\nB=a\0b\n", 2, "NUL"),
        (b"A=1\nB=\xff\n", 2, "not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    file: Path, raw: bytes, where: int, sentence: str
) -> None:
    file.write_bytes(raw)
    with pytest.raises(ConsoleError) as refused:
        env_file.find(file.parent)
    assert f"{file}:{where} " in refused.value.message
    assert sentence in refused.value.message
    assert refused.value.exit_code is ExitCode.CONFIG


@pytest.mark.parametrize(
    "raw",
    [
        b"A" * 70_000,
        b"".join(b"A%d=1\n" % number for number in range(5_000)),
        b"A='\n" * 16_000,
        b"A=" + b"$" * 65_000,
        b"\\" * 65_000,
        b" " * 65_000 + b"=",
        b"A=x" + b" " * 65_000 + b"y",
    ],
)
def test_a_hostile_file_is_refused_or_taken_at_once(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    began_s = time.process_time()
    try:
        found = env_file.find(file.parent)
    except ConsoleError:
        found = None
    assert found is None or len(found.variables) <= env_file.LIMIT_VARIABLES
    assert time.process_time() - began_s < 2


def test_what_is_no_file_never_blocks(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(ConsoleError, match="no plain file"):
        env_file.find(file.parent)
    file.unlink()
    file.mkdir()
    with pytest.raises(ConsoleError):
        env_file.find(file.parent)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("STRIPE_API_KEY", "sk_live_123456", "sk_live_123456"),
        ("db_password", "hunter2!", "hunter2!"),
        ("DATABASE_URL", "postgres://me:hunter2@db/shop", "hunter2"),
        ("DATABASE_URL", "postgres://db/shop", ""),
        ("PASSWORDLESS", "true", ""),
        ("KEY_COUNT", "1234567", ""),
        ("REGION", "eu-central-1", ""),
    ],
)
def test_what_looks_like_a_secret_is_one(name: str, value: str, secret: str) -> None:
    assert env_file.secret_part(name, value) == secret


def test_settings_of_ours_stand_between_the_project_and_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file.parent / "kiket.toml").write_text("[console]\nport = 1001\nheld_s = 1\nbody_mib = 1")
    file.write_text("# ours\nKIKET_CONSOLE_PORT=1002\nKIKET_CONSOLE_HELD_S=2\n")
    monkeypatch.setenv("KIKET_CONSOLE_PORT", "1003")
    found = config.load(file.parent, env_file=env_file.find(file.parent))
    assert (found.port, found.held_s, found.body_mib) == (1003, 2, 1)
    assert found.sources["held_s"] == f"{file}:3"


def test_a_wrong_setting_is_said_with_its_line(file: Path) -> None:
    file.write_text("A=1\nKIKET_CONSOLE_PORT=eighty\n")
    with pytest.raises(ConsoleError, match=r'"port" of .*\.env:2 is \'eighty\''):
        config.load(file.parent, env_file=env_file.find(file.parent))
