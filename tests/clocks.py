"""Time of an event loop that passes when a test says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets so many seconds pass at once for the loop that runs, and all its timers."""
    loop = asyncio.get_running_loop()
    now_s, passed_s = loop.time, 0.0

    def pass_by(seconds: float) -> None:
        nonlocal passed_s
        passed_s += seconds

    monkeypatch.setattr(loop, "time", lambda: now_s() + passed_s)
    return pass_by
