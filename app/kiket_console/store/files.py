"""The store's files on disk: private, whole, and replaced in one step or not at all.

store.sqlite3  -wal  -shm        the store
store.sqlite3.mark               see `mark`
store.sqlite3.building           a new store on its way; worth nothing when its maker is gone
store.sqlite3.next               a new store that is whole: it takes the old one's place
store.corrupt-<moment>.sqlite3   a damaged store, as it was found
store.backup-v<n>.sqlite3        a store of an older schema, as it was
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import stat
import time
from pathlib import Path

from kiket_console.errors import ConsoleError, ExitCode

LOW_DISK_BYTES = 500 * 1024 * 1024
"""With less room on its disk than that a store may soon take nothing any more."""
_COMPANIONS = ("-wal", "-shm", "-journal")
_NETWORK_KINDS = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)


def beside(path: Path, suffix: str) -> Path:
    """Return the file of *path*'s name with *suffix* after it."""
    return path.with_name(path.name + suffix)


def size(path: Path) -> int:
    """Return a file's size in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def number(path: Path) -> tuple[int, int] | None:
    """Return device and number of the file at *path*, which another one there has not."""
    try:
        found = os.stat(path)  # noqa: PTH116  # for each commit: half of pathlib's cost
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_ready(path: Path) -> None:
    """Finish or forget what a dead engine began, and make the store's files this user's alone.

    Raises `ConsoleError` when the folder cannot be written or the store is not a file of ours.
    """
    try:
        for leftover in path.parent.glob(f"{path.name}.building*"):
            leftover.unlink()
        if beside(path, ".next").exists():
            _finish(path)
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise ConsoleError(
                f"The store {path} is not a file of yours.",
                hint="Move it away and start again.",
                exit_code=ExitCode.CONFIG,
            )
        for each in (path, *(beside(path, suffix) for suffix in _COMPANIONS)):
            if each.exists() and stat.S_IMODE(each.stat().st_mode) != 0o600:
                each.chmod(0o600)
        if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
            read_only = os.statvfs(path.parent).f_flag & os.ST_RDONLY
            reason = errno.EROFS if read_only else errno.EACCES
            raise OSError(reason, os.strerror(reason))
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error.strerror or type(error).__name__) from error


def begin(path: Path, suffix: str = ".building") -> Path:
    """Make an empty private file for a new store, and return its path."""
    building = beside(path, suffix)
    try:
        building.unlink(missing_ok=True)
        os.close(os.open(building, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise unwritable(path, error.strerror or type(error).__name__) from error
    return building


def put_in_place(building: Path, path: Path) -> None:
    """Let the whole, closed store *building* take the place of *path*, durably.

    Until its name is `.next` the old store stands; from then on the next start would finish.
    """
    _flush(building, os.O_RDWR)
    building.rename(beside(path, ".next"))
    _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    _finish(path)


def keep(path: Path, label: str) -> Path:
    """Give the store at *path*, with its log, a second name that stays; return that name.

    The bytes are shared where the file system can, so that this takes no room and no time.
    """
    kept = path.with_name(f"{path.stem}.{label}{path.suffix}")
    if kept.exists():
        if kept.samefile(path):
            return kept
        kept = path.with_name(f"{path.stem}.{label}-{_moment()}{path.suffix}")
    for suffix in (*_COMPANIONS, ""):  # the store itself last: it makes the copy complete
        if beside(path, suffix).exists():
            _share(beside(path, suffix), beside(kept, suffix))
    _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    return kept


def keep_damaged(path: Path) -> Path:
    """Keep a damaged store under the name `store.corrupt-<moment>`; see `keep`."""
    return keep(path, f"corrupt-{_moment()}")


def forget(kept: Path) -> None:
    """Take a name back that `keep` gave."""
    for suffix in ("", *_COMPANIONS):
        beside(kept, suffix).unlink(missing_ok=True)


def network_kind(folder: Path, mounts: str | None = None) -> str:
    """Return the kind of network file system that *folder* is on, empty when it is on none.

    *mounts* is in the format of `/proc/self/mountinfo`, which is read by default; a system without
    it is taken to have local disks.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        except OSError:
            return ""
    real = folder.resolve()
    found, depth = "", -1
    for line in mounts.splitlines():
        mounted, _, rest = line.partition(" - ")
        point = Path(mounted.split(" ")[4].replace("\\040", " "))
        if real.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = rest.split(" ")[0], len(point.parts)
    return found if found in _NETWORK_KINDS else ""


def unwritable(path: Path, reason: str) -> ConsoleError:
    """Return the error that says that the store at *path* cannot be written."""
    full = any(word in reason for word in ("full", os.strerror(errno.ENOSPC)))
    return ConsoleError(
        f"The store {path} cannot be written: {reason}.",
        hint="Make room on its disk."
        if full
        else "Make its folder writable, or set XDG_STATE_HOME to one that is.",
        exit_code=ExitCode.CONFIG,
    )


def is_full(error: sqlite3.Error) -> bool:
    """Tell whether there is no room: the disk, a quota or a limit on the file's size."""
    return getattr(error, "sqlite_errorcode", 0) in {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
    }


def _finish(path: Path) -> None:
    """Put the whole new store in place; a log that is beside it belongs to the old one."""
    for suffix in _COMPANIONS:
        beside(path, suffix).unlink(missing_ok=True)
    beside(path, ".next").replace(path)
    _flush(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _share(file: Path, name: Path) -> None:
    try:
        os.link(file, name, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # no hard links here
        shutil.copyfile(file, name)
        name.chmod(0o600)


def _flush(place: Path, flags: int) -> None:
    """Flush a file, or a folder: a new name survives a power cut only when that was flushed."""
    opened = os.open(place, flags)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _moment() -> str:
    return (
        time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"{time.time_ns() // 1_000_000 % 1000:03}"
    )
