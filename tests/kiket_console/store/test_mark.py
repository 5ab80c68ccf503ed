from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from kiket_console.store import mark
from kiket_console.store.records import Committed

if TYPE_CHECKING:
    from pathlib import Path

NEWEST = Committed(12, 34, 56, 0, 7, 8)


def write(path: Path, newest: Committed, clean: mark.CleanEnd | None = None) -> None:
    keeping = mark.Mark(path)
    keeping.write(newest, clean)
    keeping.close()


def test_it_says_what_was_written_last(path: Path) -> None:
    write(path, Committed(10**15, 10**15, 10**15, 0, 10**15, 10**15))
    write(path, NEWEST)

    assert mark.read(path) == mark.Seen(NEWEST, None)
    assert stat.S_IMODE(path.with_name("store.sqlite3.mark").stat().st_mode) == 0o600


def test_a_clean_end_holds_until_the_file_changes_or_has_a_log(path: Path) -> None:
    path.write_bytes(b"whole")
    end = mark.clean_end(path)
    write(path, NEWEST, end)
    assert mark.read(path) == mark.Seen(NEWEST, mark.clean_end(path))

    path.write_bytes(b"whale")
    os.utime(path, ns=(0, 5))
    assert mark.clean_end(path) != end
    path.with_name("store.sqlite3-wal").write_bytes(b"something")
    assert mark.clean_end(path) is None


@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 155, b"1 2 3", b"nonsense\n", b"\xff\xfe" * 60, None]
)
def test_a_mark_that_is_not_whole_says_nothing(path: Path, raw: bytes | None) -> None:
    write(path, NEWEST)
    file = path.with_name("store.sqlite3.mark")
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"34", b"35") if raw is None else raw)

    assert mark.read(path) is None


def test_where_it_cannot_be_kept_nothing_fails(path: Path) -> None:
    path.with_name("store.sqlite3.mark").mkdir()

    write(path, NEWEST)

    assert mark.read(path) is None
