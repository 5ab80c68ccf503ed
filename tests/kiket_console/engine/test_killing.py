"""A worker that a person kills gets no time to finish, and stays ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psutil

from kiket_console.engine.lifeline import GRACE_S
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any


async def test_a_worker_is_killed_without_time_to_finish(
    supervise: Supervise, project_folder: Path
) -> None:
    """What ignores TERM would go on for three seconds; a kill is no crash, and it stays ended."""
    stubborn = "import subprocess\nsubprocess.Popen(['sh', '-c', \"trap '' TERM; sleep 60\"])\n"
    main = project_folder / "main.py"
    main.write_text(stubborn + main.read_text())
    async with supervise() as running:
        await running.serving()
        pid, asked_s = running.worker.pid, time.monotonic()
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPING)
        assert not running.worker.serving
        running.supervisor.kill(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert time.monotonic() - asked_s < GRACE_S
        assert not psutil.pid_exists(pid)
        assert running.worker.evidence == "killed when asked to"
        assert running.worker.crashes == ()
        running.supervisor.start(running.name)
        await running.serving()
