"""A wall clock that a test can move while the engine runs; its monotonic clock is left alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def move_by(file: Path) -> None:
    """Let `time.time` and `time.time_ns` be off by as many seconds as *file* says."""
    now_s, now_ns = time.time, time.time_ns

    def offset_s() -> int:
        try:
            return int(file.read_text())
        except (FileNotFoundError, ValueError):
            return 0

    time.time = lambda: now_s() + offset_s()
    time.time_ns = lambda: now_ns() + offset_s() * 1_000_000_000
