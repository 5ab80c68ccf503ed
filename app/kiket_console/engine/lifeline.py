"""Hold a worker's whole process tree, and end all of it when the engine is gone.

Run by path, with the standard library alone:

    python -I -S lifeline.py LIFE[,FD…] COMMAND…

LIFE is the reading end of a pipe that nobody ever writes to and whose other end only the engine
holds. When it closes, because the engine wants the worker to stop or has been killed, every
descendant gets TERM, and KILL after three seconds, or at once when this process is told USR1. The
further FDs are for the command alone.

On Linux this process adopts whatever its descendants leave behind (`PR_SET_CHILD_SUBREAPER`), so
that a daemon which detached itself is found too. Elsewhere those that are still linked by parent
are found. It ends as the command ended: same status, same signal.

A second process sleeps beside it: when this one is killed, and so ends nothing any more, that one
kills whatever has the same mark in its environment.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

GRACE_S = 3.0
"""From TERM to KILL."""
_KILL_S = 1.5
"""For how long killing is repeated: processes may be forking meanwhile."""
_FIRST_POLL_S = 0.01
_MOST_POLL_S = 0.1
"""Looking costs: what ends at once is seen at once, what takes its time is looked at seldom."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MARK = "KIKET_CONSOLE_WORKER"
"""As in `leftovers`, which the engine has for what was left by an engine before it."""
_IS_LINUX = sys.platform == "linux"
_hurry: list[bool] = []
"""Holds something once there is to be no grace."""


def main(arguments: list[str]) -> None:
    """Start the command, wait for its end or the life-line's, end what is left of the tree."""
    life, *given = (int(number) for number in arguments[0].split(","))
    _close_all_but({0, 1, 2, life, *given})
    if _IS_LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _forbid_core_files()
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for told in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(told, lambda *_: None)
    signal.signal(signal.SIGUSR1, lambda *_: _hurry.append(True))
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # a terminal's: the engine decides
    me = os.getpid()
    worker = os.fork()
    if worker == 0:
        _become(arguments[1:], life, me)
    second, orderly = _second()  # after the worker, which is known as the first child
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    for number in (nowhere, *given):
        os.close(number)
    status = _wait(worker, life, woken)
    status = _end_tree(worker, status, second)
    os.write(orderly, b".")
    with contextlib.suppress(ChildProcessError):
        os.waitpid(second, 0)
    _end_like(status)


def _second() -> tuple[int, int]:
    """Fork the second process; return it, and where to tell it that nothing is left to do."""
    told, orderly = os.pipe()
    second = os.fork()
    if second == 0:
        os.setsid()
        os.dup2(told, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _close_all_but({0})
        if not os.read(0, 1):
            _end_marked(os.environ.get(_MARK, ""))
        os._exit(0)
    os.close(told)
    return second, orderly


def _end_marked(mark: str) -> None:
    """Kill every process that has *mark*, until there is none."""
    wanted = f"{_MARK}={mark}".encode()
    deadline = time.monotonic() + _KILL_S
    found = bool(mark)
    while found and time.monotonic() < deadline:
        found = False
        for pid, _ in _living():
            with contextlib.suppress(OSError):
                raw = _read(f"/proc/{pid}/environ")
                if pid != os.getpid() and wanted in raw.split(b"\0"):
                    os.kill(pid, signal.SIGKILL)
                    found = True
        time.sleep(_FIRST_POLL_S)


def _become(command: list[str], life: int, parent: int) -> None:
    """Turn the forked child into the command; never returns."""
    try:
        os.close(life)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if _IS_LINUX:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(137)
        os.execvp(command[0], command)  # noqa: S606  # the point: no shell in between
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode(errors="backslashreplace"))
    os._exit(127)


def _wait(worker: int, life: int, woken: int) -> int | None:
    """Wait until the worker has ended (its status) or is to be ended (None)."""
    while True:
        ready, _, _ = select.select([life, woken], [], [])
        if woken in ready and {signal.SIGTERM, signal.SIGUSR1} & set(os.read(woken, 4096)):
            return None
        status = _reap(worker)
        if status is not None:
            return status
        if life in ready and not os.read(life, 1):
            return None


def _reap(worker: int) -> int | None:
    """Collect every ended child; return the worker's wait status if it was among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == worker:
                found = status
    return found


def _end_tree(worker: int, status: int | None, second: int) -> int | None:
    """End every descendant but *second*: TERM, a grace, then KILL until none is left.

    Once in a hurry there is no grace.
    """
    for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, _KILL_S)):
        deadline = time.monotonic() + patience_s
        told: set[int] = set()
        poll_s = _FIRST_POLL_S
        while time.monotonic() < deadline and not (number == signal.SIGTERM and _hurry):
            alive = _descendants() - {second}
            ended = _reap(worker)
            status = ended if ended is not None else status
            if not alive and status is not None:  # its first thread can be gone before the others
                return status
            for pid in alive - told:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            told |= alive
            time.sleep(poll_s)
            poll_s = min(_MOST_POLL_S, poll_s * 1.5)
    return status


def _descendants() -> set[int]:
    """Return the processes below this one that have not ended."""
    children: dict[int, list[int]] = {}
    for pid, parent in _living():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    unseen = [os.getpid()]
    while unseen:
        below = children.get(unseen.pop(), [])
        found.update(below)
        unseen.extend(below)
    return found


def _living() -> list[tuple[int, int]]:
    """List (process, parent) of what runs; zombies wait for their parent only."""
    if not _IS_LINUX:
        return _living_by_ps()
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208  # a tenth of the cost, in a killing loop
        if entry.isdigit():
            with contextlib.suppress(OSError):
                state, parent = _read(f"/proc/{entry}/stat").rpartition(b")")[2].split()[:2]
                if state not in (b"Z", b"X"):
                    found.append((int(entry), int(parent)))
    return found


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123  # pathlib takes a fifth of this program's start
        return file.read()


def _living_by_ps() -> list[tuple[int, int]]:
    import subprocess  # as long to load as all the rest

    with subprocess.Popen(  # fixed words
        ["/bin/ps", "-axo", "pid=,ppid=,state="], stdout=subprocess.PIPE, text=True
    ) as ps:
        rows = [row.split() for row in (ps.stdout or ())]
    return [
        (int(row[0]), int(row[1])) for row in rows if row[2][0] != "Z" and int(row[0]) != ps.pid
    ]


def _close_all_but(kept: set[int]) -> None:
    """Close what else was inherited: uvloop leaves copies of the output's ends open."""
    for name in os.listdir("/dev/fd"):  # noqa: PTH208  # as above
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(int(name))


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _forbid_core_files() -> None:
    """Keep the memory of a crashed worker, secrets and all, off the disk."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_like(status: int | None) -> None:
    if status is not None and os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status) if status is not None else signal.SIGKILL
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    main(sys.argv[1:])
