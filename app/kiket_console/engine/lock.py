"""One engine for each project: a lock that ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 0.5
"""Longer than anybody takes who only looks whether the lock is held."""


@contextmanager
def engine_lock(place: Path, folder: Path) -> Iterator[None]:
    """Hold the project's lock, with our pid in it.

    Raises `ConsoleError` naming the engine that has it.
    """
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                raise _held(os.pread(descriptor, 20, 0), folder)
            time.sleep(0.02)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(raw_pid: bytes, folder: Path) -> ConsoleError:
    pid = raw_pid.decode("ascii", "replace").strip() or "unknown"
    return ConsoleError(
        f"An engine (pid {pid}) runs for {folder} already.",
        hint="Open it with `kiket-console attach`, or end it with `kiket-console stop`.",
        exit_code=ExitCode.NETWORK,
    )
