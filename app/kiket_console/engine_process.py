"""How an engine is found and started; nothing heavy is imported for it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import EngineInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.paths import ProjectPaths

LOG_TAIL_BYTES = 8192


def lock_holder(paths: ProjectPaths) -> int | None:
    """Return the pid of the engine that holds the project's lock, or None when nobody does.

    0 stands for an engine that has the lock and has not written its pid yet.
    """
    try:
        with paths.engine_lock.open("rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                digits = lock.read(20).strip()
                return int(digits) if digits.isdigit() else 0
    except OSError:  # no such file, or one that an engine of ours could not have locked
        return None
    return None


def find_engine(paths: ProjectPaths) -> EngineInfo | None:
    """Return the engine that serves this project now, or None.

    An `engine.json` that a dead engine left behind does not count: the lock decides.
    """
    if lock_holder(paths) is None:
        return None
    try:
        return EngineInfo(**json.loads(paths.engine_info.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None  # it has the lock and does not serve yet


def start_engine(paths: ProjectPaths, arguments: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start an engine for this project that outlives us, its words going to `engine.log`.

    *arguments* are options of `run --headless`. The engine serves once `find_engine` returns it.
    """
    paths.make()
    anew = os.O_TRUNC if lock_holder(paths) is None else 0
    log = os.open(  # appending, because two that start at once write to one file
        paths.engine_log,
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | anew,
        0o600,
    )
    command = [sys.executable, "-E", "-P", "-m", "kiket_console", "-C", str(paths.folder)]
    try:
        return subprocess.Popen(  # noqa: S603 - our own program
            [*command, "run", "--headless", "--quiet", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(log)


def start_failure(paths: ProjectPaths, code: int) -> ConsoleError:
    """Return what an engine said before it ended with *code*."""
    try:
        with paths.engine_log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "backslashreplace").splitlines()
    except FileNotFoundError:
        lines = []
    for number, line in enumerate(lines):
        if line.startswith("Error: "):
            hint = lines[number + 1].strip() if number + 1 < len(lines) else ""
            known = {int(each) for each in ExitCode}
            exit_code = ExitCode(code) if code in known else ExitCode.FAILURE
            return ConsoleError(line.removeprefix("Error: "), hint=hint, exit_code=exit_code)
    return ConsoleError(
        f"The engine ended as it started (exit status {code}).",
        hint=f"Its log is {paths.engine_log}.",
    )
