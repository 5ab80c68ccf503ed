from __future__ import annotations

import os
import sqlite3
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.store import files
from kiket_console.store.reader import Reader
from kiket_console.store.writer import Writer

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S = 120

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /home rw - nfs4 server:/home rw
31 30 254:1 / /home/ann/local rw - xfs /dev/vdb rw
32 22 0:41 / /mnt/team\\040share rw - cifs //server/share rw
33 22 0:42 / /mnt/far rw - fuse.sshfs ann@far: rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/ann/state", "nfs4"),
        ("/home/ann/local/state", ""),
        ("/mnt/team share/x", "cifs"),
        ("/mnt/far", "fuse.sshfs"),
        ("/mnt/farther", ""),
        ("/var/lib", ""),
    ],
)
def test_a_network_file_system_is_known_by_its_mount(folder: str, kind: str, path: Path) -> None:
    assert files.network_kind(type(path)(folder), MOUNTS) == kind


def test_on_a_network_file_system_there_is_a_warning_and_no_shared_memory(
    path: Path, arrived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred commits beside a reader: nothing is lost, and the file is sound."""
    monkeypatch.setattr(files, "network_kind", lambda _: "nfs4")
    writer = Writer(path)
    [note] = writer.notes
    assert note.startswith("The store is on a network file system (nfs4)")
    ended = threading.Event()
    counts: list[int] = []

    def read() -> None:
        with Reader(path) as reader:
            while not ended.wait(0.02):  # the pace of a screen
                counts.append(len(reader.ids()))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 201):
        writer.submit([arrived(number)]).result(PATIENCE_S)
    ended.set()
    thread.join(PATIENCE_S)
    writer.close()

    assert counts == sorted(counts)
    assert not path.with_name("store.sqlite3-shm").exists()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM exchange").fetchone() == (200,)


def test_files_that_others_could_read_are_made_private(path: Path, arrived: Any) -> None:
    writer = Writer(path)
    writer.submit([arrived(1)]).result(PATIENCE_S)
    left = {file: file.read_bytes() for file in path.parent.glob("store*")}
    writer.close()
    for file, raw in left.items():
        file.write_bytes(raw)
        file.chmod(0o666)

    again = Writer(path)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("store*")}
    again.close()

    assert modes == {0o600}


def test_a_folder_that_cannot_be_written_is_refused_with_its_path(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store that is there can still be read."""
    Writer(path).close()
    path.parent.chmod(0o500)
    if os.getuid() == 0:  # to whom nothing is read-only
        monkeypatch.setattr("os.access", lambda *_: False)
    try:
        with pytest.raises(ConsoleError) as refused:
            Writer(path)
    finally:
        path.parent.chmod(0o700)

    assert refused.value.message == f"The store {path} cannot be written: Permission denied."
    assert refused.value.exit_code == ExitCode.CONFIG
    with Reader(path) as reader:
        assert list(reader.ids()) == []


def test_a_store_that_cannot_be_opened_is_no_damaged_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only disk, say: nothing is moved, and one sentence names the file."""
    Writer(path).close()
    before = path.read_bytes()

    def refuse(*args: Any, **options: Any) -> sqlite3.Connection:
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise error

    with pytest.raises(ConsoleError) as refused:
        Writer(path, connect=refuse)

    assert refused.value.message == (
        f"The store {path} cannot be written: attempt to write a readonly database."
    )
    assert path.read_bytes() == before
    assert list(path.parent.glob("store.corrupt*")) == []


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    missing = path.parent / "gone" / "store.sqlite3"

    with pytest.raises(ConsoleError) as refused:
        Writer(missing)

    assert refused.value.message == (
        f"The store {missing} cannot be written: No such file or directory."
    )


def test_a_link_in_place_of_the_store_is_refused(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")

    with pytest.raises(ConsoleError, match="is not a file of yours"):
        Writer(path)

    assert not (path.parent / "elsewhere").exists()


def test_a_copy_is_kept_where_the_file_system_knows_no_second_names(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    path.write_bytes(b"some bytes")
    path.with_name("store.sqlite3-wal").write_bytes(b"a log")
    monkeypatch.setattr("os.link", refuse)

    kept = files.keep(path, "backup-v1")

    assert kept.read_bytes() == b"some bytes"
    assert files.beside(kept, "-wal").read_bytes() == b"a log"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_second_copy_of_the_same_name_gets_a_moment(path: Path) -> None:
    path.write_bytes(b"one")
    first = files.keep(path, "backup-v1")
    again = files.keep(path, "backup-v1")
    path.unlink()
    path.write_bytes(b"another")
    second = files.keep(path, "backup-v1")

    assert first == again
    assert second != first
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"another")


def test_a_whole_new_store_is_put_in_place_by_the_next_start(path: Path, arrived: Any) -> None:
    """Its maker was killed between naming it and putting it in place; the log is the old one's."""
    Writer(path).close()
    path.rename(path.with_name("store.sqlite3.next"))
    path.write_bytes(b"the old one")
    path.with_name("store.sqlite3-wal").write_bytes(b"and its log")

    writer = Writer(path)
    writer.submit([arrived(1)]).result(PATIENCE_S)
    writer.close()

    assert writer.notes == ()
    assert not path.with_name("store.sqlite3.next").exists()
