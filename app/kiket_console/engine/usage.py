"""What a worker's process tree uses of the machine."""

from __future__ import annotations

import contextlib

import psutil


class Usage:
    """Measures one tree again and again: CPU is what was used since the last time."""

    def __init__(self) -> None:
        self._known: dict[int, psutil.Process] = {}

    def measure(self, pid: int | None) -> tuple[float | None, int | None]:
        """Return (CPU in percent of one core, resident bytes) of *pid* and all below it."""
        if pid is None:
            self._known.clear()
            return None, None
        try:
            top = psutil.Process(pid)
            tree = [top, *top.children(recursive=True)]
        except psutil.Error:
            return None, None
        self._known = {each.pid: self._known.get(each.pid, each) for each in tree}
        cpu_percent, memory_bytes = 0.0, 0
        for each in self._known.values():
            with contextlib.suppress(psutil.Error):
                cpu_percent += each.cpu_percent()
                memory_bytes += each.memory_info().rss
        return cpu_percent, memory_bytes
