"""One engine for each project, and a dead one's lock is no obstacle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine.lock import engine_lock
from kiket_console.engine_process import find_engine, lock_holder
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.paths import ProjectPaths

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def paths(own_places: Path) -> ProjectPaths:
    folder = own_places / "project"
    folder.mkdir()
    made = ProjectPaths(folder)
    made.make()
    return made


def test_the_holder_is_known_while_it_holds(paths: ProjectPaths) -> None:
    assert lock_holder(paths) is None
    with engine_lock(paths.engine_lock, paths.folder):
        assert lock_holder(paths) == os.getpid()
        assert paths.engine_lock.stat().st_mode & 0o777 == 0o600
    assert lock_holder(paths) is None


def test_a_second_engine_is_refused_with_the_firsts_pid(paths: ProjectPaths) -> None:
    with (
        engine_lock(paths.engine_lock, paths.folder),
        pytest.raises(ConsoleError) as refused,
        engine_lock(paths.engine_lock, paths.folder),
    ):
        raise AssertionError("two engines")
    pid = os.getpid()
    assert refused.value.message == f"An engine (pid {pid}) runs for {paths.folder} already."
    assert "kiket-console attach" in refused.value.hint
    assert "kiket-console stop" in refused.value.hint
    assert refused.value.exit_code is ExitCode.NETWORK


def test_a_killed_engine_holds_nothing(paths: ProjectPaths) -> None:
    hold = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from kiket_console.engine.lock import engine_lock\n"
        "with engine_lock(Path(sys.argv[1]), Path('/')):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(paths.engine_lock)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert lock_holder(paths) == process.pid
        paths.engine_info.write_text('{"pid": 1}')
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert lock_holder(paths) is None
    assert find_engine(paths) is None
    with engine_lock(paths.engine_lock, paths.folder):
        assert lock_holder(paths) == os.getpid()
