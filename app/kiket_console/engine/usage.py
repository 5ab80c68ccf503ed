"""What the process trees of workers use of the machine, and what we use ourselves.

All of them are below the engine, so that one look over the machine's processes serves them all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Usage(NamedTuple):
    """What a process and all below it used."""

    cpu_percent: float
    """Of one core, since the last time."""
    memory_bytes: int
    """Resident."""


class Usages:
    """Measures trees again and again; *own_pid* is ours."""

    def __init__(self, own_pid: int) -> None:
        self._own_pid = own_pid
        self._used: dict[str, tuple[int, float, float]] = {}

    def measure(self, trees: Mapping[str, int]) -> dict[str, Usage]:
        """Return what each tree below us uses, by its name; *trees* has the pids of their tops.

        What cannot be measured, as it has ended, is left out. Takes some milliseconds.
        """
        try:
            own = psutil.Process(self._own_pid)
            below = own.children(recursive=True)
        except psutil.Error:
            return {}
        names = {pid: name for name, pid in trees.items()}
        found: dict[str, list[psutil.Process]] = {name: [] for name in trees}
        owners: dict[int, str] = {}
        for process in below:  # parents come before their children
            try:
                owner = names.get(process.pid) or owners.get(process.ppid())
            except psutil.Error:
                continue
            if owner is not None:
                owners[process.pid] = owner
                found[owner].append(process)
        used = {name: self._usage(name, trees[name], each) for name, each in found.items() if each}
        self._used = {name: self._used[name] for name in used}
        return used

    def own(self) -> Usage:
        """Return what we use ourselves, without what we started."""
        return self._usage("", self._own_pid, [psutil.Process(self._own_pid)])

    def _usage(self, name: str, pid: int, tree: Iterable[psutil.Process]) -> Usage:
        cpu_s, memory_bytes, now_s = 0.0, 0, time.monotonic()
        for process in tree:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    memory_bytes += process.memory_info().rss
            except psutil.Error:
                continue
            cpu_s += times.user + times.system
            if name:  # what has ended meanwhile counts too
                cpu_s += times.children_user + times.children_system
        before_pid, before_cpu_s, before_s = self._used.get(name, (pid, cpu_s, now_s))
        self._used[name] = pid, cpu_s, now_s
        passed_s = now_s - before_s
        if before_pid != pid or passed_s <= 0:
            return Usage(0.0, memory_bytes)
        return Usage(max(0.0, cpu_s - before_cpu_s) / passed_s * 100, memory_bytes)
