from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.errors import ConsoleError
from kiket_console.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_this_users_alone_whatever_the_umask(own_places: Path) -> None:
    umask = os.umask(0)
    try:
        write_private(own_places / "file", b"one")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((own_places / "file").stat().st_mode) == 0o600


def test_a_file_is_replaced_whole_and_nothing_else_is_left(own_places: Path) -> None:
    place = own_places / "place"
    place.mkdir()
    target = own_places / "elsewhere"
    target.write_text("not to be touched")
    (place / "file").symlink_to(target)
    write_private(place / "file", b"two")
    assert (place / "file").read_bytes() == b"two"
    assert target.read_text() == "not to be touched"
    assert [each.name for each in place.iterdir()] == ["file"]


def test_what_cannot_be_written_is_told(own_places: Path) -> None:
    with pytest.raises(ConsoleError, match=r"Cannot write .*missing/file: No such file"):
        write_private(own_places / "missing" / "file", b"")
