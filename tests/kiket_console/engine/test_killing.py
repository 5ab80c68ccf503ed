"""A worker that a person kills gets no time to finish, and stays ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
from tests.kiket_console.engine.test_lifeline import lifeline_of

from kiket_console.engine import worker_tree
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

Supervise = Any


async def test_a_worker_is_killed_without_time_to_finish(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ignores TERM would go on for long here; a kill is no crash, and it stays ended."""
    monkeypatch.setattr(worker_tree, "LIFELINE", lifeline_of(1200.0, project_folder.parent))
    stubborn = "import subprocess\nsubprocess.Popen(['sh', '-c', \"trap '' TERM; sleep 60\"])\n"
    main = project_folder / "main.py"
    main.write_text(stubborn + main.read_text())
    async with supervise() as running:
        await running.serving()
        pid = running.worker.pid
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPING)
        assert not running.worker.serving
        running.supervisor.kill(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert not psutil.pid_exists(pid)
        assert running.worker.evidence == "killed when asked to"
        assert running.worker.crashes == ()
        running.supervisor.start(running.name)
        await running.serving()
