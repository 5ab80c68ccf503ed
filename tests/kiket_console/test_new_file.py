"""Files that a person asked for are private, whole, and take no other's place."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.new_file import SHARED, write_new

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_readable_by_this_user_alone_unless_it_is_to_be_shared(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_new(tmp_path / "a", b"x")
        write_new(tmp_path / "b", b"x", mode=SHARED)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o644


def test_what_is_there_is_replaced_on_request_only(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"mine")
    with pytest.raises(ConsoleError, match="is there already"):
        write_new(file, b"new")
    assert file.read_bytes() == b"mine"
    write_new(file, b"new", replace=True)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    write_new(file, b"shared", mode=SHARED, replace=True)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"shared", 0o640)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConsoleError):
        write_new(tmp_path / "link", b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="Cannot write"):
        write_new(tmp_path / "none" / "a", b"x")
