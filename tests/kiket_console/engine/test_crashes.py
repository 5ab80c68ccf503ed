"""Code that crashes is given more and more rest, and is left alone when it never works."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kiket_console.engine import crashes
from kiket_console.engine.crashes import Crashes
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

Supervise = Any


def test_each_crash_in_a_row_waits_about_twice_as_long() -> None:
    counted = Crashes()
    for count in range(1, crashes.CRASHES_ALLOWED + 1):
        assert counted.add(count, alive_s=0.1) == count
        doubled_s = crashes.FIRST_BACKOFF_S * 2 ** (count - 1)
        assert abs(counted.backoff_s / doubled_s - 1) <= crashes.JITTER + 1e-9


def test_code_that_worked_for_a_while_begins_anew() -> None:
    counted = Crashes()
    for now_s in range(0, 40, 11):
        assert counted.add(now_s, alive_s=crashes.STABLE_S) == 1
    assert counted.backoff_s <= crashes.FIRST_BACKOFF_S * (1 + crashes.JITTER)


def test_crashes_long_ago_do_not_count() -> None:
    counted = Crashes()
    counted.add(0.0, alive_s=1.0)
    assert counted.add(crashes.CRASH_WINDOW_S + 1.0, alive_s=1.0) == 1


def test_a_change_of_the_code_forgets_them() -> None:
    counted = Crashes()
    counted.add(0.0, alive_s=1.0)
    counted.forget()
    assert counted.add(1.0, alive_s=1.0) == 1


async def test_five_crashes_in_a_minute_are_fatal_until_the_next_save(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves each time, so that no start of it fails, and leaves its last words."""
    monkeypatch.setattr(crashes, "FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(crashes, "STABLE_S", 600)
    monkeypatch.setattr(crashes, "CRASH_WINDOW_S", 600)  # however long five starts take here
    code = (project_folder / "main.py").read_text()
    (project_folder / "main.py").write_text(
        f"{code}\ndef answer(path):\n"
        "    if path == '/crash':\n"
        "        print('no more memory for', os.getpid(), file=sys.stderr)\n"
        "        os.abort()\n"
        "    return 'one'\n"
    )
    async with supervise() as running:

        def is_in(state: WorkerState) -> bool:
            return running.worker.state is state

        for count in range(1, crashes.CRASHES_ALLOWED + 1):
            with contextlib.suppress(AssertionError, OSError):  # its connection ends with it
                await running.ask("/crash")
            await running.until(
                lambda count=count: running.worker.starts > count or is_in(WorkerState.FATAL)
            )
        assert running.worker.starts == crashes.CRASHES_ALLOWED
        problem = running.worker.problem
        assert "was killed by SIGABRT" in problem.sentence
        assert "5 crashes within 600 s" in problem.sentence
        assert problem.sentence.endswith("Save a file or restart it to try once more.")
        assert any("no more memory for" in line for line in problem.traceback)
        assert "Fatal Python error: Aborted" in problem.traceback
        assert running.supervisor.serving(running.name) is None
        assert "Fatal Python error: Aborted" in running.texts("stderr")
        assert await running.supervisor.wait_serving(running.name) is None
        running.save(code)
        assert await running.ask() == "one"
        await running.until(lambda: is_in(WorkerState.SERVING))
