"""Hear of changes below folders at once, from Linux itself.

Between a save and the news of it a general library polls, some 15 ms and a hundred times a second;
this waits for the kernel. `slow_watch` has the other ways, which tell the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import struct
import time
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kiket_console.engine import tree

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _OVERFLOW, _IGNORED, _ONLYDIR = 0x400, 0x800, 0x4000, 0x8000, 0x1000000
_IS_FOLDER = 0x40000000
_MASK = (
    _CLOSE_WRITE
    | _MOVED_FROM
    | _MOVED_TO
    | _CREATE
    | _DELETE
    | _DELETE_SELF
    | _MOVE_SELF
    | _ONLYDIR
)
_EVENT = struct.Struct("iIII")
_READ_BYTES = 256 * 1024
LINKS_EVERY_S = 0.5
"""How often linked files are looked at that lead to where nothing is watched."""
USED_UP = (errno.ENOSPC, errno.EMFILE, errno.ENFILE)
"""What opening fails with when this machine's watches are used up."""


class Seen(Struct):
    """What has changed since one asked last."""

    written: set[str] = field(default_factory=set)
    """Files that are complete as they are now."""
    gone: set[str] = field(default_factory=set)
    """Files and folders that are not there, maybe to be put back in a moment."""
    is_lost: bool = False
    """More may have changed than could be told, or a watched folder is another one now."""

    def __bool__(self) -> bool:
        return bool(self.written or self.gone or self.is_lost)

    def add(self, other: Seen) -> None:
        """Take note of what came later."""
        self.gone -= other.written
        self.written -= other.gone
        self.gone |= other.gone
        self.written |= other.written
        self.is_lost = self.is_lost or other.is_lost


class Inotify:
    """Watches folders and, if *deep*, all below them; `wait` tells what changed.

    What changed at *since_ns* (`tree.now_ns`) or later counts as seen, so that nothing is missed
    while the watch is set up. Raises OSError, with one of `USED_UP` where there are too many.
    """

    def __init__(self, roots: Iterable[Path], since_ns: int, *, deep: bool = True) -> None:
        self._roots = [str(root) for root in roots]
        self._since_ns = since_ns
        self._deep = deep
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._paths: dict[int, str] = {}
        self._links: dict[str, tree.Print | None] = {}
        self._looked_s = 0.0
        self._seen = Seen()
        self._came = asyncio.Event()
        self._descriptor = _checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._add_roots)
        except BaseException:
            os.close(self._descriptor)
            raise
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        if self._seen:
            self._came.set()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    async def wait(self, limit_s: float) -> Seen:
        """Return what has changed, as soon as anything has; nothing after *limit_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._came.wait()
        self._came.clear()
        self._look_at_links()
        seen, self._seen = self._seen, Seen()
        return seen

    def _look_at_links(self) -> None:
        now_s = time.monotonic()
        if now_s - self._looked_s < LINKS_EVERY_S:
            return
        self._looked_s = now_s
        for path, known in self._links.items():
            seen = tree.print_of(path)
            if seen not in (known, None):  # what is not there may be about to be put back
                self._links[path] = seen
                self._seen.add(Seen(written={path}))

    def _leads_out(self, link: str) -> bool:
        target = os.path.realpath(link)
        return not any(target.startswith(f"{root}/") for root in self._roots)

    def _add_roots(self) -> None:
        for root in self._roots:
            self._add(root, self._since_ns)

    def _add(self, top: str, since_ns: int) -> None:
        """Watch *top* and all below it; what has changed there since then counts as written."""
        # A folder is listed once it is watched: a file written meanwhile is listed, or told.
        for _, files in tree.folders(top, self._add_one, deep=self._deep):
            for file in files:
                seen = tree.print_of(file.path)
                if file.is_symlink() and self._leads_out(file.path):
                    self._links[file.path] = seen
                if seen is not None and seen[2] >= since_ns:
                    self._seen.written.add(file.path)

    def _add_one(self, folder: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            raw_path = os.fsencode(folder)
            number = self._libc.inotify_add_watch(self._descriptor, raw_path, _MASK)
            self._paths[_checked(number)] = folder

    def _read(self) -> None:
        try:
            raw = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(raw):
            number, mask, _, length = _EVENT.unpack_from(raw, at)
            at += _EVENT.size + length
            name = os.fsdecode(raw[at - length : at].rstrip(b"\0"))
            self._take(number, mask, name)
        if self._seen:
            self._came.set()

    def _take(self, number: int, mask: int, name: str) -> None:
        folder = self._paths.get(number)
        if mask & _IGNORED:
            self._paths.pop(number, None)
        elif mask & _OVERFLOW:
            self._seen.is_lost = True
        elif folder is None:
            return
        elif mask & (_DELETE_SELF | _MOVE_SELF):
            self._seen.is_lost = self._seen.is_lost or folder in self._roots
        elif mask & _IS_FOLDER or (
            mask & (_CREATE | _MOVED_TO) and _is_linked_folder(f"{folder}/{name}")
        ):
            self._take_folder(mask, f"{folder}/{name}", name)
        elif tree.counts(name):
            self._take_file(mask, f"{folder}/{name}")

    def _take_folder(self, mask: int, path: str, name: str) -> None:
        if not self._deep or tree.is_ignored(name) or tree.is_cache(path):
            return
        if mask & (_DELETE | _MOVED_FROM):
            for number, watched in list(self._paths.items()):
                if watched == path or watched.startswith(f"{path}/"):
                    self._libc.inotify_rm_watch(self._descriptor, number)
            self._seen.add(Seen(gone={path}))
        else:
            self._seen.gone.discard(path)
            try:
                self._add(path, 0)
            except OSError:  # the watches are used up: whoever asks finds out by opening anew
                self._seen.is_lost = True

    def _take_file(self, mask: int, path: str) -> None:
        self._links.pop(path, None)
        if os.path.islink(path) and self._leads_out(path):  # noqa: PTH114  # as in `tree`
            self._links[path] = tree.print_of(path)
        if mask & (_DELETE | _MOVED_FROM):
            self._seen.add(Seen(gone={path}))
        elif mask & (_CLOSE_WRITE | _MOVED_TO) or _is_whole(path):
            self._seen.add(Seen(written={path}))


def _is_whole(path: str) -> bool:
    """Tell whether a file that was just made is not going to be written: a link of any kind."""
    try:
        seen = os.lstat(path)
    except OSError:
        return False
    return seen.st_nlink > 1 or not os.path.isfile(path) or os.path.islink(path)  # noqa: PTH113, PTH114


def _is_linked_folder(path: str) -> bool:
    return os.path.islink(path) and os.path.isdir(path)  # noqa: PTH112, PTH114  # as in `tree`


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
